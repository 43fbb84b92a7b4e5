"""The pages of the API reference, from the names that packages export and their docstrings."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import aduni

MODULES = {
    "aduni.methods": ("base", "two_stage"),
    "aduni.models": ("heads", "memory"),
    "aduni.data": ("image_table",),
    "aduni.metrics": ("metric", "samples"),
    "aduni.samplers": (),
    "aduni.schedules": ("",),
    "aduni.batch": ("",),
}
"""Modules whose functions and classes are public too, by the page that has them."""
FIRST = ("aduni", "aduni.losses", "aduni.samplers", "aduni.metrics", "aduni.methods")
"""Pages of what users call: they come first, and describe what others have too."""


def lazy_names() -> dict[str, list[str]]:
    """Return the names that packages resolve at their first use, by package."""
    found = {}
    walked = pkgutil.walk_packages(aduni.__path__, "aduni.")
    for name in ("aduni", *(module.name for module in walked if module.ispkg)):
        package = importlib.import_module(name)
        if names := getattr(package, "__all__", []):
            found[name] = sorted(names)
    return found


def reference_pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each page."""
    pages = [*FIRST, *sorted({*lazy_names(), *MODULES} - {*FIRST})]
    described: dict[int, str] = {}
    for page in pages:
        yield f"{page}.rst", "\n".join(_page(page, described))
    lines = [*_heading("API reference", "="), *INTRODUCTION, ".. toctree::", "   :maxdepth: 1", ""]
    yield "index.rst", "\n".join([*lines, *(f"   {page}" for page in pages), ""])


INTRODUCTION = [
    "The names that Python code and YAML files use. A name stands under the package that exports",
    "it, whatever module defines it: ``aduni.methods.PaCo`` is the address that never moves.",
    "The values and ranges of all settings are in :doc:`/docs/configuration`.",
    "",
]


def _heading(title: str, underline: str) -> list[str]:
    return [title, underline * len(title), ""]


def _page(page: str, described: dict[int, str]) -> Iterator[str]:
    package = importlib.import_module(page)
    yield from _heading(page, "=")
    yield from [(inspect.getdoc(package) or "").split("\n\n")[0], "", f".. py:module:: {page}", ""]
    names = {name: getattr(package, name) for name in getattr(package, "__all__", [])}
    for name, value in sorted(names.items(), key=lambda item: (inspect.isclass(item[1]), item[0])):
        yield from _entry(page, name, value, described)
    for part in MODULES.get(page, ()):
        module = importlib.import_module(f"{page}.{part}".rstrip("."))
        if part:
            yield from _heading(module.__name__, "-")
            yield from [(inspect.getdoc(module) or "").split("\n\n")[0], ""]
        for name, value in _public(module):
            if id(value) not in described:
                yield from _entry(module.__name__, name, value, described)


def _public(module: ModuleType) -> Iterator[tuple[str, object]]:
    for name, value in vars(module).items():
        is_code = inspect.isfunction(value) or inspect.isclass(value)
        if is_code and value.__module__ == module.__name__ and not name.startswith("_"):
            yield name, value


def _entry(module: str, name: str, value: object, described: dict[int, str]) -> Iterator[str]:
    kind = "class" if inspect.isclass(value) else "function" if callable(value) else "data"
    address = f"{module}.{name}"
    first = described.setdefault(id(value), address)
    if first != address:
        yield from [f".. py:{kind}:: {name}", f"   :module: {module}", ""]
        yield from [f"   The same as :py:obj:`{first}`.", ""]
        return
    yield f".. auto{kind}:: {address}"
    if kind == "class":
        yield from ["   :members:", "   :show-inheritance:"]
    yield ""
