"""Check what rows and settings of a data set show, before torch is imported or an image read."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from aduni.config.instantiate import Node, check_node
from aduni.config.unloaded_data import build_unloaded_data
from aduni.data.image_data import ImageData
from aduni.data.splits.protocol import group_rows


def check_composed(config: DictConfig, fold: int = 0) -> None:
    """Check the data set and the protocol of a composed configuration as `check_data` does."""
    nodes: Any = OmegaConf.to_container(config, resolve=True)
    check_data(nodes["dataset"], nodes["protocol"], fold)


def check_data(dataset: Node, protocol: Node, fold: int) -> None:
    """Raise UserError for a fold, column, class or image size that no training can have."""
    dataset = {**dataset, "augment": []}  # transforms import torch
    check_node(dataset, "dataset")
    check_node(protocol, "protocol")
    data = build_unloaded_data(dataset, protocol)
    data.protocol.check_fold(fold)
    check_classes(data)


def check_classes(data: ImageData) -> None:
    """Raise UserError for a class that is too small for folds, as far as the rows tell.

    Copies, which only the images show, do not count yet.
    """
    table, protocol = data.table, data.protocol
    if table.parts is None and not protocol.split_files:
        protocol.check_counts(table, group_rows(table, range(len(table.images))))
