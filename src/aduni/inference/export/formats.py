"""Formats of one file that a model can be exported to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aduni.inference.export import onnx_file, pt2_file, safetensors_file
from aduni.inference.export.exported_graph import ExportedModel, Pixels, Probabilities


@dataclass(frozen=True)
class Format:
    """An export format.

    Attributes:
        encode: (model, description) -> content of the file.
        runner: (file, packages that it may name) -> function from (N, 3, H, W) images to (N, C)
            probabilities.
    """

    encode: Callable[[ExportedModel, dict[str, Any]], bytes]
    runner: Callable[[Path, Sequence[str]], Callable[[Pixels], Probabilities]]


FORMATS = {
    "onnx": Format(onnx_file.encode, onnx_file.runner),
    "pt2": Format(pt2_file.encode, pt2_file.runner),
    "safetensors": Format(safetensors_file.encode, safetensors_file.runner),
}
