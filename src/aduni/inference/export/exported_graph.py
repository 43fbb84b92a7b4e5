"""Wrap a method as the model that a file contains, and trace its graph."""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from aduni.errors import UserError
from aduni.methods.base import Method
from aduni.shortage import raise_shortage

Pixels = NDArray[np.uint8]
Probabilities = NDArray[np.float32]

INPUT = "images"
OUTPUTS = ("logits", "probabilities")


class ExportedModel(nn.Module):
    """Model from images to logits and calibrated probabilities.

    The method is modified: modules that its predictions do not use are removed, such as projectors,
    momentum copies, and queues of training features.
    """

    def __init__(self, method: Method, temperature: float, image_size: int) -> None:
        super().__init__()
        self.method = method
        self.temperature = temperature
        self.image_size = image_size
        for name in _unused_modules(method, self.example):
            delattr(method, name)
        # Formats do not agree on strides in a graph; channels last is for training only.
        self.to(memory_format=torch.contiguous_format)
        self.eval()

    @property
    def example(self) -> Tensor:
        """Two black images, (2, 3, H, W); with one, a tracer would fix the size of the batch."""
        return torch.zeros(2, 3, self.image_size, self.image_size, dtype=torch.uint8)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Compute (N, C) logits and probabilities from (N, 3, H, W) uint8 RGB pixels."""
        logits = self.method(images)
        return logits, (logits / self.temperature).softmax(dim=1)


def trace(model: ExportedModel, name: str) -> ExportedProgram:
    """Return the graph of a model for any number of images."""
    shapes = {INPUT: {0: Dim("batch")}}
    with exporting(name):
        program = torch.export.export(model, (model.example,), dynamic_shapes=shapes, strict=True)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it contains paths of this machine
    return program


@contextmanager
def exporting(name: str) -> Iterator[None]:
    """Turn an exporter's errors into one sentence, and suppress its output.

    Its warnings and logs concern its internals, and it prints whole graphs when it fails.
    """
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    except Exception as error:  # exporters raise errors of many types
        raise_shortage(error)
        reason = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise UserError(
            f"The model cannot be exported as {name} ({reason.rstrip('.')}); use another encoder, "
            "or format=safetensors, which holds the weights alone."
        ) from error
    finally:
        logging.disable(disabled)


def run_batch(model: nn.Module, images: Pixels) -> Probabilities:
    """Return the (N, C) probabilities of a loaded model for (N, 3, H, W) images."""
    with torch.inference_mode():
        probabilities: Probabilities = model(torch.from_numpy(images))[1].numpy()
    return probabilities


def _unused_modules(method: nn.Module, images: Tensor) -> list[str]:
    """Return the modules with parameters or buffers of which the forward pass reads none."""
    with torch.no_grad(), _ReadTracker() as tracker:
        method(images)
    unused = []
    for name, module in method.named_children():
        ids = {id(value) for value in (*module.parameters(), *module.buffers())}
        if ids and not ids & tracker.seen:
            unused.append(name)
    return unused


class _ReadTracker(TorchFunctionMode):
    """Record the ids of all tensors that are passed to torch's functions."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[int] = set()

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        values = tree_leaves((args, dict(kwargs or {})))
        self.seen |= {id(value) for value in values if isinstance(value, Tensor)}
        return function(*args, **(kwargs or {}))
