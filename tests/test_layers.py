"""Imports point one way: a module sees only the floors below its own."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[1] / "src"

# Low floors first. A folder stands for its modules.
FLOORS = [
    [
        "aduni.addresses",
        "aduni.errors",
        "aduni.processes",
        "aduni.fonts",
        "aduni.shortage",
        "aduni.small_images",
        "aduni.spreadsheet",
        "aduni.stopping",
        "aduni.temporary",
        "aduni.watch",
    ],
    [
        "aduni.batch",
        "aduni.schedules",
        "aduni.distributed",
        "aduni.metrics",
        "aduni.provenance",
        "aduni.files",
        "aduni.npz",
        "aduni.out_of_memory",
        "aduni.startup",
    ],
    [
        "aduni.data",
        "aduni.models",
        "aduni.losses",
        "aduni.results",
        "aduni.scores",
        "aduni.calibration",
    ],
    ["aduni.identity", "aduni.methods", "aduni.plan"],
    ["aduni.report"],
    [
        "aduni.audit",
        "aduni.callbacks",
        "aduni.checkpoints",
        "aduni.learner",
        "aduni.model_card",
        "aduni.predictions",
        "aduni.summary",
    ],
    ["aduni.dashboard", "aduni.ranks", "aduni.recovery"],
    ["aduni.config"],
    ["aduni.training", "aduni.stored", "aduni.assembly", "aduni.machine"],
    ["aduni.trained", "aduni.opening"],
    ["aduni.inference"],
    [
        "aduni.error_messages",
        "aduni.explanation",
        "aduni.export",
        "aduni.prediction",
        "aduni.prepare",
        "aduni.resume",
        "aduni.run",
    ],
    ["aduni.evaluation", "aduni.command"],
    ["aduni.reproduce", "aduni.benchmark"],
    [
        "benchmark",
        "evaluate",
        "explain",
        "export",
        "predict",
        "prepare",
        "report",
        "reproduce",
        "train",
    ],
]
# Inside a floor only these lean on a neighbour.
NEIGHBOURS = {("aduni.models", "aduni.losses")}
NEVER = {
    "aduni.losses": ("aduni.data", "aduni.models", "aduni.methods", "hydra", "pytorch_lightning"),
    "aduni.schedules": ("torch", "hydra"),
    "aduni.methods": ("aduni.data", "hydra", "pytorch_lightning"),
    "aduni.models": ("aduni.data", "hydra", "pytorch_lightning"),
    "aduni.data": ("hydra",),
    "aduni.learner": ("hydra",),
    "aduni.report": ("torch", "hydra", "pytorch_lightning"),
    "aduni.plan": ("torch", "hydra", "pytorch_lightning"),
}


def _modules() -> dict[str, Path]:
    files = [*SRC.glob("*.py"), *(SRC / "aduni").rglob("*.py")]
    names = {".".join(file.relative_to(SRC).with_suffix("").parts): file for file in files}
    return {name: file for name, file in names.items() if not name.endswith("__init__")}


def _imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found


def _part(module: str) -> str:
    """The entry of FLOORS that a module belongs to."""
    return ".".join(module.split(".")[:2])


def _floor(module: str) -> int:
    return next(i for i, floor in enumerate(FLOORS) if _part(module) in floor)


@pytest.mark.parametrize(("module", "file"), _modules().items())
def test_a_module_imports_only_from_below(module, file):
    for imported in _imports(file):
        if imported.split(".")[0] != "aduni" or imported == "aduni":
            continue
        parts = (_part(module), _part(imported))
        inside = parts[0] == parts[1] or parts in NEIGHBOURS
        assert inside or _floor(imported) < _floor(module), f"{module} imports {imported}"
    for forbidden in NEVER.get(_part(module), ()):
        assert not any(
            name == forbidden or name.startswith(f"{forbidden}.") for name in _imports(file)
        ), f"{module} must not see {forbidden}"


@pytest.mark.parametrize(("module", "file"), _modules().items())
def test_files_and_functions_stay_short(module, file):
    text = file.read_text()
    assert text.count("\n") <= 260
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = [s for s in node.body if not _is_docstring(s)]
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= 40, f"{module}.{node.name} has {lines} lines"


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
