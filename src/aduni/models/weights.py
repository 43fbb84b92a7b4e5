"""Load weights from files into a backbone, as data, whatever prefix their names have."""

import argparse
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, is_zipfile

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from aduni.errors import UserError, warn
from aduni.models.backbones.efficientnet_lite import EfficientNetLite0
from aduni.shortage import raise_shortage

CONTAINERS = (
    *("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model", "teacher"),
    *("student", "encoder", "module"),
)
"""Keys under which training programs store the weights of a model, the preferred ones first."""

COPIES = ("teacher", "student", "encoder_k", "keys.", "momentum", "target", "decoder")
"""Parts of the prefixes of copies of a network, taken in this order if there is no other one."""

CLASSIFIERS = ("fc", "head", "heads", "classifier", "last_linear", "linear")

LEAST_MATCH = 0.9
"""Share of the backbone's entries that a file must have."""

MAX_EXTRA_TOKENS = 5
"""A class token and four registers, which have no position in an image."""

_NUMBER = np.float64(0).__reduce__()[0]
HARMLESS: list[Any] = [
    argparse.Namespace,
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8", "b1")),
    *((_NUMBER, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
]
"""Types beside tensors in checkpoints of other programs; making them runs no code of a file."""

log = logging.getLogger(__name__)


def load_weights(backbone: nn.Module, path: Path) -> None:
    """Load the entries of a file that fit the backbone, and say how many there are.

    Their names' prefix is the one under which most have the names and shapes of the backbone. Names
    and positional embeddings for a timm model pass timm's own filter for it.

    Raises:
        UserError: if the file holds no weights, or fewer than nine tenths of the backbone's, or
            further layers of the backbone's parts, or values that are not finite.
    """
    stored, own = _rename(read_state(path), backbone), backbone.state_dict()
    prefix = _find_prefix(stored, own)
    found = {k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)}
    converted = _convert(found, backbone)
    fitting = {k: v for k, v in converted.items() if k in own and v.shape == own[k].shape}
    # Files from before torch 0.4.1 have no num_batches_tracked.
    needed = [name for name in own if not name.endswith("num_batches_tracked")]
    missing = [name for name in needed if name not in fitting]
    count = len(needed) - len(missing)
    counts = f"{count or 'none'} of the encoder's {len(needed)} weights"
    others = [name for name in converted if name not in own]
    limit = (1 - LEAST_MATCH) * len(needed)
    if len(missing) > limit:
        raise _other_architecture(path, counts, f"lacks {_first(missing)}")
    if len(further := _further(others, needed)) >= limit:
        raise _other_architecture(path, counts, f"has {len(further)} more: {_first(further)}")
    if bad := [name for name, value in fitting.items() if not value.isfinite().all()]:
        raise UserError(
            f"encoder.weights={path} has values that are not finite, in {_first(bad)}; give a "
            "checkpoint from before the training failed."
        )
    backbone.load_state_dict(fitting, strict=False)
    resized = [f"{k} {_sizes(found[k], v)}" for k, v in fitting.items() if _is_resized(found, k, v)]
    heads = [name for name in others if name.partition(".")[0].lstrip("_") in CLASSIFIERS]
    unused = len(stored) - len(found) + len(others) - len(heads)
    clauses = (
        f"{path} has {counts}" + (f", under {prefix}" if prefix else ""),
        f"{len(missing)} missing or of another shape: {_first(missing)}" if missing else "",
        f"{len(heads)} of a classifier are not used" if heads else "",
        f"{unused} others are not used" if unused else "",
        f"positions are interpolated to the images' size: {_first(resized)}" if resized else "",
    )
    warn(log, "; ".join(filter(None, clauses)) + ".")


def _further(others: Iterable[str], needed: Iterable[str]) -> list[str]:
    """Return those entries that would be of further layers in the backbone's parts."""
    parts = {name.partition(".")[0] for name in needed}
    return [
        name
        for name in others
        if name.partition(".")[0] in parts and not name.endswith("num_batches_tracked")
    ]


def _other_architecture(path: Path, counts: str, difference: str) -> UserError:
    return UserError(
        f"encoder.weights={path} has {counts}, and {difference}; give weights of the same "
        "architecture, or the encoder.name of theirs."
    )


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors file or a torch checkpoint, without running its code.

    Raises:
        UserError: if the file is missing, damaged, or holds other things than weights.
    """
    try:
        content = _read(path)
    except OSError as error:
        raise_shortage(error)
        raise UserError(
            f"encoder.weights={path} cannot be read ({error.strerror or error}); give a file of "
            "weights, the name of published ones, or null."
        ) from error
    except Exception as error:  # torch, zipfile and safetensors raise many kinds
        raise_shortage(error)
        is_code = "GLOBAL" in str(error)
        reason = "holds objects that code would have to make" if is_code else "is damaged"
        remedy = "save its state_dict alone" if is_code else "fetch it again"
        raise UserError(
            f"encoder.weights={path} {reason}, or is not a file of weights; {remedy}."
        ) from error
    while isinstance(content, Mapping):
        inner = [content[key] for key in CONTAINERS if isinstance(content.get(key), Mapping)]
        if not inner:
            break
        content = inner[0]
    items = content.items() if isinstance(content, Mapping) else ()
    state = {k: v for k, v in items if isinstance(k, str) and isinstance(v, Tensor)}
    if not state:
        raise UserError(f"encoder.weights={path} holds no weights; give a file that does.")
    return state


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        path.open("rb").close()  # safetensors words a missing file as a damaged one
        return safetensors.torch.load_file(path)
    is_archive = is_zipfile(path)  # files of torch before 1.6 are none
    if is_archive:
        check_archive(path)
    with torch.serialization.safe_globals(HARMLESS):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive)


def check_archive(path: Path) -> None:
    """Raise BadZipFile for faults that torch does not detect.

    These are wrong checksums, entries marked as folders, and compressed content, which torch never
    writes and which may expand without limit.
    """
    with ZipFile(path) as archive:
        entries = archive.infolist()
        if any(entry.external_attr or entry.compress_type != ZIP_STORED for entry in entries):
            raise BadZipFile
        if sum(entry.file_size for entry in entries) > path.stat().st_size or archive.testzip():
            raise BadZipFile


def stored_normalisation(path: Path) -> dict[str, list[float]] | None:
    """Return mean and std, for pixels scaled to 0..1, if a file is of this project."""
    ends = {f"encoder.{key}": key for key in ("mean", "std")}  # Encoder's buffers, times 255
    found = {
        key: [float(f"{value:.7g}") for value in (tensor.flatten().double() / 255).tolist()]
        for name, tensor in read_state(path).items()
        for end, key in ends.items()
        if name in (end, f"method.{end}")
    }
    return found if len(found) == len(ends) else None


def _find_prefix(stored: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> str:
    """Return the prefix under which most names, and then most shapes, are the backbone's."""
    scores: Counter[str] = Counter()
    for key, value in stored.items():
        parts = key.split(".")
        for name in (".".join(parts[start:]) for start in range(len(parts))):
            if name in own:
                scores[key.removesuffix(name)] += 2 if own[name].shape == value.shape else 1

    def rank(prefix: str) -> tuple[int, int, int]:
        copy = next((n for n, part in enumerate(COPIES, start=1) if part in prefix), 0)
        return scores[prefix], -copy, -len(prefix)

    return max(scores, key=rank, default="")


def _rename(state: dict[str, Tensor], backbone: nn.Module) -> dict[str, Tensor]:
    return backbone.rename(state) if isinstance(backbone, EfficientNetLite0) else state


def _convert(state: dict[str, Tensor], backbone: nn.Module) -> dict[str, Tensor]:
    """Return entries with the names and sizes that the model has in timm, if it is timm's."""
    module = type(backbone).__module__
    convert = getattr(sys.modules[module], "checkpoint_filter_fn", None)
    if convert is None or not module.startswith("timm."):
        return state
    try:
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # it prints what it skips
            converted: dict[str, Tensor] = convert(dict(state), backbone)
    except Exception as error:  # many kinds, if the file is of another architecture
        raise_shortage(error)
        return state
    return converted


def _is_resized(found: Mapping[str, Tensor], name: str, value: Tensor) -> bool:
    if name not in found or found[name].shape == value.shape:
        return False
    is_positions = value.ndim == found[name].ndim == 3
    return not is_positions or abs(value.shape[1] - found[name].shape[1]) > MAX_EXTRA_TOKENS


def _sizes(before: Tensor, after: Tensor) -> str:
    return f"{tuple(before.shape)} to {tuple(after.shape)}"


def _first(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:3]) + (", ..." if len(listed) > 3 else "")
