"""The keys of conf/reproduce.yaml, checked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, Field, NonNegativeInt, ValidationError

from aduni.errors import UserError, complaint, did_you_mean
from aduni.metrics.names import check_columns
from aduni.report.inputs import Sources
from aduni.report.tables.definitions import Definition

Model = TypeVar("Model", bound=BaseModel)

OWN = ("folder", "csv", "medmnist")
"""Data sets that every profile takes, beside those that it names."""

SOME = Field(min_length=1)


class Profile(BaseModel, extra="forbid", frozen=True):
    """What is to be run: data sets x rows of the tables x folds x seeds.

    Attributes:
        datasets: names of data sets.
        rows: of table 1.
        alphas: of table 2.
        samplers: of table 2.
        folds: test folds.
        seeds: of the trainings of tables 1 and 2.
        switches: blocks of table 3; its rows without a block come with any of them.
        switch_seeds: of the trainings of table 3.
        switch_overrides: of train.py, for every run of table 3.
        only_rows: by data set that is to have no more, labels of rows by table.
        features: rows of table 1 whose run of the first fold and seed keeps training features.
        overrides: of train.py, for every run.
        dataset_overrides: further ones, by data set.
        method_overrides: further ones, by method; a row may say otherwise.
    """

    datasets: Annotated[tuple[str, ...], SOME]
    rows: tuple[str, ...]
    alphas: tuple[str, ...]
    samplers: tuple[str, ...]
    folds: Annotated[tuple[NonNegativeInt, ...], SOME]
    seeds: Annotated[tuple[NonNegativeInt, ...], SOME]
    switches: tuple[str, ...]
    switch_seeds: Annotated[tuple[NonNegativeInt, ...], SOME]
    switch_overrides: tuple[str, ...]
    only_rows: dict[str, dict[str, tuple[str, ...]]]
    features: tuple[str, ...]
    overrides: tuple[str, ...]
    dataset_overrides: dict[str, tuple[str, ...]]
    method_overrides: dict[str, tuple[str, ...]]


class Reproduction(BaseModel, extra="forbid", frozen=True):
    """All keys of conf/reproduce.yaml."""

    action: Literal["train", "status"]
    name: str
    profile: Profile
    methods: Definition
    sampling: Definition
    switches: Definition
    tables: Annotated[tuple[Literal[1, 2, 3], ...], SOME]
    datasets: tuple[str, ...] | None
    data: tuple[str, ...]
    columns: tuple[str, ...]
    gpus: tuple[NonNegativeInt, ...]
    logger: dict[str, Any]
    logger_name: str
    job: str | None
    output: Path
    verbose: bool

    @property
    def chosen(self) -> tuple[str, ...]:
        """Data sets of this call."""
        return self.profile.datasets if self.datasets is None else self.datasets

    @property
    def definitions(self) -> dict[str, Definition]:
        """All tables, by the name of their files."""
        return {"methods": self.methods, "sampling": self.sampling, "switches": self.switches}

    @property
    def wanted(self) -> frozenset[str]:
        """Names of the tables of this call."""
        names = enumerate(self.definitions, start=1)
        return frozenset(name for number, name in names if number in self.tables)

    def planned(self, dataset: str) -> dict[str, Definition]:
        """All tables with the rows that the profile has for a data set."""
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
    """Checked settings.

    Raises:
        UserError: unknown key or value, unknown table, row or data set.
    """
    settings = _validated(config, Reproduction)
    check_columns(settings.columns)
    profile = settings.profile
    known = tuple(dict.fromkeys((*profile.datasets, *OWN)))
    for dataset in settings.chosen:
        _check(dataset, known, "dataset", "data sets")
    if settings.data and len(settings.chosen) > 1:
        raise UserError(
            f"{settings.data[0]} is meant for one data set, here are {', '.join(settings.chosen)}; "
            "choose one with dataset=NAME."
        )
    for key in ("dataset_overrides", "only_rows"):
        for dataset in getattr(profile, key):
            _check(dataset, profile.datasets, f"profile.{key}", "data sets")
    methods = [row.values for table in settings.definitions.values() for row in table.rows]
    for method in profile.method_overrides:
        _check(method, _distinct(methods, "method"), "profile.method_overrides", "methods")
    sampling = [row.values for row in settings.sampling.rows]
    for alpha in profile.alphas:
        _check(alpha, _distinct(sampling, "alpha"), "profile.alphas", "alphas")
    for sampler in profile.samplers:
        _check(sampler, _distinct(sampling, "sampler"), "profile.samplers", "samplers")
    blocks = [row.block for row in settings.switches.rows if row.block]
    for block in profile.switches:
        _check(block, list(dict.fromkeys(blocks)), "profile.switches", "blocks")
    for key in ("rows", "features"):
        _check_rows(getattr(profile, key), settings.methods, f"profile.{key}")
    for dataset, tables in profile.only_rows.items():
        for table, labels in tables.items():
            _check(table, tuple(settings.definitions), f"profile.only_rows.{dataset}", "tables")
            key = f"profile.only_rows.{dataset}.{table}"
            _check_rows(labels, settings.definitions[table], key)
    return settings


class _Report(BaseModel, extra="forbid", frozen=True):
    """All keys of conf/report.yaml."""

    runs: Path
    output: Path | None
    methods: Definition
    sampling: Definition
    switches: Definition
    columns: tuple[str, ...]
    verbose: bool


def read_sources(config: DictConfig) -> Sources:
    """What report.py is to make a report from.

    Raises:
        UserError: unknown key or value.
    """
    if OmegaConf.is_missing(config, "runs"):
        raise UserError("runs is missing; give a folder that holds run folders: runs=DIR.")
    settings = _validated(config, _Report)
    check_columns(settings.columns)
    definitions = {name: getattr(settings, name) for name in ("methods", "sampling", "switches")}
    return Sources(settings.runs, settings.output or settings.runs, definitions, settings.columns)


def _validated(config: DictConfig, model: type[Model]) -> Model:
    try:
        return model.model_validate(OmegaConf.to_container(config, resolve=True))
    except ValidationError as error:
        raise UserError(complaint(error, model.model_fields)) from error


def _distinct(rows: list[dict[str, str]], key: str) -> list[str]:
    return list(dict.fromkeys(row[key] for row in rows))


def _check_rows(labels: Sequence[str], table: Definition, key: str) -> None:
    for label in labels:
        _check(label, [row.label for row in table.rows], key, "rows")


def _check(name: str, known: tuple[str, ...] | list[str], key: str, kind: str) -> None:
    if name not in known:
        raise UserError(
            f"{key}={name} does not exist{did_you_mean(name, known)}; choose {kind} from "
            f"{', '.join(known)}."
        )
