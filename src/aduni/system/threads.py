"""Map a function over items in threads, with a bounded number of results ahead."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def usable_cpus() -> int:
    """Count the CPUs that this process may use, which a scheduler or container can restrict."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_ahead(
    call: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """Yield `call(item)` in the order of the items, computed by a thread for each usable CPU.

    At most `ahead` results wait, so that memory does not grow with the number of items. This helps
    where `call` releases the interpreter lock, as Pillow's decoders and hashlib do.
    """
    pool = ThreadPoolExecutor(usable_cpus())
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(call, item))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
