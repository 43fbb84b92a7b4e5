"""Content, loading and reuse of checkpoints."""
