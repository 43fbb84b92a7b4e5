"""Work of threads comes in order, and only a bounded number of items ahead."""

import threading
from itertools import count

import pytest

from aduni.system import threads
from aduni.system.threads import map_ahead


def test_results_come_in_the_order_of_the_items():
    later = threading.Event()

    def call(item):
        if item == 0:
            assert later.wait(60)
        elif item == 5:
            later.set()
        return item * item

    assert list(map_ahead(call, range(40), 8)) == [item * item for item in range(40)]


def test_a_bounded_number_of_items_is_taken_ahead():
    asked = count()
    coming = map_ahead(lambda item: item, asked, ahead=7)
    for _ in range(20):
        next(coming)
    coming.close()

    assert next(asked) == 20 + 7


def test_every_usable_cpu_works_at_the_same_time(monkeypatch):
    monkeypatch.setattr(threads, "usable_cpus", lambda: 5)
    together = threading.Barrier(5)
    assert len(list(map_ahead(lambda item: together.wait(60), range(10), 6))) == 10


def test_error_of_an_item_ends_the_work():
    with pytest.raises(ZeroDivisionError):
        list(map_ahead(lambda item: 1 // (3 - item), range(100), 4))
