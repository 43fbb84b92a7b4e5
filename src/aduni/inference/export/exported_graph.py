"""What an exported file computes, and the graph of it that torch traces."""

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


class Served(nn.Module):
    """A method as a service: images to logits and calibrated probabilities.

    Args:
        method: in eval mode. It is taken over: what its predictions do not read is removed, such as
            projectors, momentum copies, and queues, which hold features of training images.
        temperature: that the logits are divided by before the softmax.
        image_size: side of the images, pixels.
    """

    def __init__(self, method: Method, temperature: float, image_size: int) -> None:
        super().__init__()
        self.method = method
        self.temperature = temperature
        self.image_size = image_size
        for name in _unread_modules(method, self.example):
            delattr(method, name)
        # A graph keeps strides, which formats write as they please: channels last is for training.
        self.to(memory_format=torch.contiguous_format)
        self.eval()

    @property
    def example(self) -> Tensor:
        """(2, 3, H, W) black images. Of one, a tracer would take the batch for constant."""
        return torch.zeros(2, 3, self.image_size, self.image_size, dtype=torch.uint8)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) uint8 RGB pixels -> (N, C) logits and (N, C) probabilities."""
        logits = self.method(images)
        return logits, (logits / self.temperature).softmax(dim=1)


def traced(served: Served, name: str) -> ExportedProgram:
    """The graph for any number of images.

    Args:
        served: the model.
        name: of the format, for the error.

    Raises:
        UserError: what the model does cannot be written as a graph.
    """
    shapes = {INPUT: {0: Dim("batch")}}
    with exporting(name):
        program = torch.export.export(served, (served.example,), dynamic_shapes=shapes, strict=True)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths and lines of the code on this machine
    return program


@contextmanager
def exporting(name: str) -> Iterator[None]:
    """An exporter's errors become a sentence.

    Its warnings and logs are of its own affairs, and it prints whole graphs where it fails.
    """
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    except Exception as error:  # dynamo, export and the ONNX exporter raise errors of many kinds
        raise_shortage(error)
        reason = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise UserError(
            f"The model cannot be exported as {name} ({reason.rstrip('.')}); use another encoder, "
            "or format=safetensors, which holds the weights alone."
        ) from error
    finally:
        logging.disable(disabled)


def _unread_modules(method: nn.Module, images: Tensor) -> list[str]:
    """Names of the modules none of whose values the forward pass reads."""
    with torch.no_grad(), _Reads() as reads:
        method(images)
    return [
        name
        for name, module in method.named_children()
        if not any(id(value) in reads.seen for value in _values(module))
        and any(True for _ in _values(module))
    ]


def _values(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()


class _Reads(TorchFunctionMode):
    """Notes which tensors torch's functions are given."""

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
        given = tree_leaves((args, dict(kwargs or {})))
        self.seen |= {id(value) for value in given if isinstance(value, Tensor)}
        return function(*args, **(kwargs or {}))
