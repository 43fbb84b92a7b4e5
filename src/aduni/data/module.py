"""Base class of all data sets: table, cache, split and loaders."""

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import albumentations as A
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field
from pytorch_lightning import LightningDataModule

from aduni.batch import Batch, Deviation, Mean
from aduni.data.cached_images import CachedImages
from aduni.data.download.archives import Archive
from aduni.data.loading.batch_samplers import EvaluationBatchSampler, TrainingBatchSampler
from aduni.data.loading.dataloaders import Loader, LoaderFactory, LoaderSettings, worker_error
from aduni.data.loading.feature_extraction import FeatureExtraction
from aduni.data.loading.samplers import Ints, Sampler
from aduni.data.loading.shared_memory import check_loader
from aduni.data.loading.torch_datasets import RawBatch
from aduni.data.splits.given import read_given
from aduni.data.splits.predefined import split_frame, split_hash
from aduni.data.splits.protocol import Protocol, check_parts, group_rows
from aduni.models.encoder import Encoder

EVALUATION_BATCH = 256


class ImageDataModule(LightningDataModule, CachedImages):
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

    def __init__(
        self,
        *,
        root: str,
        cache_dir: str,
        image_size: Annotated[int, Field(ge=16)],
        mean: Annotated[list[Mean], Field(min_length=3, max_length=3)],
        std: Annotated[list[Deviation], Field(min_length=3, max_length=3)],
        augment: Sequence[A.BasicTransform | A.BaseCompose],
        protocol: Protocol,
        loading: LoaderSettings,
        paper_counts: dict[str, int] | None = None,
        archives: Sequence[Archive] = (),
        bits: Literal[8, 10, 12, 14, 16, "auto"] = 16,
    ) -> None:
        super().__init__()
        self.root, self.cache_dir = Path(root), Path(cache_dir)
        self.image_size = image_size
        self.augment = augment
        self.protocol, self.loading, self.caveat = protocol, loading, protocol.caveat
        self.paper_counts, self.archives = paper_counts, archives
        self.declared_bits = bits
        self._loaders = LoaderFactory(augment, loading.augment, loading.data_on_gpu)
        self._device = torch.device("cpu")
        self._max_views = 1  # of all stages so far

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

    def rows(self, part: str) -> Ints:
        return np.flatnonzero(self.parts == part)

    def prepare_data(self) -> None:
        """Build the cache; the trainer calls this once per machine."""
        _ = self.cache

    def setup(self, stage: str) -> None:
        """Copy the images to the trainer's device if they are to be kept there."""
        if self.trainer is not None:
            self._device = self.trainer.strategy.root_device
            self._loaders.fill(self.cache, self._device)

    def use_features(self, encoder: Encoder, device: torch.device) -> None:
        """Let batches hold a frozen encoder's features, extracted on first use, as their views."""
        if self._loaders.features is None:
            self._loaders.features = self.feature_extraction(encoder, device).extract()

    def feature_extraction(self, encoder: Encoder, device: torch.device) -> FeatureExtraction:
        """Return the extraction of a frozen encoder's features of all images."""
        return FeatureExtraction(
            encoder, self.cache, self.table.labels, self.augment, self.loading, device
        )

    def begin_stage(
        self,
        sampler: Sampler,
        *,
        views: int,
        epochs: int,
        first_epoch: int = 0,
        number: int = 0,
        min_per_class: int = 0,
    ) -> None:
        """Configure the next `train_dataloader`.

        Args:
            first_epoch: epoch at which a resumed stage continues.
            number: number of the stage; each stage has random numbers of its own.
            min_per_class: images of each class that every batch must hold.
        """
        rows = self.rows("train")
        seed = self.loading.seed
        if number > 0:
            seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        batch_sampler = TrainingBatchSampler(
            sampler,
            rows,
            self.table.labels[rows],
            epochs=epochs,
            seed=seed,
            batch_size=self.loading.batch_size,
            first_epoch=first_epoch,
            min_per_class=min_per_class,
        )
        self._make_stage_loader = partial(
            self._loaders.training_loader,
            *(self.cache, self.table.labels, batch_sampler),
            workers=self.loading.num_workers,
            views=views,
            seed=seed,
        )
        self._max_views = max(self._max_views, views)

    def train_dataloader(self) -> Loader:
        """Make the loader of the training part in the stage that was configured last."""
        loader = self._make_stage_loader(device=self._device)
        check_loader(loader, self._max_views, self.trainer.num_devices if self.trainer else 1)
        return loader

    def val_dataloader(self) -> Loader:
        """Make the loader of the part that selects the checkpoint, divided among the ranks."""
        return self._evaluation_loader(self.protocol.selected_on, self._device, split=True)

    def _evaluation_loader(self, part: str, device: torch.device, *, split: bool) -> Loader:
        sampler = EvaluationBatchSampler(self.rows(part), EVALUATION_BATCH, split=split)
        return self._loaders.evaluation_loader(self.cache, self.table.labels, sampler, device)

    def on_exception(self, exception: BaseException) -> None:
        """Raise UserError instead of `exception` if a loader process has ended or is stuck."""
        if (error := worker_error(exception)) and self.trainer is not None:
            self.trainer.fit_loop.teardown()  # ends the other loader processes
            raise error from exception

    def on_after_batch_transfer(self, batch: Batch | RawBatch, dataloader_idx: int) -> Batch:
        """Complete a batch for the training step on the device."""
        return self._loaders.to_batch(batch)

    def evaluation_batches(self, part: str, device: torch.device) -> Iterator[Batch]:
        """Yield the unaugmented images of a part in batches on a device, in one process."""
        if device.type == "cuda":  # evaluate.py has no trainer that calls setup
            self._loaders.fill(self.cache, device)
        for batch in self._evaluation_loader(part, device, split=False):
            sent = self.transfer_batch_to_device(batch, device, 0)
            yield self.on_after_batch_transfer(sent, 0)
