"""The data module's loaders give the right images, batches and parts."""

from collections import Counter
from functools import partial
from itertools import chain

import numpy as np
import pytest
import torch
from pytorch_lightning import LightningModule, Trainer

from aduni.config.build import processes_and_device
from aduni.data.loading import settings
from aduni.data.loading.samplers import InstanceBalanced, Upsample
from composing import settings_of

CPU = torch.device("cpu")


def indices(loader) -> list[int]:
    return [row for batch in loader for row in batch.indices.tolist()]


def training_loader(data, sampler=None, views=1, epochs=3):
    data.module.begin_stage(sampler or InstanceBalanced(), views=views, epochs=epochs)
    return data.module.train_dataloader()


@pytest.fixture
def make_tiny(isic, make_data):
    """Make the tiny ISIC release of seventy photographs, with some settings changed."""
    return partial(make_data, "isic2018", isic.root)


def test_counts_are_those_of_the_training_part(make_tiny):
    data = make_tiny()

    frame = data.split
    counted = Counter(frame.loc[frame["part"] == "train", "label"])
    assert data.training_counts.tolist() == [counted[name] for name in data.table.class_names]
    assert sum(counted.values()) == len(data.rows("train"))


@pytest.mark.parametrize("workers", [0, 2])
def test_training_loader_gives_every_draw_of_the_sampler(make_tiny, workers):
    data = make_tiny(loading={"batch_size": 5, "num_workers": workers})
    loader = training_loader(data)

    train = data.rows("train").tolist()
    batches = [batch.indices.tolist() for batch in loader]
    assert [len(batch) for batch in batches] == [5] * (len(train) // 5) == [5] * len(loader)
    loaded = list(chain.from_iterable(batches))
    assert len(set(loaded)) == len(loaded)
    assert set(loaded) <= set(train)


def test_upsampled_batches_hold_each_class_equally(make_tiny):
    data = make_tiny(loading={"batch_size": 14})

    for batch in training_loader(data, Upsample()):
        assert torch.bincount(batch.labels).tolist() == [2] * 7
        assert batch.labels.tolist() == data.table.labels[batch.indices].tolist()


def test_order_changes_with_the_epoch_and_the_seed(make_tiny):
    loader = training_loader(make_tiny())
    first = indices(loader)
    loader.batch_sampler.set_epoch(1)
    second = indices(loader)
    loader.batch_sampler.set_epoch(0)

    other_seed = training_loader(make_tiny(loading={"seed": 1}))
    assert first != second
    assert first == indices(loader)
    assert first != indices(other_seed)


class Recorder(LightningModule):
    """Model that keeps its batches, epoch by epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: list[dict[int, bytes]] = []

    def on_train_epoch_start(self) -> None:
        self.seen.append({})

    def training_step(self, batch, index):
        views = zip(batch.indices.tolist(), batch.views[0], strict=True)
        self.seen[-1] |= {row: view.numpy().tobytes() for row, view in views}
        return self.weight.sum()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.parametrize("workers", [0, 1])
def test_trainer_brings_the_epoch_to_the_loader(make_tiny, workers):
    # Workers outlive the epoch, and Lightning looks for set_epoch in few places.
    data = make_tiny(loading={"num_workers": workers})
    data.module.begin_stage(InstanceBalanced(), views=1, epochs=3)
    recorder = Recorder()
    silent = dict.fromkeys(
        ["logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"], False
    )
    trainer = Trainer(
        max_epochs=3,
        accelerator="cpu",
        use_distributed_sampler=False,
        limit_val_batches=0,
        **silent,
    )
    trainer.fit(recorder, train_dataloaders=data.module.train_dataloader())

    first, second, third = recorder.seen
    assert list(first) != list(second) != list(third)
    for one, other in ((first, second), (second, third), (first, third)):
        shared = set(one) & set(other)
        assert len(shared) > 10
        assert all(one[row] != other[row] for row in shared)


def test_stage_decides_the_number_of_views(make_tiny):
    data = make_tiny()

    for count in (1, 2):
        batch = next(iter(training_loader(data, views=count)))
        assert batch.views.shape == (count, 16, 3, 16, 16)


def test_training_views_show_the_image_that_they_are_labelled_with(make_tiny):
    # Without augmentation, each view is the row's image.
    data = make_tiny(augment=[])

    batch = next(iter(training_loader(data, views=2)))
    for position, row in enumerate(batch.indices.tolist()):
        image = torch.from_numpy(np.array(data.cache.pixels[row])).permute(2, 0, 1)
        assert torch.equal(batch.views[0, position], image)
        assert torch.equal(batch.views[1, position], image)


@pytest.mark.parametrize("part", ["train", "test"])
def test_evaluation_gives_each_image_once_in_order(make_data, part):
    # Each part has more images than one batch holds.
    data = make_data("digits", protocol="paper", imbalance_ratio=1)

    batches = list(data.module.evaluation_batches(data.rows(part), CPU))
    rows = np.flatnonzero(data.split["part"] == part).tolist()
    assert len(batches) > 1
    assert indices(batches) == rows
    labels = [label for batch in batches for label in batch.labels.tolist()]
    assert labels == data.table.labels[rows].tolist()


@pytest.mark.parametrize(("protocol", "part"), [("clean", "validation"), ("paper", "test")])
def test_checkpoints_are_selected_on_the_protocols_part(make_tiny, protocol, part):
    data = make_tiny(protocol=protocol)

    assert indices(data.module.val_dataloader()) == data.rows(part).tolist()
    assert 9 < len(data.rows(part)) < 17


def test_no_image_is_loaded_from_two_parts(make_tiny):
    data = make_tiny()

    loaded = indices(training_loader(data))
    loaded += indices(data.module.evaluation_batches(data.rows("validation"), CPU))
    loaded += indices(data.module.evaluation_batches(data.rows("test"), CPU))
    assert len(set(loaded)) == len(loaded)


@pytest.mark.parametrize("workers", [0, 2])
def test_loading_draws_none_of_the_models_random_numbers(make_tiny, workers):
    # Otherwise dropout would change with the number of workers.
    loader = training_loader(make_tiny(loading={"num_workers": workers}))
    torch.manual_seed(0)
    state = torch.get_rng_state()

    next(iter(loader))
    assert torch.equal(torch.get_rng_state(), state)


def test_prepared_cache_serves_a_later_run(make_tiny, tmp_path):
    make_tiny().prepare_data()

    # What is left are folders and files of the first run; the second decodes nothing.
    (folder,) = [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]
    written = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert make_tiny().cache.folder == folder
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == written


def test_split_table_names_image_class_group_and_part(make_tiny):
    frame = make_tiny().split

    assert list(frame.columns) == ["image", "label", "group", "part"]
    assert frame["image"].tolist() == [f"ISIC_{24306 + i:07d}" for i in range(70)]
    assert frame["label"].tolist()[::10] == ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]
    # Photographs 0 and 8 show one lesion.
    assert frame["group"][0] == frame["group"][8]
    assert set(frame["part"]) == {"train", "validation", "test"}


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_pinned_memory_and_priority_go_by_the_device_that_is_used(make_tiny, kind, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: kind == "cpu")  # not what is asked
    data = make_tiny()
    data.module._device = torch.device(kind)
    loader = training_loader(data)

    assert loader.pin_memory == (kind == "cuda")
    assert loader.worker_init_fn.keywords == {"lower_priority": kind == "cpu"}


@pytest.mark.parametrize(
    ("cores", "processes", "device", "expected"),
    [
        (2, 1, "cpu", 1),
        (1, 1, "cpu", 0),
        (64, 1, "cpu", 8),
        (64, 1, "cuda", 16),
        (32, 4, "cuda", 7),
    ],
)
def test_processes_of_a_machine_share_its_cores(cores, processes, device, expected, monkeypatch):
    monkeypatch.setattr(settings, "usable_cpus", lambda: cores)

    assert settings.default_workers(processes, device) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["trainer=cpu"], (1, "cpu")),
        (["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=3"], (3, "cpu")),
        (["trainer=ddp", "trainer.devices=[0,2]"], (2, "cuda")),
        (["trainer=ddp", "trainer.devices=-1"], (4, "cuda")),
    ],
)
def testprocesses_and_device_are_those_of_the_trainer(words, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)

    assert processes_and_device(settings_of(*words).trainer) == expected
