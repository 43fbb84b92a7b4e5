"""Fetch archives of published data sets, and unpack them safely."""
