"""Plant wrong labels in a published data set, and count how many of them are found.

    python scripts/planted_labels.py plant aptos2019 ROOT FILE [SEED]
    python scripts/planted_labels.py score FILE OUTPUT/label_errors.csv

FILE is a table for dataset=csv with the columns image, label, group and true; ROOT is the folder
of the release. Each image has the same chance of a wrong label, which is any other class.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

SHARE, SEED = 0.05, 0
ISIC = "ISIC2018_Task3_Training"


def read_release(name: str, root: Path) -> pd.DataFrame:
    """Return image, true class and group of each image of aptos2019 or isic2018."""
    if name == "aptos2019":
        table = pd.read_csv(root / "train.csv", dtype=str)
        images = "train_images/" + table["id_code"] + ".jpg"
        return pd.DataFrame({"image": images, "true": table["diagnosis"], "group": images})
    truth = pd.read_csv(root / f"{ISIC}_GroundTruth" / f"{ISIC}_GroundTruth.csv", index_col="image")
    lesions = pd.read_csv(root / f"{ISIC}_LesionGroupings.csv", index_col="image")
    frame = pd.DataFrame({"true": truth.idxmax(axis=1), "group": lesions["lesion_id"]})
    frame.insert(0, "image", f"{ISIC}_Input/" + frame.index + ".jpg")
    return frame


def plant(frame: pd.DataFrame, share: float = SHARE, seed: int = SEED) -> pd.DataFrame:
    """Add a column `label`: the true class, or for a share of the rows any other one."""
    rng = np.random.default_rng(seed)
    classes, numbers = np.unique(frame["true"].to_numpy(dtype=str), return_inverse=True)
    rows = rng.choice(len(frame), round(share * len(frame)), replace=False)
    numbers[rows] = (numbers[rows] + rng.integers(1, len(classes), len(rows))) % len(classes)
    return frame.assign(label=classes[numbers])


def score(planted: pd.DataFrame, listed: pd.DataFrame, first: int = 100) -> dict[str, float]:
    """Return how many of the first likely errors, and of all that are listed, were planted."""
    wrong = set(planted.loc[planted["label"] != planted["true"], "image"])
    likely = listed[listed["reason"] == "likely error"]
    found = likely["image"].isin(wrong).to_numpy()
    suggested = likely.merge(planted[["image", "true"]], on="image", how="left")
    right = (suggested["suggested"] == suggested["true"]).to_numpy()
    return {
        "images": len(planted),
        "planted": len(wrong),
        "likely errors": len(likely),
        f"precision of the first {first}": float(found[:first].mean()),
        "precision of all": float(found.mean()),
        "recall of all": float(found.sum() / len(wrong)),
        "right class suggested of those found": float(right[found].mean()),
    }


def main(words: list[str]) -> None:
    """Plant, or score."""
    if words[:1] == ["plant"] and len(words) in (4, 5):
        name, root, file, *seed = words[1:]
        planted = plant(read_release(name, Path(root)), seed=int(seed[0]) if seed else SEED)
        planted.to_csv(file, index=False)
    elif words[:1] == ["score"] and len(words) == 3:
        tables = [pd.read_csv(file, dtype=str) for file in words[1:]]
        for name, value in score(*tables).items():
            print(f"{name}: {value:.3g}")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
