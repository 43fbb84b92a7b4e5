"""Check the names of files and backbones in a composed configuration before the slow imports."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from aduni.data.places import check_dataset, check_files, check_image_sources
from aduni.errors import UserError
from aduni.models.backbones.names import check_backbone
from aduni.models.normalisation import is_weights_file
from aduni.results.find_checkpoint import find_checkpoint, find_checkpoints
from aduni.results.run_folder import check_runs

SPLIT_REMEDY = "set protocol.split_file to another split, or to null to make folds"
LIST_REMEDY = "set split to the files of a split: CSV tables, lists of names, or .npy of strings"
CKPT_REMEDY = "give a checkpoint of a run with method.stage1_ckpt="
WEIGHTS_REMEDY = "set encoder.weights to a file, the name of published ones, or null"


def check_names(config: DictConfig) -> None:
    """Raise UserError for a file or backbone that does not exist, as far as names can tell.

    The configuration of a continued run is in its folder, so that this one's data set is not read.
    """
    find = find_checkpoints if OmegaConf.select(config, "tta") is not None else find_checkpoint
    for ckpt in _texts(config, "ckpt"):
        find(ckpt)
    check_image_sources(_texts(config, "images"))
    for runs in _texts(config, "runs"):
        check_runs(Path(runs))
    if OmegaConf.select(config, "resume") is not None:
        return
    check_files(_texts(config, "split"), LIST_REMEDY)  # of audit.py
    check_files(_texts(config, "protocol.split_file"), SPLIT_REMEDY)
    check_files(_texts(config, "method.stage1_ckpt"), CKPT_REMEDY)
    if "dataset" in config:
        _check_dataset(config)
    if isinstance(config.get("method"), DictConfig):
        for name in _texts(config, "encoder.name"):
            check_backbone(name)
        for weights in filter(is_weights_file, _texts(config, "encoder.weights")):
            check_files([weights], WEIGHTS_REMEDY)


def _check_dataset(config: DictConfig) -> None:
    root, csv = (next(iter(_texts(config, f"dataset.{key}")), "") for key in ("root", "csv"))
    target = OmegaConf.select(config, "dataset._target_")
    if target is not None:
        is_fetched = bool(OmegaConf.select(config, "download"))
        check_dataset(target.rpartition(".")[2], root, csv, is_fetched=is_fetched)
    elif root and not Path(root).is_dir():  # of the data set of a checkpoint
        raise UserError(
            f"dataset.root={root} is not a folder; set it to the folder of the data set."
        )


def _texts(config: DictConfig, key: str) -> list[str]:
    """Return the value or values of a key as texts; none for null and keys that are not there."""
    value: Any = OmegaConf.select(config, key, throw_on_missing=False)
    values = value if OmegaConf.is_list(value) else [value]
    return [str(each) for each in values if each not in (None, "")]
