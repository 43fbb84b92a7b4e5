"""The data path of the authors' released code: decode, resize and augment every view by itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from torch.utils.data import DataLoader, default_collate
from torchvision import transforms


def released_loader(files: Sequence[Path], size: int, batch_size: int) -> DataLoader[Any]:
    """Return a loader, in this process, of two views of each file: 3 x S x S normalised floats."""
    augment = transforms.Compose(
        [
            transforms.Resize((size, size)),
            transforms.RandomAffine(180, scale=(0.8, 1.2), shear=(0.8, 1.2)),
            transforms.RandomHorizontalFlip(),
            transforms.RandomVerticalFlip(),
            transforms.ColorJitter(0.2, 0.2, 0.2, 0.1),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )

    def views(file: Path) -> list[Any]:
        with Image.open(file) as image:
            decoded = image.convert("RGB")
        return [augment(decoded) for _ in range(2)]

    def collate(batch: Sequence[Path]) -> Any:
        return default_collate([views(file) for file in batch])

    return DataLoader(files, batch_size, collate_fn=collate)  # type: ignore[arg-type]
