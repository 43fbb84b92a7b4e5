"""Base class of all data sets: table, cache and split of labelled images; without torch."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from aduni.data.cached_images import CachedImages
from aduni.data.download.archives import Archive
from aduni.data.loading.samplers import Ints
from aduni.data.loading.settings import LoaderSettings
from aduni.data.splits.given import read_given
from aduni.data.splits.predefined import split_frame, split_hash
from aduni.data.splits.protocol import Protocol, check_parts, group_rows
from aduni.models.normalisation import Deviation, Mean

if TYPE_CHECKING:
    from aduni.data.module import ImageDataModule


class ImageData(CachedImages):
    """Labelled image data set under a protocol; subclasses define `read_table`.

    Args:
        root: folder of the official release.
        cache_dir: folder of the resized images.
        image_size: side that images are resized to, pixels.
        mean: mean of each channel, for the encoder.
        std: standard deviation of each channel, for the encoder.
        augment: albumentations transforms of the training views, uint8 to uint8.
        protocol: how the data are divided.
        loading: batch size, workers, seed, fold.
        paper_counts: images of each class according to the paper, for `prepare.py`.
        archives: files that `prepare.py download=true` fetches.
        bits: bit depth of the grey levels in 16-bit files.
    """

    obtain: ClassVar[str]
    """How a user gets the data, as part of a sentence."""
    min_classes = 2
    """Classes that the images need at least: 1 where a trained model is only tested on them."""

    def __init__(
        self,
        *,
        root: str,
        cache_dir: str,
        image_size: Annotated[int, Field(ge=16)],
        mean: Annotated[list[Mean], Field(min_length=3, max_length=3)],
        std: Annotated[list[Deviation], Field(min_length=3, max_length=3)],
        augment: Sequence[Any],
        protocol: Protocol,
        loading: LoaderSettings,
        paper_counts: dict[str, int] | None = None,
        archives: Sequence[Archive] = (),
        bits: Literal[8, 10, 12, 14, 16, "auto"] = 16,
    ) -> None:
        self.root, self.cache_dir = Path(root), Path(cache_dir)
        self.image_size = image_size
        self.augment = augment
        self.protocol, self.loading, self.caveat = protocol, loading, protocol.caveat
        self.paper_counts, self.archives = paper_counts, archives
        self.declared_bits = bits

    @cached_property
    def module(self) -> "ImageDataModule":
        """The loaders of this data set, which import torch."""
        from aduni.data.module import ImageDataModule

        return ImageDataModule(self)

    @cached_property
    def groups(self) -> Ints:
        """Group number of each row (n,), shared by the rows of a lesion or of copies."""
        same = "near" if self.protocol.near_duplicates else "sha256"
        return group_rows(self.table, self.cache.originals[same].tolist())

    @cached_property
    def parts(self) -> NDArray[np.str_]:
        """Part of each row (n,); of a published split, `caveat` then says how far it leaks."""
        protocol = self.protocol
        protocol.check_fold(self.loading.fold)
        if protocol.split_files:
            parts, self.caveat = read_given(protocol, self.table, self.groups, self.cache.originals)
        else:
            parts = self.divide()
        check_parts(self.table, parts, protocol)
        return parts

    def divide(self) -> NDArray[np.str_]:
        """Apply the protocol's split; subclasses may thin out the training part."""
        return self.protocol.split(self.table, self.groups, self.loading.fold)

    @cached_property
    def split(self) -> pd.DataFrame:
        return split_frame(self.table, self.groups, self.parts)

    @property
    def split_hash(self) -> str:
        return split_hash(self.split)

    @property
    def training_counts(self) -> Ints:
        """Number of training images of each class (C,)."""
        return np.bincount(self.table.labels[self.rows("train")])

    def prepare_data(self) -> None:
        """Build the cache."""
        _ = self.cache

    def rows(self, part: str) -> Ints:
        return np.flatnonzero(self.parts == part)
