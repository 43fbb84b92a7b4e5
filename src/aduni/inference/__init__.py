"""Use a trained model: classify images, explain predictions, export it."""
