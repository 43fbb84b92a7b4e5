"""Statistics of finished runs: paired, by class, of batches and of features."""
