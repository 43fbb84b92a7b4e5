"""Check settings and build what they name, those of earlier runs and unknown checkpoints too."""
