"""Build a data set whose images are read by its rows, without a training."""

from aduni.config.instantiate import Node, build
from aduni.data.image_data import ImageData
from aduni.data.loading.settings import LoaderSettings


def build_unloaded_data(dataset: Node, protocol: Node) -> ImageData:
    """Return the data set under its protocol, without settings for training loaders."""
    loading = LoaderSettings(batch_size=1, num_workers=0, seed=0, fold=0)
    data: ImageData = build(dataset, protocol=build(protocol), loading=loading)
    return data
