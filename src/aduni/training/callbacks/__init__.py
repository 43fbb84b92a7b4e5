"""Lightning callbacks, one a file: what to write, show or average each epoch, when to stop."""
