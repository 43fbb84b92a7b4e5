"""torch.export's archive: the graph and its weights, for programs that have torch."""

import json
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from aduni.inference.export.exported_graph import Pixels, Probabilities, Served, exporting, traced
from aduni.inference.export.metadata import KEY


def encode(served: Served, description: dict[str, Any]) -> bytes:
    """The archive; the description is its extra file `aduni`."""
    program = traced(served, "pt2")
    archive = BytesIO()  # torch's writer has no sentence for a full disk
    with exporting("pt2"):
        torch.export.save(program, archive, extra_files={KEY: json.dumps(description)})
    return archive.getvalue()


def runner(path: Path, _trust: Sequence[str]) -> Callable[[Pixels], Probabilities]:
    """As docs/export.md shows."""
    with path.open("rb") as file, exporting("pt2"):
        module = torch.export.load(file).module()

    def run(images: Pixels) -> Probabilities:
        with torch.inference_mode():
            probabilities: Probabilities = module(torch.from_numpy(images))[1].numpy()
        return probabilities

    return run
