"""What a command does before torch and its like are imported, which takes seconds."""

from aduni.cli.imports import quick_imports

__all__ = ["quick_imports"]
