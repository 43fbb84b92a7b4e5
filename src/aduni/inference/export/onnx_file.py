"""Write and run ONNX files, which runtimes of many languages and devices can load."""

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
    ExportedModel,
    Pixels,
    Probabilities,
    exporting,
    trace,
)
from aduni.inference.export.metadata import KEY

MAX_BYTES = 2 * 10**9
"""Size of the weights; ONNX is stored as protobuf, which is limited to 2 GiB."""


def encode(model: ExportedModel, description: dict[str, Any]) -> bytes:
    """Return a model as ONNX, with the description as the entry `aduni` of its metadata."""
    size = sum(value.nbytes for value in model.state_dict().values())
    if size > MAX_BYTES:
        raise UserError(
            f"The model has {size / 1e9:.1f} GB of weights, and a file of format=onnx holds "
            f"{MAX_BYTES / 1e9:g}; use format=pt2 or format=safetensors."
        )
    proto = _model_proto(trace(model, "onnx"))
    proto.metadata_props.add(key=KEY, value=json.dumps(description))
    content: bytes = proto.SerializeToString()
    return content


def runner(path: Path, _trust: Sequence[str]) -> Callable[[Pixels], Probabilities]:
    """Load a file as examples/serve_onnx.py does, and return the function that runs it."""
    runtime: Any = import_module("onnxruntime")  # of the `export` extra, without types
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


def _model_proto(program: ExportedProgram) -> Any:
    """Convert a traced graph to a ModelProto whose first dimension is called batch."""
    with exporting("onnx"):
        exported = torch.onnx.export(
            program,
            dynamo=True,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            verbose=False,
        )
    proto: Any = getattr(exported, "model_proto")  # noqa: B009  # its type includes None
    graph = proto.graph
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    del graph.value_info[:]  # inner shapes, which have torch's name of the batch
    return proto
