"""Command-line interface of the scripts in src/, which answers mistakes before slow imports."""

from aduni.cli.imports import quick_imports, slow_imports

__all__ = ["quick_imports", "slow_imports"]
