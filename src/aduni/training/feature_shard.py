"""Extract one shard of a frozen encoder's features, as a job of an array."""

import torch
from pytorch_lightning import seed_everything

from aduni.config.build import build_data_and_method, processes_and_device
from aduni.config.schema import Settings
from aduni.data.shard import Shard
from aduni.errors import UserError
from aduni.methods.base import encoder_of


def extract_shard(settings: Settings, shard: Shard) -> str:
    """Extract the features of a shard, and return a sentence on what was done.

    Data set and encoder are built as for a training by the same settings, which merges the shards.

    Raises:
        UserError: if the encoder is not frozen.
    """
    if settings.encoder.get("adaptation") != "frozen":
        raise UserError(
            f"shard={shard} divides the features of a frozen encoder; add recipe=frozen, or leave "
            "shard out."
        )
    seed_everything(settings.seed, workers=False, verbose=False)
    data, method = build_data_and_method(settings)
    encoder = encoder_of(method)
    if encoder is None:
        raise UserError(
            f"shard={shard} divides the features of an encoder, which "
            f"{settings.method['_target_']} has not; leave shard out."
        )
    _, device = processes_and_device(settings.trainer)
    folder = data.module.feature_extraction(encoder, torch.device(device)).extract_shard(shard)
    return (
        f"Shard {shard} of the features is complete: {folder}. When all {shard.count} are, the "
        "same command without shard= merges them and trains."
    )
