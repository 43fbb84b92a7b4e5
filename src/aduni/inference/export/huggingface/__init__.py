"""Export a model to a folder in the layout of the Hugging Face hub: config, weights, card."""
