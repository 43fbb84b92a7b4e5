"""Loaders of images or features: sampling, batches, worker processes."""
