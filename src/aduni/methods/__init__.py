"""One file per method; a method knows its losses and heads, never the trainer or the data."""
