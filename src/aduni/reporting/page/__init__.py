"""The report's page: its tables, its templates, and what they are filled with."""
