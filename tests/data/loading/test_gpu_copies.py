"""The order of copies and steps, with stand-ins for CUDA's streams and events.

That the copies run beside the computation is shown by tests/gpu/test_loading.py.
"""

from contextlib import contextmanager

import pytest
import torch

from aduni.data.loading.dataloaders import keep_whole
from aduni.data.loading.gpu_copies import GpuLoader


@pytest.fixture
def events(monkeypatch):
    """What happens on the streams, in turn."""
    events = []

    class Stream:
        def __init__(self, name):
            self.name, self.copies = name, 0

        def record_event(self):
            self.copies += 1
            events.append(f"copy {self.copies} begun on {self.name}")
            return self.copies

        def wait_event(self, event):
            events.append(f"{self.name} waits for copy {event}")

    computation = Stream("computation")

    @contextmanager
    def on_stream(stream):
        events.append(f"enter {stream.name}")
        yield
        events.append("leave")

    monkeypatch.setattr(torch.cuda, "Stream", lambda device: Stream("own stream"))
    monkeypatch.setattr(torch.cuda, "stream", on_stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: computation)
    monkeypatch.setattr(
        torch.Tensor, "record_stream", lambda self, stream: events.append(f"used by {stream.name}")
    )
    return events


def test_a_batch_is_sent_before_the_step_on_the_one_before_it(events):
    data = [torch.full((2,), value) for value in range(3)]
    loader = GpuLoader(data, batch_size=None, collate_fn=keep_whole, device=torch.device("cpu"))
    seen = []
    for batch in loader:
        seen.append(batch.tolist())
        events.append(f"step {len(seen)}")

    assert seen == [[0, 0], [1, 1], [2, 2]]

    def sent(number):
        return ["enter own stream", "leave", f"copy {number} begun on own stream"]

    def received(number):
        wait = f"computation waits for copy {number}"
        return [wait, "used by computation", f"step {number}"]

    order = [sent(1), sent(2), received(1), sent(3), received(2), received(3)]
    assert events == [event for events_of_one in order for event in events_of_one]


def test_all_epochs_use_one_stream(events, monkeypatch):
    loader = GpuLoader([torch.zeros(1)], batch_size=None, device=torch.device("cpu"))
    list(loader)
    monkeypatch.setattr(torch.cuda, "Stream", None)  # would raise TypeError
    assert len(list(loader)) == 1


def test_a_loader_without_batches_yields_none(events):
    loader = GpuLoader([], batch_size=None, device=torch.device("cpu"))
    assert list(loader) == []
