"""Go from images to a decided model from Python."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig

from aduni.api.composition import composed
from aduni.api.images_table import Data, with_data
from aduni.api.model import Model, load_model
from aduni.api.paths import keep_absolute
from aduni.fitting.fit import fit as fit_data
from aduni.fitting.fit_settings import forwarded, read_fit_settings
from aduni.fitting.write_result import CHOICE
from aduni.system.atomic_files import read_json
from aduni.system.atomic_folder import INDEX


@dataclass(frozen=True)
class Fit:
    """The result of `aduni.fit` or the command `fit`.

    Args:
        path: folder of the result.
    """

    path: Path

    def __post_init__(self) -> None:
        keep_absolute(self)

    @property
    def page(self) -> Path:
        """The page that says what was found, tried and chosen, and how good it is."""
        return self.path / INDEX

    @property
    def decision(self) -> dict[str, Any]:
        """The scores on validation parts, and the chosen model; None where none is recommended."""
        return read_json(self.path / CHOICE)

    def load_model(self, **settings: Any) -> Model:
        """Load the chosen model, of several folds all together, with `load_model`'s settings.

        Raises:
            UserError: if no model is recommended.
        """
        return load_model(self.path, **settings)

    def __repr__(self) -> str:
        return f"<Fit: {self.decision['chosen'] or 'no model is recommended'}, {self.page}>"


def fit(
    data: Data,
    *,
    preset: str | None = None,
    max_time: str | None = None,
    output: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Fit:
    """Audit images, train a fixed set of models within a time, and decide on validation images.

    It does what the command `fit` does; each of its trainings runs in a process of its own.

    Args:
        data: as `aduni.train` takes it.
        preset: quick, good or best; None for the default of conf/fit.yaml.
        max_time: time for everything, as "2h" or DD:HH:MM:SS; None for the default there.
        output: folder of the result; None for outputs/fit/TITLE-PRESET.
        settings: any other key of the command, such as `target="accuracy"`.

    Raises:
        UserError: for every mistake that can be corrected by the caller.
    """
    named = {"preset": preset, "max_time": max_time, "output": output}
    given = {key: value for key, value in named.items() if value is not None}
    overrides = with_data(data, {**given, **settings})
    with composed("fit", overrides) as config:
        checked = read_fit_settings(config, overrides)
        page = fit_data(checked, forwarded(overrides), HydraConfig.get().runtime.choices["preset"])
    return Fit(page.parent)
