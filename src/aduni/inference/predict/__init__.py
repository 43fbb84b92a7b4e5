"""Images of one's own through trained models: probabilities as a table, features as an array."""
