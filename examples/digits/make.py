"""Make the model and the images of this folder from a run: python examples/digits/make.py RUN.

The model is the tested checkpoint without the state of its training, which predictions do not need.
The images are the first two of each class in the run's test part, whatever the model says of them.
"""

import sys
from pathlib import Path

import pandas as pd
import torch
from PIL import Image
from sklearn.datasets import load_digits

FOLDER = Path(__file__).resolve().parent
EACH = 2


def main(run: Path) -> None:
    """Write digits.ckpt and the folder images."""
    checkpoint = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    kept = {key: checkpoint[key] for key in ("epoch", "state_dict", "aduni")}
    torch.save(kept, FOLDER / "digits.ckpt")

    split = pd.read_csv(run / "split.csv")
    digits = load_digits().images
    (FOLDER / "images").mkdir(exist_ok=True)
    for label, rows in split[split["part"] == "test"].groupby("label"):
        for name in rows["image"][:EACH]:
            grey = (digits[int(name.removeprefix("digit_"))] * 255 / 16).round().astype("uint8")
            Image.fromarray(grey).save(FOLDER / "images" / f"{label}_{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
