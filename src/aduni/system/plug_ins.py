"""Find what the files of a package declare, so that a new file needs no entry elsewhere."""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any


def declared_in(package: ModuleType, attribute: str) -> list[Any]:
    """Import all files of a package, and return what they define under a name, by file name."""
    names = [module.name for module in iter_modules(package.__path__)]
    modules = [import_module(f"{package.__name__}.{name}") for name in names]
    return [getattr(module, attribute) for module in modules if hasattr(module, attribute)]
