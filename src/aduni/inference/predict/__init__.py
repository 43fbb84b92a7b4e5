"""Classify a user's images: probabilities as a table, features as an array."""
