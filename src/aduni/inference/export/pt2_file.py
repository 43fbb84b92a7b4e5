"""Write and run torch.export's archives of a graph and its weights."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from aduni.inference.export.exported_graph import (
    ExportedModel,
    Pixels,
    Probabilities,
    exporting,
    run_batch,
    trace,
)
from aduni.inference.export.metadata import KEY


def encode(model: ExportedModel, description: dict[str, Any]) -> bytes:
    """Return the archive of a model, with the description as its extra file `aduni`."""
    program = trace(model, "pt2")
    archive = BytesIO()  # torch's own writer raises an unclear error on a full disk
    with exporting("pt2"):
        torch.export.save(program, archive, extra_files={KEY: json.dumps(description)})
    return archive.getvalue()


def runner(path: Path, _trust: Sequence[str]) -> Callable[[Pixels], Probabilities]:
    """Load a file as docs/export.md shows, and return the function that runs it."""
    with path.open("rb") as file, exporting("pt2"):
        return partial(run_batch, torch.export.load(file).module())
