"""How predictions become decisions: what is asked for, and the file that says how to decide."""
