"""Trainings on synthetic pictures, described as the command line of train.py would."""

from pathlib import Path

from hydra import compose
from omegaconf import open_dict

from aduni.config.schema import Settings, read_settings

TRAIN = Path(__file__).resolve().parents[1] / "src" / "train.py"


def synthetic(
    cache: Path, *, images: int, held_out: int, image_size: int, batch_size: int
) -> list[str]:
    """Overrides of train.py: ISIC 2018's recipe on pictures that are made on the spot.

    Args:
        cache: folder for the resized pictures.
        images: of the training part.
        held_out: of the validation part, and of the test part.
        image_size: side, pixels.
        batch_size: images.
    """
    return [
        "dataset=isic2018",
        "dataset._target_=benchmarks.synthetic.Synthetic",
        f"+dataset.images={images}",
        f"+dataset.held_out={held_out}",
        f"dataset.cache_dir={cache}",
        f"dataset.image_size={image_size}",
        f"batch_size={batch_size}",
        "encoder.stem=standard",
    ]


def settings_of(overrides: list[str]) -> Settings:
    """What train.py would run with; Hydra has been initialised with conf/.

    Raises:
        UserError: as `read_settings`.
    """
    config = compose("train", overrides, return_hydra_config=True)
    choices = config.hydra.runtime.choices
    with open_dict(config):
        config.names = {name: choices[name] for name in config.names}
        del config.hydra
    return read_settings(config)
