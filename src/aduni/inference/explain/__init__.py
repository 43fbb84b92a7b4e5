"""Explain a model's predictions: Grad-CAM maps, similar training images, confident errors."""
