"""Check the settings of conf/reproduce.yaml."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, Field, NonNegativeInt, ValidationError

from aduni.errors import UserError, complaint, did_you_mean
from aduni.metrics.names import check_columns
from aduni.reporting.tables.definitions import Definition, Row

Model = TypeVar("Model", bound=BaseModel)

USER_DATASETS = ("folder", "csv", "medmnist")
"""Data sets that every profile accepts beside its own."""

WITHOUT_FILES = ("digits", "medmnist")
"""Data sets that have no image files, and so no floor of them."""

WANDB_OPTIONS = ("project", "group", "offline")

NOT_EMPTY = Field(min_length=1)


class Profile(BaseModel, extra="forbid", frozen=True):
    """Runs of a reproduction: data sets x rows of the tables x folds x seeds.

    Attributes:
        rows: labels of rows of table 1; alphas and samplers are names of those of table 2.
        floors: labels of floors, which stand beside every table.
        switches: blocks of table 3; its rows without a block come with any of them.
        switch_overrides: overrides of train.py for every run of table 3.
        only_rows: data set -> table -> labels of its rows, for data sets that have no other rows.
        features: rows of table 1 whose run of the first fold and seed keeps training features.
        dataset_overrides: data set -> further overrides.
    """

    datasets: Annotated[tuple[str, ...], NOT_EMPTY]
    rows: tuple[str, ...]
    floors: tuple[str, ...]
    alphas: tuple[str, ...]
    samplers: tuple[str, ...]
    folds: Annotated[tuple[NonNegativeInt, ...], NOT_EMPTY]
    seeds: Annotated[tuple[NonNegativeInt, ...], NOT_EMPTY]
    switches: tuple[str, ...]
    switch_seeds: Annotated[tuple[NonNegativeInt, ...], NOT_EMPTY]
    switch_overrides: tuple[str, ...]
    only_rows: dict[str, dict[str, tuple[str, ...]]]
    features: tuple[str, ...]
    overrides: tuple[str, ...]
    dataset_overrides: dict[str, tuple[str, ...]]


class TableSettings(BaseModel, extra="forbid", frozen=True):
    methods: Definition
    sampling: Definition
    switches: Definition
    floors: Definition
    columns: tuple[str, ...]
    verbose: bool

    @property
    def definitions(self) -> dict[str, Definition]:
        return {"methods": self.methods, "sampling": self.sampling, "switches": self.switches}


class Reproduction(TableSettings, frozen=True):
    """Values of all keys of conf/reproduce.yaml."""

    action: Literal["train", "status"]
    name: str
    profile: Profile
    tables: Annotated[tuple[Literal[1, 2, 3], ...], NOT_EMPTY]
    datasets: tuple[str, ...] | None
    data: tuple[str, ...]
    gpus: tuple[NonNegativeInt, ...]
    wandb: dict[str, Any] | None
    job: str | None
    output: Path

    @property
    def chosen_datasets(self) -> tuple[str, ...]:
        return self.profile.datasets if self.datasets is None else self.datasets

    @property
    def chosen_tables(self) -> frozenset[str]:
        names = enumerate(self.definitions, start=1)
        return frozenset(name for number, name in names if number in self.tables)

    def floors_of(self, dataset: str) -> Definition:
        """Return the floors that the profile has for a data set."""
        floors = self.floors.only(self.profile.floors)
        if dataset not in WITHOUT_FILES:
            return floors
        return floors.with_rows([r for r in floors.rows if r.values["method"] != "shortcut_file"])

    def tables_of(self, dataset: str) -> dict[str, Definition]:
        """Return all tables with the rows that the profile has for a data set."""
        profile = self.profile
        if dataset in profile.only_rows:
            labels = profile.only_rows[dataset]
            tables = self.definitions.items()
            return {name: table.only(labels.get(name, ())) for name, table in tables}
        sampling = [
            row
            for row in self.sampling.rows
            if row.values["alpha"] in profile.alphas and row.values["sampler"] in profile.samplers
        ]
        blocks = ("", *profile.switches) if profile.switches else ()
        switches = [row for row in self.switches.rows if row.block in blocks]
        return {
            "methods": self.methods.only(profile.rows),
            "sampling": self.sampling.with_rows(sampling),
            "switches": self.switches.with_rows(switches),
        }


def read_reproduction(config: DictConfig) -> Reproduction:
    """Return the checked settings of reproduce.py."""
    settings = validate(config, Reproduction, wandb=_wandb_options(config))
    check_columns(settings.columns)
    profile, tables = settings.profile, settings.definitions
    datasets = settings.chosen_datasets
    _check_known(datasets, (*profile.datasets, *USER_DATASETS), "dataset", "data sets")
    if settings.data and len(datasets) > 1:
        raise UserError(
            f"{settings.data[0]} is meant for one data set, here are {', '.join(datasets)}; "
            "choose one with dataset=NAME."
        )
    for key in ("dataset_overrides", "only_rows"):
        _check_known(getattr(profile, key), profile.datasets, f"profile.{key}", "data sets")
    for key in ("alpha", "sampler"):
        names = [row.values[key] for row in settings.sampling.rows]
        _check_known(getattr(profile, f"{key}s"), names, f"profile.{key}s", f"{key}s")
    blocks = [row.block for row in settings.switches.rows if row.block]
    _check_known(profile.switches, blocks, "profile.switches", "blocks")
    _check_rows(profile.floors, settings.floors.rows, "profile.floors")
    for key in ("rows", "features"):
        _check_rows(getattr(profile, key), settings.methods.rows, f"profile.{key}")
    for dataset, rows in profile.only_rows.items():
        key = f"profile.only_rows.{dataset}"
        _check_known(rows, tables, key, "tables")
        for table, labels in rows.items():
            _check_rows(labels, tables[table].rows, f"{key}.{table}")
    return settings


def _wandb_options(config: DictConfig) -> dict[str, Any] | None:
    """Return the options of W&B that a report needs; the others are about a run."""
    if OmegaConf.select(config, "logger.wandb") is None:
        return None
    return {key: OmegaConf.select(config, f"logger.wandb.{key}") for key in WANDB_OPTIONS}


def validate(config: DictConfig, model: type[Model], **further: Any) -> Model:
    """Check settings; those of trackers are for train.py, whose other keys they refer to."""
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "logger"])
    try:
        values: Any = OmegaConf.to_container(own, resolve=True)
        return model.model_validate(values | further)
    except ValidationError as error:
        raise UserError(complaint(error, model.model_fields)) from error


def _check_rows(labels: Collection[str], rows: Sequence[Row], key: str) -> None:
    _check_known(labels, [row.label for row in rows], key, "rows")


def _check_known(names: Collection[str], known: Collection[str], key: str, kind: str) -> None:
    """Raise a UserError for the first name that is not a known one."""
    distinct = list(dict.fromkeys(known))
    for name in names:
        if name not in distinct:
            raise UserError(
                f"{key}={name} does not exist{did_you_mean(name, distinct)}; choose {kind} from "
                f"{', '.join(distinct)}."
            )
