"""Images a second of an evaluation over those of the bare forward."""

from functools import partial
from typing import cast

import torch
from torch import Tensor

from aduni.config.build import build_data_and_method
from aduni.evaluation.predict import predict_parts
from aduni.methods.aduni import AdUni
from aduni.models.encoder import Encoder
from aduni.reproduce.planning import settings_of
from benchmarks.measure import Spread, alternate, rate, ratio, wall_clock
from benchmarks.part import Bench, Row, Section, devices


def measure(bench: Bench) -> Section:
    """Return a row for every device."""
    rows: list[Row] = []
    figures: dict[str, Spread] = {}
    for device in devices():
        on_gpu = device.type == "cuda"
        images = bench.effort.gpu_held_out if on_gpu else bench.effort.evaluated
        words = bench.synthetic(14, *(bench.on_gpu if on_gpu else ()), held_out=images)
        evaluation, bare = _evaluated(words, device, bench.effort.rounds)
        row = {
            "evaluation, images/s": rate(images, evaluation),
            "bare, images/s": rate(images, bare),
            "evaluation / bare": ratio(bare, evaluation),
        }
        rows.append({"device": device.type, "images": images, **row})
        figures[f"evaluation_{device.type}"] = row["evaluation / bare"]
    notes = (
        f"Evaluation: predictions of a part from the cache, as a table, {bench.effort.image_size} "
        f"px on a CPU and {bench.effort.gpu_image_size} px on a GPU; bare: the same batches of "
        "normalised floats, already on the device, through encoder and classifier in inference "
        "mode. "
        f"{torch.get_num_threads()} torch threads.",
    )
    return Section("Evaluation", rows, notes, figures)


def _evaluated(words: list[str], device: torch.device, rounds: int) -> list[list[float]]:
    """Return seconds of an evaluation of the test part, and of its bare forward."""
    data, method = build_data_and_method(settings_of(words))
    method = cast(AdUni, method.to(device).eval())
    batches = [
        batch.views[0] for batch in data.module.evaluation_batches(data.rows("test"), device)
    ]
    # The first batch stands for all of its size: the values make no difference.
    normalised = cast(Encoder, method.encoder).normalised(batches[0])
    evaluation = partial(predict_parts, method, data, ("test",), device)
    bare = partial(bare_forward, method, [normalised[: len(batch)] for batch in batches])
    seconds = alternate({"evaluation": evaluation, "bare": bare}, rounds, wall_clock)
    return list(seconds.values())


@torch.inference_mode()
def bare_forward(method: AdUni, batches: list[Tensor]) -> list[Tensor]:
    """Return the (N, C) logits of each batch of normalised images."""
    backbone = cast(Encoder, method.encoder).backbone
    return [method.classifier(backbone(images)) for images in batches]
