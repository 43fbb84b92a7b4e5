"""Read predictions of other programs as finished runs."""
