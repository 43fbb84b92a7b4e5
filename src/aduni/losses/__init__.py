"""Losses as pure functions: tensors in, one value per anchor out."""
