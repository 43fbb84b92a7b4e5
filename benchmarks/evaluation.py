"""Part (d): images a second of an evaluation over those of the bare forward."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch

from aduni.config.build import build_data, build_method
from aduni.data.module import ImageDataModule
from aduni.evaluation.predict import predict_parts
from aduni.methods.aduni import AdUni
from aduni.models.encoder import Encoder
from benchmarks.bare import bare_forward
from benchmarks.composing import settings_of, synthetic
from benchmarks.measure import WALL, in_turns, rate, ratio
from benchmarks.section import Bench, Row, Section, devices


def measure_evaluation(bench: Bench) -> Section:
    """A row for every device."""
    effort = bench.effort
    rows: list[Row] = []
    figures = {}
    for device in devices():
        size = effort.image_size if device.type == "cpu" else effort.gpu_size
        held_out = effort.evaluated if device.type == "cpu" else effort.gpu_held_out
        seconds = evaluated(
            bench.scratch / "cache", held_out, size, effort.batch_size, effort.turns, device
        )
        efficiency = ratio(seconds["bare"], seconds["evaluation"])
        rows.append(
            {
                "device": device.type,
                "px": size,
                "images": held_out,
                "evaluation, images/s": rate(held_out, seconds["evaluation"]),
                "bare, images/s": rate(held_out, seconds["bare"]),
                "evaluation / bare": efficiency,
            }
        )
        figures[f"evaluation_{device.type}"] = efficiency
    notes = (
        "Evaluation: predictions of a part from the cache, as a table; bare: the same batches of "
        "normalised floats, already on the device, through encoder and classifier in inference "
        f"mode. {torch.get_num_threads()} torch threads.",
    )
    return Section("Evaluation", rows, notes, figures)


def evaluated(
    cache: Path, held_out: int, size: int, batch_size: int, turns: int, device: torch.device
) -> dict[str, list[float]]:
    """Seconds of `evaluation` and `bare`, each over the whole test part."""
    given = synthetic(cache, images=14, held_out=held_out, image_size=size, batch_size=batch_size)
    settings = settings_of([*given, f"augment={'gpu' if device.type == 'cuda' else 'cpu'}"])
    data = build_data(settings)
    method = build_method(settings, data.training_counts)
    assert isinstance(method, AdUni)
    method.to(device).eval()
    sizes = [len(batch.labels) for batch in data.evaluation_batches("test", device)]
    calls: dict[str, Callable[[], Any]] = {
        "evaluation": lambda: predict_parts(method, data, ("test",), device),
        "bare": _Bare(method, data, sizes, device),
    }
    return in_turns(calls, turns, WALL, device)


class _Bare:
    """The first batch stands for all of its size: the values make no difference."""

    def __init__(
        self, method: AdUni, data: ImageDataModule, sizes: list[int], device: torch.device
    ) -> None:
        first = next(iter(data.evaluation_batches("test", device))).views[0]
        images = cast(Encoder, method.encoder).normalised(first)
        self._method = method
        self._batches = [images[:size] for size in sizes]

    @torch.inference_mode()
    def __call__(self) -> None:
        for images in self._batches:
            bare_forward(self._method, images)
