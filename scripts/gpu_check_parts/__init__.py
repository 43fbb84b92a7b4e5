"""Parts of scripts/gpu_check.py: what a GPU is, and how long the pieces of a step take on it.

Each module's `measure` takes a `Size` and a folder, and returns a section of the report, its
Markdown and, where the part has failed nevertheless, the faults.
"""
