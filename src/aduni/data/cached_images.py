"""Base class of data sets: their images, the files these come from, and the cache of both."""

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Literal

from PIL import Image

from aduni.data.cache.decode import ALL_BITS
from aduni.data.cache.image_cache import ImageCache, build_cache, build_shard, open_rgb
from aduni.data.cache.source_digests import Sources, index_file, read_sources
from aduni.data.image_table import ImageTable
from aduni.data.shard import Shard, find_shards, shard_counts
from aduni.errors import UserError


class CachedImages(ABC):
    """Images of a data set in their original and in one small size.

    Attributes:
        title: name of the data set in folders and reports.
        root: folder of the official release.
        cache_dir: folder of the resized images.
        image_size: side that images are resized to, pixels.
        declared_bits: bit depth of the grey levels in 16-bit files, or auto.
    """

    title: str
    root: Path
    cache_dir: Path
    image_size: int
    declared_bits: Literal[8, 10, 12, 14, 16, "auto"]

    @abstractmethod
    def read_table(self) -> ImageTable:
        """Read the rows of the data set; raise UserError if they are inconsistent."""

    def open_image(self, row: int) -> Image.Image:
        """Open the original image of a row as RGB."""
        assert self.table.files is not None
        return open_rgb(self.table.files[row], self.bits)

    @property
    def source_files(self) -> list[Path] | None:
        """Files that the pixels are read from; None if they come with a library."""
        return self.table.files

    @cached_property
    def table(self) -> ImageTable:
        return self.read_table()

    @cached_property
    def sources(self) -> Sources:
        return self._read_sources()

    def _read_sources(
        self, *, reread: bool = False, levels: bool = False, shard: Shard | None = None
    ) -> Sources:
        index = index_file(self.cache_dir, self.title, self.root)
        files, with_levels = self.source_files or [], levels or self.declared_bits != ALL_BITS
        if shard and self._has_file_for_row:
            files = files[shard.every]
        return read_sources(
            files, index, with_levels=with_levels, reread=reread, wait=shard is None
        )

    @property
    def _has_file_for_row(self) -> bool:
        return self.source_files is not None and self.source_files is self.table.files

    @property
    def bits(self) -> int:
        """Bit depth of the grey levels in 16-bit files."""
        return self.sources.bits if self.declared_bits == "auto" else self.declared_bits

    @cached_property
    def cache(self) -> ImageCache:
        """Resized images, built on first use or if `build_cache` finds them damaged."""
        return self._build_cache()

    def _build_cache(self, *, every_row: bool = False) -> ImageCache:
        return build_cache(
            self._cache_folder(self.sources),
            self.table.images,
            self.open_image,
            self.image_size,
            every_row=every_row,
            check=self.sources.check_unchanged,
            shards=self._shards,
        )

    def _cache_folder(self, sources: Sources, shard: Shard | None = None) -> Path:
        """Return the folder of the cache, or of a shard with these sources."""
        images = self.table.images[shard.every] if shard else self.table.images
        key = sources.key([self.title, str(self.image_size), *images], self.bits)
        return self._prefix.with_name(f"{self._prefix.name}{key}{shard.suffix if shard else ''}")

    @property
    def _prefix(self) -> Path:
        return self.cache_dir / f"{self.title}-{self.image_size}px-"

    def _shards(self) -> dict[Shard, Path | None]:
        return find_shards(self._prefix, lambda s: self._cache_folder(self.sources_of(s), s))

    def sources_of(self, shard: Shard) -> Sources:
        """Select the sources that the images of a shard come from."""
        return self.sources[shard.every] if self._has_file_for_row else self.sources

    def build_shard(self, shard: Shard) -> Path:
        """Build one shard of the cache, of which `cache` then takes its rows.

        Only files of the shard are read. Returns its folder.
        """
        shard.check(len(self.table.images))
        rows = range(len(self.table.images))[shard.every]
        self.sources = sources = self._read_sources(levels=True, shard=shard)
        if self.declared_bits == "auto" and sources.highest.max(initial=0) > 0:
            raise UserError(
                f"dataset.bits=auto needs all 16-bit files, and shard={shard} reads only some; set "
                "dataset.bits to 8, 10, 12, 14 or 16."
            )
        folder, images = self._cache_folder(sources, shard), self.table.images[shard.every]
        build_shard(
            folder,
            images,
            lambda row: self.open_image(rows[row]),
            self.image_size,
            sources.check_unchanged,
        )
        return folder

    def verify_cache(self) -> None:
        """Read every source file, and build the cache or check all its rows.

        Where there are shards to merge, only files that have changed since are read again.
        """
        self.sources = self._read_sources(reread=not shard_counts(self._prefix), levels=True)
        self.cache = self._build_cache(every_row=True)
