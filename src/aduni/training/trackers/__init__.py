"""Send runs and reports to experiment trackers: Lightning's loggers, each chosen by one YAML."""
