"""Load a trained model, predict with it, and test it on its own or other data."""
