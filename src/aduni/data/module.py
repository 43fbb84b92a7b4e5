"""The loaders of a data set as Lightning's data module."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from pytorch_lightning import LightningDataModule

from aduni.batch import Batch
from aduni.data.loading.batch_samplers import EvaluationBatchSampler, TrainingBatchSampler
from aduni.data.loading.dataloaders import Loader, LoaderFactory, worker_error
from aduni.data.loading.feature_extraction import FeatureExtraction
from aduni.data.loading.samplers import Ints, Sampler
from aduni.data.loading.shared_memory import check_loader
from aduni.data.loading.torch_datasets import RawBatch
from aduni.models.encoder import Encoder

if TYPE_CHECKING:
    from aduni.data.image_data import ImageData  # which imports this module

EVALUATION_BATCH = 256


class ImageDataModule(LightningDataModule):
    """Loaders of a data set's parts.

    Args:
        data: the data set.
    """

    def __init__(self, data: "ImageData") -> None:
        super().__init__()
        self.data = data
        loading = data.loading
        self._loaders = LoaderFactory(data.augment, loading.augment, loading.data_on_gpu)
        self._device = torch.device("cpu")
        self._max_views = 1  # of all stages so far

    def prepare_data(self) -> None:
        """Build the cache; the trainer calls this once per machine."""
        self.data.prepare_data()

    def setup(self, stage: str) -> None:
        """Copy the images to the trainer's device if they are to be kept there."""
        if self.trainer is not None:
            self._device = self.trainer.strategy.root_device
            self._loaders.fill(self.data.cache, self._device)

    def use_features(self, encoder: Encoder, device: torch.device) -> None:
        """Let batches hold a frozen encoder's features, extracted on first use, as their views."""
        if self._loaders.features is None:
            self._loaders.features = self.feature_extraction(encoder, device).extract()

    def feature_extraction(self, encoder: Encoder, device: torch.device) -> FeatureExtraction:
        """Return the extraction of a frozen encoder's features of all images."""
        return FeatureExtraction(
            encoder,
            self.data.cache,
            self.data.table.labels,
            self.data.augment,
            self.data.loading,
            device,
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
        balanced_partners: bool = False,
    ) -> None:
        """Configure the next `train_dataloader`.

        Args:
            first_epoch: epoch at which a resumed stage continues.
            number: number of the stage; each stage has random numbers of its own.
            min_per_class: images of each class that every batch must hold.
            balanced_partners: whether class-balanced images follow those of each batch.
        """
        rows = self.data.rows("train")
        seed = self.data.loading.seed
        if number > 0:
            seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        batch_sampler = TrainingBatchSampler(
            sampler,
            rows,
            self.data.table.labels[rows],
            epochs=epochs,
            seed=seed,
            batch_size=self.data.loading.batch_size,
            first_epoch=first_epoch,
            min_per_class=min_per_class,
            balanced_partners=balanced_partners,
        )
        self._make_stage_loader = partial(
            self._loaders.training_loader,
            *(self.data.cache, self.data.table.labels, batch_sampler),
            workers=self.data.loading.num_workers,
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
        rows = self.data.rows(self.data.protocol.selected_on)
        return self._evaluation_loader(rows, self._device, split=True)

    def _evaluation_loader(self, rows: Ints, device: torch.device, *, split: bool) -> Loader:
        sampler = EvaluationBatchSampler(rows, EVALUATION_BATCH, split=split)
        return self._loaders.evaluation_loader(
            self.data.cache, self.data.table.labels, sampler, device
        )

    def on_exception(self, exception: BaseException) -> None:
        """Raise UserError instead of `exception` if a loader process has ended or is stuck."""
        if (error := worker_error(exception)) and self.trainer is not None:
            self.trainer.fit_loop.teardown()  # ends the other loader processes
            raise error from exception

    def on_after_batch_transfer(self, batch: Batch | RawBatch, dataloader_idx: int) -> Batch:
        """Complete a batch for the training step on the device."""
        return self._loaders.to_batch(batch)

    def evaluation_batches(self, rows: Ints, device: torch.device) -> Iterator[Batch]:
        """Yield the unaugmented images of (n,) rows in batches on a device, in one process."""
        if device.type == "cuda":  # evaluate.py has no trainer that calls setup
            self._loaders.fill(self.data.cache, device)
        for batch in self._evaluation_loader(rows, device, split=False):
            sent = self.transfer_batch_to_device(batch, device, 0)
            yield self.on_after_batch_transfer(sent, 0)
