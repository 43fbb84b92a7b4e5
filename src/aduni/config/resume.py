"""Continue a run with the configuration that it was started with."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from aduni.config.instantiate import Node, check_node, items_of
from aduni.config.schema import Settings, check_trainer
from aduni.config.untrusted import read_stored
from aduni.errors import UserError
from aduni.results.identity import filled
from aduni.results.run_folder import AUTO, WITHOUT_EFFECT, RunFolder, check_continued, run_dir
from aduni.system.atomic_files import read_yaml

STRATEGY = "trainer.strategy"
PROCESSES = (STRATEGY, "trainer.devices", "trainer.num_nodes")
ACCELERATOR = "trainer.accelerator"

FREE_KEYS = (*WITHOUT_EFFECT, ACCELERATOR, *PROCESSES)
"""Keys that may differ from the stored ones. Results do not depend on them, or only in the last
digits, through the device and the number of processes."""


def resume_settings(given: Settings, overrides: Sequence[str], folder: RunFolder) -> Settings:
    """Return the stored settings of the run to continue, or the given ones for a new run.

    With `resume=FOLDER`, the keys on the command line must agree with the run. With `resume=auto`,
    all settings must, since the same command line may have to start the run.

    Args:
        given: settings composed from the command line.
        overrides: KEY=VALUE arguments of the command line.
        folder: folder that this job writes to.

    Raises:
        UserError: if the stored configuration is unreadable or names a forbidden class, if the
            command line contradicts it, or if several processes are requested without trainer=ddp.
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
    _copy_free_keys(new, old, FREE_KEYS if auto else _with_trainer_keys(keys, new, old))
    for group in ("recipe", "optimizer"):
        if old["names"][group] is None:  # there were none yet
            new["names"][group] = None
    options = [f"names.{group}" for group in old["names"]]
    # Unless `auto`, an option's name on the command line does not set the keys inside the option.
    named = [f"names.{key}" if key in old["names"] else key for key in keys]
    _check_equal(new, old, [*options, *keys] if auto else named, folder)
    settings = Settings.model_validate(old)
    settings.resume = str(folder.path)
    # If the data changed since, a new split could move test images into the training part.
    settings.protocol["split_file"] = str(folder.split)
    check_trainer(settings.trainer)
    return settings


def logger_for(settings: Settings, config: DictConfig) -> dict[str, Node]:
    """Return the trackers of the command line, with the run's values for `${fold}` and the like.

    Args:
        settings: of the run, which may be an earlier one's.
        config: composed from the command line.
    """
    content = OmegaConf.create({"logger": config.get("logger", {}), **settings.model_dump()})
    logger: Any = OmegaConf.to_container(content.logger, resolve=True)
    check_node(logger, "logger")
    return dict(logger)


def may_change(override: str) -> bool:
    """Tell whether an override of train.py is allowed beside `resume=` for any run."""
    return _key(override) in (*FREE_KEYS, "trainer")


def _key(override: str) -> str:
    """Return the key of +method.dropout=0, ~method.dropout or sampler@method.sampler=none."""
    return override.split("=", 1)[0].lstrip("+~").rpartition("@")[2]


def _with_trainer_keys(keys: Sequence[str], new: dict[str, Any], old: dict[str, Any]) -> list[str]:
    """Add the free keys that a `trainer=OPTION` among the keys sets."""
    if "trainer" not in keys:
        return list(keys)
    changes_strategy = _select(new, STRATEGY) != _select(old, STRATEGY)
    return [*keys, ACCELERATOR, *(PROCESSES if changes_strategy else ())]


def _copy_free_keys(new: dict[str, Any], old: dict[str, Any], keys: Iterable[str]) -> None:
    """Copy the values of those keys that are free into the old settings."""
    for key in keys:
        if key in FREE_KEYS:
            *groups, name = key.split(".")
            source, target = new, old
            for group in groups:
                source, target = source[group], target[group]
            target.pop(name, None)
            if name in source:
                target[name] = source[name]


def _check_equal(
    new: dict[str, Any], old: dict[str, Any], keys: Sequence[str], folder: RunFolder
) -> None:
    """Raise a UserError for the first key whose values differ."""
    new, old = filled(new), filled(old)
    for key in keys:
        if different := _first_difference(_select(new, key), _select(old, key), key):
            name = different.removeprefix("names.")
            raise UserError(
                f"{name} cannot be changed by a resume: {folder.path} was started with "
                f"{name}={_select(old, different)}; leave it out, or start a new run."
            )


def _first_difference(new: Any, old: Any, key: str) -> str | None:
    """Return the full key of the first value that differs and may not."""
    if key in FREE_KEYS or new == old or (key == "trainer.sync_batchnorm" and not (new or old)):
        return None
    lists = isinstance(new, list) and isinstance(old, list) and len(new) == len(old)
    if lists and any(isinstance(value, Mapping) for value in old):
        new, old = dict(enumerate(new)), dict(enumerate(old))
    if not isinstance(new, Mapping) or not isinstance(old, Mapping):
        return key
    inner = (_first_difference(new.get(k), old.get(k), f"{key}.{k}") for k in {**old, **new})
    return next(filter(None, inner), None)


def _plain(settings: Settings) -> dict[str, Any]:
    """Return settings as YAML holds them, with lists for tuples."""
    plain = OmegaConf.to_container(OmegaConf.create(settings.model_dump()))
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _select(content: Any, key: str) -> Any:
    """Return the value of a full key, or None if there is no such key."""
    for part in key.split("."):
        content = {str(name): value for name, value in items_of(content)}.get(part)
    return content
