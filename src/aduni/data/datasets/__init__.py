"""Data sets, one file each: published ones, and those of a user."""
