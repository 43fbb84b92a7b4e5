"""augment=gpu from the sample indices to the training step, with and without images on the GPU."""

from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import LightningModule, Trainer

from aduni.batch import Batch
from aduni.data.cache import gpu_images
from aduni.data.loading import batch_samplers
from aduni.data.loading.samplers import InstanceBalanced, Upsample
from aduni.data.loading.torch_datasets import RawBatch

CPU = torch.device("cpu")


@pytest.fixture
def make_gpu(make_data):
    """The digits under augment=gpu."""

    def make(**changes: Any):
        loading = {"augment": "gpu", "batch_size": 40, **changes}
        return make_data("digits", protocol="paper", loading=loading)

    return make


@pytest.fixture
def room(monkeypatch):
    """Make the CPU pass for a GPU with free memory."""
    monkeypatch.setattr(gpu_images, "free_bytes", lambda device: 2**30)


class Recorder(LightningModule):
    """Model that keeps its batches, epoch by epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.epochs: list[list[Batch]] = []
        self.validated: list[Batch] = []

    def on_train_epoch_start(self) -> None:
        self.epochs.append([])

    def training_step(self, batch, index):
        self.epochs[-1].append(batch)
        return self.weight.sum()

    def validation_step(self, batch, index):
        self.validated.append(batch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trained(
    data, epochs: int = 2, start: Any = None, keep: Any = None, precision: Any = "32-true"
) -> Recorder:
    """Return a model's batches in two epochs of four steps."""
    data.module.begin_stage(Upsample(epoch_length=4), views=2, epochs=2)
    recorder = Recorder()
    silent = dict.fromkeys(
        ["logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"], False
    )
    trainer = Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        precision=precision,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        **silent,
    )
    trainer.fit(recorder, datamodule=data.module, ckpt_path=start, weights_only=True)
    if keep:
        trainer.save_checkpoint(keep)
    return recorder


