"""From a profile to finished runs: planning, jobs, status. Training happens in train.py alone."""
