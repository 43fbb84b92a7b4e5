"""Decode images once, keep them resized, and notice when their files change."""
