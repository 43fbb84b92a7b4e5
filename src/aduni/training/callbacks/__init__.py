"""Lightning callbacks: history.csv, checkpoints, progress bar, signal handlers."""
