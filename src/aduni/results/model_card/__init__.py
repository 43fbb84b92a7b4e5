"""The model card: what a trained model is, how well it does, and what it is not for."""
