"""Export a trained model from Python."""

import os
from pathlib import Path
from typing import Any

from aduni.api.composition import composed, to_overrides
from aduni.inference.export.export import export as export_model
from aduni.inference.export.export_settings import SUFFIXES, read_export_settings


def export(
    ckpt: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    format: str | None = None,
    **settings: Any,
) -> Path:
    """Write a trained model for other programs, compare it with its checkpoint, and return it.

    It does what the command `export` does, and prints the same.

    Args:
        ckpt: run, its folder, or a checkpoint.
        output: file to write, or the folder of the format huggingface.
        format: onnx, pt2, safetensors or huggingface; None for that of the file's suffix.
        settings: any other key of the command, such as `images=` to compare on.

    Raises:
        UserError: for every mistake that can be corrected by the caller.
    """
    suffix = Path(output).suffix.lower()
    by_suffix = {each: name for name, each in SUFFIXES.items() if each}
    given: dict[str, Any] = {"ckpt": os.fspath(ckpt), "output": os.fspath(output)}
    if name := format or by_suffix.get(suffix):
        given["format"] = name
    with composed("export", to_overrides({**given, **settings})) as config:
        print(export_model(read_export_settings(config)))
    return Path(output)
