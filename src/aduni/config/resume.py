"""Continuing a run with the configuration it was started with."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf

from aduni.config.schema import Settings, check_trainer
from aduni.config.untrusted import read_stored
from aduni.errors import UserError
from aduni.results.identity import filled
from aduni.results.run_folder import AUTO, WITHOUT_EFFECT, RunFolder, check_continued, run_dir
from aduni.system.atomic_files import read_yaml

STRATEGY = "trainer.strategy"
PROCESSES = (STRATEGY, "trainer.devices", "trainer.num_nodes")
ACCELERATOR = "trainer.accelerator"

FREE = (*WITHOUT_EFFECT, ACCELERATOR, *PROCESSES)
"""Keys that may differ from the stored ones: results do not depend on them, or on device and number
of processes in their last digits alone."""


def continued(given: Settings, overrides: Sequence[str], folder: RunFolder) -> Settings:
    """The stored settings of the run to continue, or those given for a new run.

    With the folder of a run, the keys of the command line must be those of the run. `auto` comes
    with all settings of the run, since it may have to start it.

    Args:
        given: as composed from the command line.
        overrides: key=value pairs of the command line.
        folder: that this job writes to.

    Raises:
        UserError: the stored configuration is unreadable or names what it may not, or the command
            line contradicts it, or asks for several processes without trainer=ddp.
    """
    auto = given.resume == AUTO
    if given.resume is None or (auto and not folder.can_continue()):
        check_trainer(given.trainer)
        return given.model_copy(update={"resume": None})
    if not auto:
        run_dir(given.resume, "")
        check_continued(given.resume, folder.path)
    stored = read_stored(read_yaml(folder.config), folder.config, given.trust)
    new, old = _plain(given), _plain(stored)
    keys = list(Settings.model_fields) if auto else [_key(override) for override in overrides]
    _take_free(new, old, FREE if auto else _with_those_of_trainer(keys, new, old))
    options = [f"names.{group}" for group in old["names"]]
    # Of an option that is the same one, only `auto` has given the settings inside.
    named = [f"names.{key}" if key in old["names"] else key for key in keys]
    _compare(new, old, [*options, *keys] if auto else named, folder)
    settings = Settings.model_validate(old)
    settings.resume = str(folder.path)
    # Data that changed since would be divided anew, and test images could be trained on.
    settings.protocol["split_file"] = str(folder.split)
    check_trainer(settings.trainer)
    return settings


def may_change(override: str) -> bool:
    """Whether an override of train.py may stand beside `resume=` whatever the run has."""
    return _key(override) in (*FREE, "trainer")


def _key(override: str) -> str:
    """Of +method.dropout=0, ~method.dropout or sampler@method.classifier_sampler=none."""
    return override.split("=", 1)[0].lstrip("+~").rpartition("@")[2]


def _with_those_of_trainer(
    keys: Sequence[str], new: dict[str, Any], old: dict[str, Any]
) -> list[str]:
    """The keys, with what trainer=OPTION says: the number of processes where it begins others."""
    if "trainer" not in keys:
        return list(keys)
    begins_others = _select(new, STRATEGY) != _select(old, STRATEGY)
    return [*keys, ACCELERATOR, *(PROCESSES if begins_others else ())]


def _take_free(new: dict[str, Any], old: dict[str, Any], keys: Iterable[str]) -> None:
    """Replace what may differ."""
    for key in keys:
        if key in FREE:
            *groups, leaf = key.split(".")
            source, target = new, old
            for group in groups:
                source, target = source[group], target[group]
            target.pop(leaf, None)
            if leaf in source:
                target[leaf] = source[leaf]


def _compare(
    new: dict[str, Any], old: dict[str, Any], keys: Sequence[str], folder: RunFolder
) -> None:
    """Raise UserError for the first value that is another one."""
    new, old = filled(new), filled(old)
    found = (_difference(_select(new, key), _select(old, key), key) for key in keys)
    different = next(filter(None, found), None)
    if different:
        shown = different.removeprefix("names.")
        raise UserError(
            f"{shown} cannot be changed by a resume: {folder.path} was started with "
            f"{shown}={_select(old, different)}; leave it out, or start a new run."
        )


def _difference(new: Any, old: Any, key: str) -> str | None:
    """Full key of the first value that differs and may not."""
    if key in FREE or new == old or (key == "trainer.sync_batchnorm" and not (new or old)):
        return None
    lists = isinstance(new, list) and isinstance(old, list) and len(new) == len(old)
    if lists and any(isinstance(value, Mapping) for value in old):
        new, old = dict(enumerate(new)), dict(enumerate(old))
    if not isinstance(new, Mapping) or not isinstance(old, Mapping):
        return key
    inner = (_difference(new.get(k), old.get(k), f"{key}.{k}") for k in {**old, **new})
    return next(filter(None, inner), None)


def _plain(settings: Settings) -> dict[str, Any]:
    """As read from YAML: lists for tuples."""
    plain = OmegaConf.to_container(OmegaConf.create(settings.model_dump()))
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _select(content: Any, key: str) -> Any:
    """None where there is no such key."""
    for part in key.split("."):
        if isinstance(content, list):
            content = dict(enumerate(content)).get(int(part)) if part.isdecimal() else None
        else:
            content = content.get(part) if isinstance(content, Mapping) else None
    return content
