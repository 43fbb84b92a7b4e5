"""Imports point one way: a module sees only the floors below its own."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[1] / "src"

# Low floors first. A folder stands for its modules.
FLOORS = [
    [
        "aduni.results.addresses",
        "aduni.errors",
        "aduni.distributed.rank_zero",
        "aduni.system.fonts",
        "aduni.shortage",
        "aduni.models.small_images",
        "aduni.system.csv_escape",
        "aduni.system.signals",
        "aduni.system.temporary",
        "aduni.distributed.watchdog",
    ],
    [
        "aduni.batch",
        "aduni.schedules",
        "aduni.distributed.collectives",
        "aduni.metrics.classification",
        "aduni.system.provenance",
        "aduni.system.atomic_files",
        "aduni.system.npz",
        "aduni.system.out_of_memory",
        "aduni.cli",
    ],
    [
        "aduni.data",
        "aduni.models",
        "aduni.losses",
        "aduni.results.run_folder",
        "aduni.results.predictions_csv",
        "aduni.metrics.calibration",
    ],
    ["aduni.results.identity", "aduni.methods", "aduni.results.plan"],
    ["aduni.report"],
    [
        "aduni.audit",
        "aduni.training.callbacks",
        "aduni.checkpoints",
        "aduni.training.lightning_module",
        "aduni.results.model_card",
        "aduni.evaluation.predict",
        "aduni.cli.end_summary",
    ],
    [
        "aduni.training.wandb_logger",
        "aduni.distributed.strategy",
        "aduni.training.latest_checkpoint",
    ],
    ["aduni.config.schema"],
    [
        "aduni.training.stages",
        "aduni.config.untrusted",
        "aduni.config.build",
        "aduni.training.machine",
    ],
    ["aduni.evaluation.trained_model", "aduni.training.start_banner"],
    ["aduni.inference.images"],
    [
        "aduni.cli.error_messages",
        "aduni.inference.explain",
        "aduni.inference.export",
        "aduni.inference.predict",
        "aduni.audit.report",
        "aduni.config.resume",
        "aduni.training.run",
    ],
    ["aduni.evaluation.evaluate_checkpoint", "aduni.cli.app"],
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
    "aduni.training.lightning_module": ("hydra",),
    "aduni.report": ("torch", "hydra", "pytorch_lightning"),
    "aduni.results.plan": ("torch", "hydra", "pytorch_lightning"),
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
