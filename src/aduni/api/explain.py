"""Explain a trained model on a page, from Python."""

import os
from pathlib import Path
from typing import Any

from aduni.api.composition import composed, to_overrides
from aduni.api.paths import list_paths
from aduni.inference.explain.explain import explain as explain_model
from aduni.inference.explain.explain_settings import read_explain_settings


def explain(
    ckpt: str | os.PathLike[str],
    images: Any = None,
    *,
    output: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Path:
    """Make a page of heat maps, nearest training images and worst errors, and return its path.

    It does what the command `explain` does. `Model.explain` has the heat maps as arrays.

    Args:
        ckpt: run, its folder, or a checkpoint.
        images: a path, a folder or a list of these; None for the worst errors alone.
        output: folder of the page; None for RUN/explanation.
        settings: any other key of the command, such as `target=` or `layer=`.

    Raises:
        UserError: for every mistake that can be corrected by the caller.
    """
    given: dict[str, Any] = {"ckpt": os.fspath(ckpt)}
    if images is not None:
        given["images"] = [os.fspath(path) for path in list_paths(images)]
    if output is not None:
        given["output"] = os.fspath(output)
    with composed("explain", to_overrides({**given, **settings})) as config:
        return explain_model(read_explain_settings(config))
