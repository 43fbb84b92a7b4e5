"""ONNX: one file for the runtimes of many languages and devices."""

import json
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from aduni.errors import UserError
from aduni.inference.export.exported_graph import (
    INPUT,
    OUTPUTS,
    Pixels,
    Probabilities,
    Served,
    exporting,
    traced,
)
from aduni.inference.export.metadata import KEY

LIMIT = 2 * 10**9
"""Bytes of weights: protobuf, which the format is written in, ends at 2 GiB."""


def encode(served: Served, description: dict[str, Any]) -> bytes:
    """The model; the description is the entry `aduni` of its metadata.

    Raises:
        UserError: it cannot be written as a graph, or is too large for one file.
    """
    size = sum(value.nbytes for value in served.state_dict().values())
    if size > LIMIT:
        raise UserError(
            f"The model has {size / 1e9:.1f} GB of weights, and a file of format=onnx holds "
            f"{LIMIT / 1e9:g}; use format=pt2 or format=safetensors."
        )
    model = _model(traced(served, "onnx"))
    model.metadata_props.add(key=KEY, value=json.dumps(description))
    content: bytes = model.SerializeToString()
    return content


def runner(path: Path, _trust: Sequence[str]) -> Callable[[Pixels], Probabilities]:
    """As examples/serve_onnx.py does."""
    runtime: Any = import_module("onnxruntime")  # comes with the extra, and has no types
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors
    with exporting("onnx"):
        session = runtime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )

    def run(images: Pixels) -> Probabilities:
        (probabilities,) = session.run(["probabilities"], {INPUT: images})
        return probabilities  # type: ignore[no-any-return]

    return run


def _model(program: ExportedProgram) -> Any:
    """A ModelProto whose first dimension is called batch."""
    with exporting("onnx"):
        exported = torch.onnx.export(
            program,
            dynamo=True,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            verbose=False,
        )
    model: Any = getattr(exported, "model_proto")  # noqa: B009  None only where it writes itself
    graph = model.graph
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    del graph.value_info[:]  # shapes inside, with torch's name for the batch
    return model
