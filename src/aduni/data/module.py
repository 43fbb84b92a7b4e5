"""The work that all data sets share: table, cache, split, loaders."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import albumentations as A
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field
from pytorch_lightning import LightningDataModule

from aduni.batch import Batch, Deviation, Mean
from aduni.data.augmentation.gpu.batch_views import RawBatch
from aduni.data.cache.decode import ALL_BITS
from aduni.data.cache.image_cache import ImageCache, build_cache, open_rgb
from aduni.data.cache.source_digests import Sources, read_sources
from aduni.data.cache.source_index import index_file
from aduni.data.download.archives import Archive
from aduni.data.image_table import ImageTable
from aduni.data.loader_settings import LoaderSettings
from aduni.data.loading.batch_samplers import EvaluationBatchSampler, TrainingBatchSampler
from aduni.data.loading.dataloaders import Loader, lost_worker, view_loaders
from aduni.data.loading.samplers import Ints, Sampler
from aduni.data.splits.protocol import Protocol, check_parts, group_rows
from aduni.data.splits.split_csv import read_split, split_frame, split_hash

EVALUATION_BATCH = 256


class ImageDataModule(LightningDataModule):
    """A labelled image data set under a protocol.

    Subclasses read their table; `setup` then offers `table`, `parts`, `split` and the loaders.

    Args:
        root: folder of the official release.
        cache_dir: where resized images are kept.
        image_size: side that images are resized to, pixels.
        mean: per channel, for the encoder.
        std: per channel, for the encoder.
        augment: albumentations transforms of the training views, uint8 to uint8.
        protocol: how the data are divided.
        loading: batch size, workers, seed, fold.
        paper_counts: images of each class as the paper counts them, for `prepare.py`.
        archives: what `prepare.py download=true` fetches.
        bits: of the grey levels that 16-bit files hold.

    Raises:
        UserError: `loading` has augment=gpu, and `augment` what that cannot do.
    """

    title: str
    """Names the data set in folders and reports."""
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
        self.protocol, self.loading = protocol, loading
        self.paper_counts, self.archives = paper_counts, archives
        self.declared_bits = bits
        self._loaders = view_loaders(augment, loading.augment, loading.data_on_gpu)
        self._device = torch.device("cpu")

    @abstractmethod
    def read_table(self) -> ImageTable:
        """The rows of the data set; raises UserError where they do not hold together."""

    def open_image(self, row: int) -> Image.Image:
        """The original of a row, RGB."""
        assert self.table.files is not None
        return open_rgb(self.table.files[row], self.bits)

    @property
    def source_files(self) -> list[Path] | None:
        """The files that pixels are read from; None where they come with a library."""
        return self.table.files

    @cached_property
    def table(self) -> ImageTable:
        """The rows of the data set."""
        return self.read_table()

    @cached_property
    def sources(self) -> Sources:
        """What is known of the source files; of none where pixels come with a library."""
        return self._read_sources()

    def _read_sources(self, *, anew: bool = False) -> Sources:
        index = index_file(self.cache_dir, self.title, self.root)
        grey = anew or self.declared_bits != ALL_BITS
        return read_sources(self.source_files or [], index, grey=grey, anew=anew)

    @property
    def bits(self) -> int:
        """Of the grey levels that 16-bit files hold."""
        return self.sources.bits if self.declared_bits == "auto" else self.declared_bits

    @cached_property
    def cache(self) -> ImageCache:
        """The resized images; built on first use, or if `build_cache` finds them damaged."""
        return self._built_cache()

    def _built_cache(self, *, every_row: bool = False) -> ImageCache:
        images, size, sources = self.table.images, self.image_size, self.sources
        key = sources.key([self.title, str(size), *images], self.bits)
        folder = self.cache_dir / f"{self.title}-{size}px-{key}"
        build = partial(build_cache, folder, images, self.open_image, size)
        return build(every_row=every_row, check=sources.check_unchanged)

    @cached_property
    def groups(self) -> Ints:
        """(n,) rows of one lesion or one picture share a number."""
        return group_rows(self.table, self.cache.originals["sha256"].tolist())

    @cached_property
    def parts(self) -> NDArray[np.str_]:
        """(n,) train, validation, test or unused."""
        protocol = self.protocol
        protocol.check_fold(self.loading.fold)
        if protocol.split_file:
            path = Path(protocol.split_file)
            parts = read_split(path, self.table, self.groups, protocol.grouped)
        else:
            parts = self.divide()
        check_parts(self.table, parts, protocol)
        return parts

    def divide(self) -> NDArray[np.str_]:
        """The protocol's split; a data set may thin out its training part."""
        return self.protocol.split(self.table, self.groups, self.loading.fold)

    @cached_property
    def split(self) -> pd.DataFrame:
        """What split.csv holds."""
        return split_frame(self.table, self.groups, self.parts)

    @property
    def split_hash(self) -> str:
        """Names the split by its content."""
        return split_hash(self.split)

    @property
    def training_counts(self) -> Ints:
        """(C,) images of each class in the training part."""
        return np.bincount(self.table.labels[self.rows("train")])

    def rows(self, part: str) -> Ints:
        """Table rows of a part."""
        return np.flatnonzero(self.parts == part)

    def prepare_data(self) -> None:
        """Build the cache, once a machine."""
        _ = self.cache

    def verify_cache(self) -> None:
        """Read every source, and build the cache or check every row of the one that is there."""
        self.sources = self._read_sources(anew=True)
        self.cache = self._built_cache(every_row=True)

    def setup(self, stage: str) -> None:
        """Copy the images to the trainer's device, where they are to be kept there.

        Raises:
            UserError: they are to be, and cannot.
        """
        if self.trainer is not None:
            self._device = self.trainer.strategy.root_device
            self._loaders.fill(self.cache, self._device)

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
        """Say what the next `train_dataloader` is to draw; raises UserError if it cannot.

        Args:
            sampler: decides the batches.
            views: V.
            epochs: T, the stage's length.
            first_epoch: where a resumed stage goes on.
            number: of the stage; later ones must not repeat the first one's draws and views.
            min_per_class: images of each class that every batch must hold.
        """
        rows = self.rows("train")
        loading = self.loading
        seed = loading.seed
        if number > 0:
            seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        draws = TrainingBatchSampler(
            sampler,
            rows,
            self.table.labels[rows],
            epochs=epochs,
            seed=seed,
            batch_size=loading.batch_size,
            first_epoch=first_epoch,
            min_per_class=min_per_class,
        )
        labels, workers = self.table.labels, loading.num_workers
        self._loaders.begin(self.cache, labels, draws, workers, views=views, seed=seed)

    def train_dataloader(self) -> Loader:
        """Augmented views of the training part, or what they are made from."""
        return self._loaders.begun(self.trainer.num_devices if self.trainer else 1)

    def val_dataloader(self) -> Loader:
        """The part that selects the checkpoint, each image once over all ranks."""
        rows = EvaluationBatchSampler(
            self.rows(self.protocol.selected_on), EVALUATION_BATCH, split=True
        )
        return self._loaders.plain(self.cache, self.table.labels, rows, self._device)

    def on_exception(self, exception: BaseException) -> None:
        """The trainer stops; raises UserError where a loader process has ended."""
        if (lost := lost_worker(exception)) and self.trainer is not None:
            self.trainer.fit_loop.teardown()  # ends the others, as the trainer would do after this
            raise lost from exception

    def on_after_batch_transfer(self, batch: Batch | RawBatch, dataloader_idx: int) -> Batch:
        """Whole batches for the steps, whatever the loader gives."""
        return self._loaders.whole(batch)

    def evaluation_batches(self, part: str, device: torch.device) -> Iterator[Batch]:
        """A whole part's images as they are, on a device, for the process that predicts."""
        if device.type == "cuda":  # not before: evaluate.py has no trainer
            self._loaders.fill(self.cache, device)
        rows = EvaluationBatchSampler(self.rows(part), EVALUATION_BATCH, split=False)
        for batch in self._loaders.plain(self.cache, self.table.labels, rows, device):
            sent = self.transfer_batch_to_device(batch, device, 0)
            yield self.on_after_batch_transfer(sent, 0)
