"""Divide images into parts, by a protocol or as a file says."""
