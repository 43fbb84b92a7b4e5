"""Backbones with the weights that torchvision publishes, of which nothing is executed."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast
from urllib.parse import urlparse

import torch
from torch import nn
from torchvision import models

from aduni.errors import UserError
from aduni.shortage import raise_shortage

PREFIX = re.compile(r"-([0-9a-f]{8,})\.pth$")
"""First digits of a file's SHA-256, by which torchvision names it."""

FORCED = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


def pretrained(name: str, weights: str) -> nn.Module:
    """The backbone with weights, from torch's folder of downloads or from the network.

    Args:
        name: a torchvision classification backbone.
        weights: such as DEFAULT.

    Raises:
        UserError: unknown weights, the file cannot be fetched, or is not the published one.
    """
    members = models.get_model_weights(name).__members__
    if weights not in members:
        raise UserError(
            f"encoder.weights={weights} does not exist for {name}; choose one of "
            f"{', '.join(members)}."
        )
    url = members[weights].value.url
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name
    _check(file)
    try:
        with _as_data():
            return cast(nn.Module, models.get_model(name, weights=weights))
    except (OSError, RuntimeError) as error:
        raise_shortage(error)
        if isinstance(error, RuntimeError) and "invalid hash value" not in str(error):
            raise
        raise UserError(
            f"The weights {weights} of {name} could not be fetched ({error}); connect to the "
            "network once, or train from scratch with encoder.weights=null."
        ) from error


def _check(file: Path) -> None:
    """torch looks at a file's digest when it fetches it, but never again."""
    prefix = PREFIX.search(file.name)
    assert prefix, file.name  # so are all that torchvision publishes
    if not file.exists():
        return
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if not digest.startswith(prefix[1]):
        raise UserError(
            f"{file} is not the file that torchvision publishes; delete it, so that it is fetched "
            "again."
        )


@contextmanager
def _as_data() -> Iterator[None]:
    """torchvision reads the file by torch.load as it was long ago, which executes pickles."""
    before = os.environ.get(FORCED)
    os.environ[FORCED] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[FORCED]
        else:
            os.environ[FORCED] = before
