"""The batch statistic against a queue that is kept label by label."""

from collections import deque

import numpy as np
import pytest

from aduni.data.loading.samplers import InstanceBalanced, Progressive, SquareRoot, Upsample
from aduni.reporting.statistics.batch_composition import (
    SAMPLERS,
    batch_statistic,
    training_labels,
)
from aduni.results.finished_runs import read_run
from hand_made import make_run

LABELS = np.repeat([0, 1, 2], [24, 40, 8])  # the majority is not the first class
CALL = {"seed": 3, "batch_size": 9}


def _slow(sampler, epochs, chosen, size):
    batches, queues = [], []
    queue: deque[int] = deque(maxlen=size)
    for epoch in chosen:
        for batch in sampler.batches(LABELS, epoch=epoch, epochs=epochs, **CALL):
            drawn = LABELS[batch].tolist()
            if len(queue) == size:
                queues.append((queue.count(1), queue.count(2)))
            batches.append((drawn.count(1), drawn.count(2)))
            queue.extend(drawn)
    return [*np.mean(batches, axis=0), *np.mean(queues, axis=0)]


@pytest.mark.parametrize("kind", [InstanceBalanced, Upsample, SquareRoot, Progressive])
def test_as_counted_label_by_label(kind):
    frame = batch_statistic(LABELS, {"it": kind()}, epochs=4, queue=20, **CALL)
    assert frame.iloc[0, 1:].tolist() == pytest.approx(_slow(kind(), 4, range(4), 20))


def test_long_stages_are_sampled_evenly():
    kind = Progressive()
    frame = batch_statistic(LABELS, {"it": kind}, epochs=39, queue=20, **CALL)
    assert frame.iloc[0, 1:].tolist() == pytest.approx(_slow(kind, 39, range(0, 39, 2), 20))


def test_up_sampling_is_exact():
    frame = batch_statistic(LABELS, {"up": Upsample()}, epochs=2, queue=18, **CALL)
    assert frame.to_dict("records") == [
        {"sampler": "up", "majority": 3, "minority": 3, "queue_majority": 6, "queue_minority": 6}
    ]


def test_plain_shuffling_has_the_class_shares():
    # 72 images in 8 batches of 9: nothing is dropped.
    frame = batch_statistic(LABELS, {"plain": InstanceBalanced()}, epochs=3, queue=72, **CALL)
    assert frame.iloc[0, 1:3].tolist() == [40 / 8, 8 / 8]
    # One step an epoch starts with exactly the epoch before in the queue; the others mix two.
    assert frame["queue_majority"][0] == pytest.approx(40, abs=8)


def test_a_queue_that_is_never_full():
    frame = batch_statistic(LABELS, {"plain": InstanceBalanced()}, epochs=1, queue=64, **CALL)
    assert frame.iloc[0, 3:].tolist() == [None, None]
    # 63 labels precede the eighth and last batch.
    frame = batch_statistic(LABELS, {"plain": InstanceBalanced()}, epochs=1, queue=63, **CALL)
    assert None not in frame.iloc[0].tolist()


def test_a_sampler_that_does_not_suit_the_batch_size():
    frame = batch_statistic(LABELS, epochs=2, seed=0, batch_size=2, queue=20)
    assert frame["sampler"].tolist() == list(SAMPLERS)
    assert frame.set_index("sampler").loc["up-sampling"].tolist() == [None] * 4
    assert frame.set_index("sampler").loc["w/o sampling", "majority"] is not None


def test_plain_shuffling_and_up_sampling_on_aptos():
    aptos = np.repeat(np.arange(5), [1444, 296, 799, 154, 236])
    frame = batch_statistic(aptos, epochs=5, seed=0, batch_size=128).set_index("sampler")
    plain = frame.loc["w/o sampling"]
    assert plain["majority"] == pytest.approx(63.1, abs=0.5)
    assert plain["minority"] == pytest.approx(6.7, abs=0.2)
    assert plain["queue_majority"] == pytest.approx(8 * 63.1, abs=5)
    assert frame.loc["up-sampling"].tolist()[:2] == [25, 25]
    # A queue of plain batches has the ratio of a batch.
    assert plain["queue_majority"] / plain["queue_minority"] == pytest.approx(63.1 / 6.7, rel=0.1)


def test_labels_of_the_training_part(tmp_path):
    folder = make_run(tmp_path / "a", labels=[0, 1], predicted=[0, 1], training_labels=[2, 0, 2, 1])
    assert training_labels(read_run(folder)).tolist() == [2, 0, 2, 1]
