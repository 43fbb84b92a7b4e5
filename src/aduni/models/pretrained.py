"""Load backbones with published torchvision weights, without executing code from the files."""

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

DIGEST_PREFIX = re.compile(r"-([0-9a-f]{8,})\.pth$")
"""Prefix of the SHA-256 digest, which torchvision includes in the names of weight files."""

WEIGHTS_ONLY_VARIABLE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


def load_pretrained(name: str, weights: str) -> nn.Module:
    """Return the backbone with weights from torch's download folder or from the network."""
    available = models.get_model_weights(name).__members__
    if weights not in available:
        raise UserError(
            f"encoder.weights={weights} does not exist for {name}; choose one of "
            f"{', '.join(available)}."
        )
    url = available[weights].value.url
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name
    _check_digest(file)
    try:
        with _force_weights_only():
            return cast(nn.Module, models.get_model(name, weights=weights))
    except (OSError, RuntimeError) as error:
        raise_shortage(error)
        if isinstance(error, RuntimeError) and "invalid hash value" not in str(error):
            raise
        raise UserError(
            f"The weights {weights} of {name} could not be fetched ({error}); connect to the "
            "network once, or train from scratch with encoder.weights=null."
        ) from error


def _check_digest(file: Path) -> None:
    """Compare the digest of an existing file with its name; torch does so only on download."""
    prefix = DIGEST_PREFIX.search(file.name)
    assert prefix, file.name  # torchvision names all files this way
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
def _force_weights_only() -> Iterator[None]:
    """Have `torch.load` refuse pickled code, which torchvision's call would execute."""
    previous = os.environ.get(WEIGHTS_ONLY_VARIABLE)
    os.environ[WEIGHTS_ONLY_VARIABLE] = "1"
    try:
        yield
    finally:
        if previous is None:
            del os.environ[WEIGHTS_ONLY_VARIABLE]
        else:
            os.environ[WEIGHTS_ONLY_VARIABLE] = previous