def same(one: list[Batch], other: list[Batch]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(
        first.total == second.total
        and all(torch.equal(a, b) for a, b in zip(first[:3], second[:3], strict=True))
        for first, second in pairs
    )


def test_steps_see_whole_batches(make_gpu):
    data = make_gpu()
    recorder = trained(data)

    for batch in recorder.epochs[0]:
        assert type(batch) is Batch
        assert batch.views.shape == (2, 40, 3, 16, 16)
        assert batch.views.dtype == torch.uint8
        assert batch.labels.tolist() == data.table.labels[batch.indices].tolist()
    # No view is like another, though up-sampling repeats images and epochs repeat rows.
    views = [
        view.numpy().tobytes() for e in recorder.epochs for b in e for view in b.views.flatten(0, 1)
    ]
    assert len(views) == 2 * 4 * 2 * 40 == len(set(views))
    assert [b.indices.tolist() for b in recorder.validated[: len(recorder.validated) // 2]] == [
        b.indices.tolist() for b in data.module.val_dataloader()
    ]


def test_draws_are_those_of_the_cpu_path(make_gpu, make_data):
    raw, whole = make_gpu(), make_data("digits", protocol="paper", loading={"batch_size": 40})
    loaders = []
    for data in (raw, whole):
        data.module.begin_stage(Upsample(epoch_length=4), views=2, epochs=2)
        loaders.append(data.module.train_dataloader())

    for batch, expected in zip(*loaders, strict=True):
        assert isinstance(batch, RawBatch)
        assert torch.equal(batch.indices, expected.indices)
        assert torch.equal(batch.labels, expected.labels)
        pixels = torch.from_numpy(raw.cache.pixels[batch.indices.numpy()])
        assert torch.equal(batch.images, pixels)


@pytest.mark.parametrize("change", ["workers", "device", "again"])
def test_views_do_not_depend_on_how_they_are_loaded(make_gpu, change, request):
    expected = trained(make_gpu())
    if change == "device":
        request.getfixturevalue("room")
    found = trained(make_gpu(num_workers=2 if change == "workers" else 0))

    for epoch in range(2):
        assert same(found.epochs[epoch], expected.epochs[epoch])
    assert same(found.validated, expected.validated)


def test_mixed_precision_changes_no_view_and_a_rounded_one_is_refused(make_gpu, refusal):
    expected, mixed = (trained(make_gpu(), precision=p) for p in ("32-true", "bf16-mixed"))

    assert same(mixed.epochs[0], expected.epochs[0])
    refusal(lambda: trained(make_gpu(), precision="bf16-true"), "augment=cpu", "precision=32-true")


def test_another_seed_gives_other_views(make_gpu):
    first, other = (trained(make_gpu(seed=seed)).epochs[0][0] for seed in (0, 1))

    assert not torch.equal(first.views, other.views)


def test_resumed_run_sees_what_it_would_have_seen(make_gpu, tmp_path):
    expected = trained(make_gpu())
    trained(make_gpu(), epochs=1, keep=tmp_path / "last.ckpt")
    resumed = trained(make_gpu(), start=tmp_path / "last.ckpt")

    assert len(resumed.epochs) == 1
    assert same(resumed.epochs[0], expected.epochs[1])


def test_ranks_share_the_views_of_one_process(make_gpu, monkeypatch):
    def batches() -> list[Batch]:
        data = make_gpu()
        data.module.begin_stage(Upsample(epoch_length=4), views=2, epochs=2)
        return [
            data.module.on_after_batch_transfer(raw, 0) for raw in data.module.train_dataloader()
        ]

    expected = batches()
    monkeypatch.setattr(batch_samplers, "world_size", lambda: 2)
    for rank in (0, 1):
        monkeypatch.setattr(batch_samplers, "rank", lambda rank=rank: rank)
        for batch, whole in zip(batches(), expected, strict=True):
            assert torch.equal(batch.views, whole.views[:, rank::2])
            assert torch.equal(batch.indices, whole.indices[rank::2])


@pytest.mark.usefixtures("room")
def test_with_images_on_the_device_only_rows_travel_and_no_worker_is_started(make_gpu):
    data = make_gpu(num_workers=2)
    trained(data)

    loaders = [data.module.train_dataloader(), data.module.val_dataloader()]
    assert [loader.num_workers for loader in loaders] == [0, 0]
    assert all(batch.images is None for loader in loaders for batch in loader)


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("augment", ["cpu", "gpu"])
def test_evaluation_batches_are_the_images_as_they_are(make_gpu, request, augment, kept):
    if kept:
        request.getfixturevalue("room")
    data = make_gpu(augment=augment)
    trained(data)

    for part in ("train", "test"):
        rows = data.rows(part)
        images = torch.from_numpy(data.cache.pixels[rows]).permute(0, 3, 1, 2)[None]
        batches = list(data.module.evaluation_batches(data.rows(part), CPU))
        assert torch.equal(torch.cat([batch.views for batch in batches], dim=1), images)
        assert torch.cat([batch.indices for batch in batches]).tolist() == rows.tolist()
    (batch, *_) = data.module.evaluation_batches(data.rows("test"), torch.device("meta"))
    assert {values.device.type for values in batch[:3]} == {"meta"}


def test_loading_draws_none_of_the_models_random_numbers(make_gpu):
    data = make_gpu()
    data.module.begin_stage(InstanceBalanced(), views=2, epochs=1)
    torch.manual_seed(0)
    state = torch.get_rng_state()
    data.module.on_after_batch_transfer(next(iter(data.module.train_dataloader())), 0)

    assert torch.equal(torch.get_rng_state(), state)


def test_recipe_that_no_batch_can_have_is_refused_before_anything_is_read(make_data, refusal):
    def make() -> None:
        recipe = [{"_target_": "albumentations.GaussNoise"}]
        _ = make_data("digits", augment=recipe, loading={"augment": "gpu"}).module

    refusal(make, "dataset.augment", "GaussNoise", "augment=cpu")


def test_images_on_a_gpu_need_augmentation_there_and_a_gpu(make_gpu, refusal):
    refusal(lambda: make_gpu(augment="cpu", data_on_gpu=True), "data_on_gpu", "augment=gpu")
    refusal(lambda: trained(make_gpu(data_on_gpu=True)), "data_on_gpu=true", "data_on_gpu=auto")


def test_images_without_augmentation_are_their_own_views(make_data):
    data = make_data("digits", augment=[], loading={"augment": "gpu"})
    data.module.begin_stage(InstanceBalanced(), views=2, epochs=1)
    batch = data.module.on_after_batch_transfer(next(iter(data.module.train_dataloader())), 0)

    images = torch.from_numpy(np.array(data.cache.pixels[batch.indices.numpy()]))
    for view in batch.views:
        assert torch.equal(view, images.permute(0, 3, 1, 2))
