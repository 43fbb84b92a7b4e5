"""Find the first mistake of a command line, and suggest what was meant."""
