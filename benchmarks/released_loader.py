"""The data path of the authors' released code: decode, resize and augment every view by itself."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ReleasedViews(Dataset[tuple[list[Tensor], int]]):
    """Two views of each file: 3 x S x S floats, normalised.

    Args:
        files: of the images.
        size: S.
    """

    def __init__(self, files: Sequence[Path], size: int) -> None:
        self._files = files
        self._augment = transforms.Compose(
            [
                transforms.Resize((size, size)),
                transforms.RandomAffine(180, scale=(0.8, 1.2), shear=(0.8, 1.2)),
                transforms.RandomHorizontalFlip(),
                transforms.RandomVerticalFlip(),
                transforms.ColorJitter(0.2, 0.2, 0.2, 0.1),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, number: int) -> tuple[list[Tensor], int]:
        with Image.open(self._files[number]) as image:
            decoded = image.convert("RGB")
        return [self._augment(decoded) for _ in range(2)], number


def released_loader(
    files: Sequence[Path], size: int, batch_size: int
) -> DataLoader[tuple[list[Tensor], int]]:
    """With torch's own collate function, in this process."""
    return DataLoader(ReleasedViews(files, size), batch_size=batch_size)
