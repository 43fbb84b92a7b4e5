"""Formats that a model can be exported to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aduni.errors import UserError
from aduni.inference.export import onnx_file, pt2_file, safetensors_file
from aduni.inference.export.exported_graph import ExportedModel, Pixels, Probabilities


@dataclass(frozen=True)
class Format:
    """An export format.

    Attributes:
        encode: (model, description) -> content of the file.
        runner: (file, packages that it may name) -> function from (N, 3, H, W) images to (N, C)
            probabilities.
        packages: modules of the `export` extra that it needs.
    """

    encode: Callable[[ExportedModel, dict[str, Any]], bytes]
    runner: Callable[[Path, Sequence[str]], Callable[[Pixels], Probabilities]]
    packages: tuple[str, ...] = ()


FORMATS = {
    "onnx": Format(onnx_file.encode, onnx_file.runner, ("onnx", "onnxscript", "onnxruntime")),
    "pt2": Format(pt2_file.encode, pt2_file.runner),
    "safetensors": Format(safetensors_file.encode, safetensors_file.runner, ("safetensors",)),
}


def check_packages(name: str) -> None:
    """Raise a UserError that says what to install if a format's packages are missing."""
    missing = [package for package in FORMATS[name].packages if find_spec(package) is None]
    if missing:
        raise UserError(
            f"format={name} needs {' and '.join(missing)}; run uv pip install -e '.[export]', or "
            "make setup, in the project's folder."
        )
