"""From label tables and image files to batches of augmented views."""
