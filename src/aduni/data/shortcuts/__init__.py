"""Numbers about images that tell nothing of a finding, but may give its class away."""
