"""Files that a run leaves: written, read, and checked against each other."""
