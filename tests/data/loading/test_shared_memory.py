"""Loader processes without enough shared memory are refused before the first batch."""

import os
import signal
import time

import pytest
import torch

from aduni.batch import Batch
from aduni.data.loading import dataloaders, shared_memory
from aduni.data.loading.dataloaders import worker_error
from aduni.data.loading.samplers import InstanceBalanced
from aduni.data.loading.shared_memory import check_free_memory, free_bytes, shared_bytes

MIB = 2**20
PAPER = 2 * 128 * 3 * 384 * 384
"""Bytes of a batch of the paper's settings: views, images, channels, rows, columns."""


@pytest.fixture
def free(monkeypatch):
    """Set the amount of free memory."""

    def set_free(number: int | None) -> None:
        monkeypatch.setattr(shared_memory, "free_bytes", lambda: number)

    return set_free


@pytest.fixture
def loading(make_data):
    """Make a training loader of the digits; keyword arguments are those of `LoaderSettings`."""

    def make(*views: int, **options):
        numbers = {"batch_size": 64, "num_workers": 1, **options}
        data = make_data("digits", protocol="paper", loading=numbers, image_size=32)
        for number, count in reversed(list(enumerate(views or (1,)))):
            data.module.begin_stage(InstanceBalanced(), views=count, epochs=1, number=number)
        return data.module.train_dataloader

    return make


def test_dockers_default_does_not_take_a_batch_of_the_paper(free, refusal):
    free(64 * MIB)

    words = ("/dev/shm has 64 MiB", "8 loader", "1945 MiB", "--shm-size=2g", "--ipc=host")
    refusal(lambda: check_free_memory(PAPER, 8, 1), *words, "num_workers=0")


@pytest.mark.parametrize(("processes", "workers"), [(1, 1), (1, 8), (4, 3)])
def test_each_process_needs_two_batches_a_worker_and_two_for_itself(
    free, refusal, processes, workers
):
    needed = processes * (PAPER * (2 * workers + 2) + MIB)
    free(needed)
    check_free_memory(PAPER, workers, processes)
    free(needed - 1)

    refusal(lambda: check_free_memory(PAPER, workers, processes), f"num_workers={workers - 1}.")


def test_what_is_said_to_fit_fits(free, refusal):
    free(1000 * MIB)
    message = refusal(lambda: check_free_memory(PAPER, 8, 1), "num_workers=3.")
    assert message

    check_free_memory(PAPER, 3, 1)
    refusal(lambda: check_free_memory(PAPER, 4, 1))


@pytest.mark.parametrize("augment", ["cpu", "gpu"])
def test_a_loader_with_workers_is_refused_and_one_without_is_not(loading, free, refusal, augment):
    free(0)

    refusal(loading(augment=augment), "/dev/shm has 0 MiB free", "1 loader")
    assert loading(augment=augment, num_workers=0)() is not None


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_the_digits_fit_where_docker_leaves_64_mib(loading, free):
    free(64 * MIB)

    assert loading(num_workers=8)().num_workers == 8


def test_a_later_stages_views_are_counted_before_the_first_stage(loading, free, refusal):
    one = 64 * 3 * 32 * 32 + 2 * os.sysconf("SC_PAGESIZE")
    free(4 * one + MIB)
    assert loading(1)() is not None

    refusal(loading(1, 2), "2 MiB")


def test_where_nothing_limits_it_nothing_is_refused(loading, monkeypatch):
    monkeypatch.setattr(shared_memory.sys, "platform", "darwin")
    monkeypatch.setattr(shared_memory, "SHM_DIR", shared_memory.Path("/nowhere"))

    assert free_bytes() is None
    assert loading()().num_workers == 1


def test_on_linux_a_missing_folder_has_no_room(monkeypatch, tmp_path):
    monkeypatch.setattr(shared_memory.sys, "platform", "linux")
    monkeypatch.setattr(shared_memory, "SHM_DIR", tmp_path / "shm")

    assert free_bytes() == 0


@pytest.mark.skipif(not shared_memory.SHM_DIR.is_dir(), reason="no /dev/shm")
@pytest.mark.parametrize("augment", ["cpu", "gpu"])
def test_a_batch_takes_what_torch_takes_for_it(loading, augment):
    loader = loading(2, augment=augment, num_workers=0)()
    draws = next(iter(loader.batch_sampler))
    taken = 0
    for tensor in _tensors(loader.dataset.__getitems__(draws)):
        shared = tensor.clone().untyped_storage()
        descriptor, size = shared._share_fd_cpu_()  # as a loader process does
        assert size == tensor.nbytes
        taken += 512 * os.fstat(descriptor).st_blocks

    assert len(draws) == 64
    assert shared_bytes(loader.dataset.__getitems__(draws[:1]), 64) == taken


def _tensors(batch):
    for value in batch:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, tuple):
            yield from _tensors(value)


class Unsendable(torch.Tensor):
    """Tensor that cannot be sent to another process."""

    def __reduce_ex__(self, protocol):
        raise RuntimeError("unable to allocate shared memory(shm)")


def error_of(batches) -> RuntimeError:
    """Return torch's error for a batch that does not come."""
    with pytest.raises(RuntimeError) as lost:
        next(batches)
    return lost.value


def test_a_loader_process_that_cannot_send_its_batch_ends(loading, monkeypatch, capfd):
    def unsendable(batch):
        batch = Batch(*batch)
        return batch._replace(indices=batch.indices.as_subclass(Unsendable))

    monkeypatch.setattr(dataloaders, "keep_whole", unsendable)
    for _ in range(2):
        # Lightning does so at the end of each fit, and torch would not notice later ends.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        error = error_of(iter(loading()()))
        assert isinstance(error.__cause__, RuntimeError)  # raised by the handler: no time-out
        sentence = str(worker_error(error))

    assert "ended before its time" in sentence
    assert "/dev/shm" in sentence
    assert "num_workers=0" in sentence
    assert "unable to allocate" in capfd.readouterr().err  # of the loader process


def test_a_loader_process_that_sends_nothing_is_not_waited_for_for_ever(loading, monkeypatch):
    monkeypatch.setattr(dataloaders, "keep_whole", lambda batch: time.sleep(60))
    monkeypatch.setattr(dataloaders, "BATCH_TIMEOUT_SECONDS", 1)
    sentence = str(worker_error(error_of(iter(loading()()))))

    assert "no batch in 1 seconds" in sentence
    assert "resume=" in sentence
    assert "num_workers=0" in sentence
    assert "--shm-size" in sentence
