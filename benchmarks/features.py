"""Images a second of the extraction of features over those of the bare forward."""

import shutil
from functools import partial

import torch
from torch import Tensor, nn

from aduni.config.build import build_data_and_method
from aduni.data.loading.feature_extraction import BATCH
from aduni.models.encoder import Encoder
from aduni.reproduce.planning import settings_of
from benchmarks.measure import alternate, rate, ratio, wall_clock
from benchmarks.part import Bench, Section

SIZE = 128
"""Side of the images, pixels."""


def measure(bench: Bench) -> Section:
    """Return a row for the CPU."""
    images = bench.effort.extracted
    words = bench.synthetic(images, "recipe=frozen", "encoder.stem=standard")
    words += [f"dataset.image_size={SIZE}", "encoder.feature_views=1", "num_workers=0"]
    settings = settings_of(words)
    data, method = build_data_and_method(settings)
    encoder = next(module for module in method.modules() if isinstance(module, Encoder)).eval()
    count, device = len(data.table.labels), torch.device("cpu")
    pixels = torch.randint(256, (BATCH["cpu"], 3, SIZE, SIZE), dtype=torch.uint8)
    batch = encoder.normalised(pixels.contiguous(memory_format=torch.channels_last))

    def extract() -> None:
        for features in bench.scratch.glob("cache/*-features-*/"):
            shutil.rmtree(features)
        data.module.feature_extraction(encoder, device).extract()

    passes = 2 * count  # of the unaugmented images and of a draw
    bare = partial(_forward, encoder.backbone, [batch] * (passes // len(batch)))
    seconds = alternate({"extraction": extract, "bare": bare}, bench.effort.rounds, wall_clock)
    row = {
        "extraction, images/s": rate(passes, seconds["extraction"]),
        "bare, images/s": rate(passes // len(batch) * len(batch), seconds["bare"]),
        "extraction / bare": ratio(seconds["bare"], seconds["extraction"]),
    }
    notes = (
        f"Features of efficientnet_lite0 at {SIZE} px: of the unaugmented images and of one draw "
        "of each, from the cache of images into that of features; bare: as many random images in "
        "the same batches, normalised, through the backbone in inference mode. "
        f"{torch.get_num_threads()} torch threads.",
    )
    figures = {"features_cpu": row["extraction / bare"]}
    return Section("Features of a frozen encoder", [{"images": count, **row}], notes, figures)


@torch.inference_mode()
def _forward(backbone: nn.Module, batches: list[Tensor]) -> list[Tensor]:
    return [backbone(images) for images in batches]
