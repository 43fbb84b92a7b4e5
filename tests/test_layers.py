"""Imports point one way: a package sees only those on the lines above its own."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

SRC = Path(__file__).resolve().parents[1] / "src"

ORDER = """
errors shortage batch schedules losses
system
metrics models
distributed
data methods
results checkpoints samplers
config reporting cli
evaluation auditing
training inference
reproduce
fitting
api commands
__main__
"""
"""Packages of one line do not see each other; the scripts, src/*.py, see all."""
NEVER = {
    "losses": ("hydra", "pytorch_lightning"),
    "models": ("hydra", "pytorch_lightning"),
    "methods": ("aduni.data", "hydra", "pytorch_lightning"),
    "schedules": ("torch", "hydra"),
    "data": ("hydra",),
    "results": ("torch", "hydra", "pytorch_lightning"),
    "reporting": ("torch", "hydra", "pytorch_lightning"),
    "training": ("hydra",),
    "evaluation": ("hydra",),
    "inference": ("hydra",),
}

LINE_OF = {name: n for n, line in enumerate(ORDER.split("\n")) for name in line.split()}
FILES = sorted((SRC / "aduni").rglob("*.py")) + sorted(SRC.glob("*.py"))


def _package(file: Path) -> str:
    return file.relative_to(SRC / "aduni").with_suffix("").parts[0]


def _imports(file: Path, *, for_types: bool = True) -> set[str]:
    """Return what a file imports, inside functions too: of `from a import b` both a and a.b."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = node.body if for_types else []
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.update([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found


def _is_upward(package: str, imported: str) -> bool:
    parts = imported.split(".")
    if parts[0] != "aduni" or parts[1:2] == [package]:
        return False
    return LINE_OF[parts[1]] >= LINE_OF[package]


def test_a_package_imports_only_from_above_its_line():
    upward = []
    for file in FILES:
        if file.parent == SRC or file == SRC / "aduni" / "__init__.py":
            continue
        package = _package(file)
        upward += [f"{file} imports {name}" for name in _imports(file) if _is_upward(package, name)]
    assert upward == []


def test_some_packages_never_see_some_libraries():
    seen = []
    for package, forbidden in NEVER.items():
        for file in FILES:
            if file.parent == SRC or _package(file) != package:
                continue
            for name in _imports(file):
                if any(name == one or name.startswith(f"{one}.") for one in forbidden):
                    seen.append(f"{file} imports {name}")
    assert seen == []


def test_no_module_imports_itself_through_others():
    """Imports inside functions count; those for type checking do not happen at run time."""
    files = {_module(file): file for file in FILES if file.parent != SRC}
    graph = {name: _imports(file, for_types=False) & files.keys() for name, file in files.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the modules


def _module(file: Path) -> str:
    parts = file.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_files_stay_under_260_lines():
    assert [file for file in FILES if file.read_text().count("\n") > 260] == []


def test_functions_stay_under_40_lines():
    long = []
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = [part for part in node.body if not _is_docstring(part)]
                if body and body[-1].end_lineno - body[0].lineno + 1 > 40:
                    long.append(f"{file}: {node.name}")
    assert long == []


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
