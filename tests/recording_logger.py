"""A logger of a user's, which keeps what it gets, or fails where it is told to."""

from typing import Any

from pytorch_lightning.loggers import Logger

CALLS: list[tuple[str, str, Any, Any]] = []
"""(title, method, values, step) of every call, of all loggers; tests clear it."""


class RecordingLogger(Logger):
    """Logger that only subclasses Lightning's, as a service's own package would have it."""

    def __init__(self, title: str, fails_in: str | None = None) -> None:
        super().__init__()
        self._title, self._fails_in = title, fails_in
        self._note("__init__")

    def _note(self, method: str, values: Any = None, step: int | None = None) -> None:
        CALLS.append((self._title, method, values, step))
        if method == self._fails_in:
            raise OSError(f"no route from {method}\nand a second line")

    @property
    def name(self) -> str:
        return self._title

    @property
    def version(self) -> int:
        return 0

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        self._note("log_hyperparams", params)

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self._note("log_metrics", metrics, step)

    def save(self) -> None:
        self._note("save")

    def finalize(self, status: str) -> None:
        self._note("finalize", status)


def calls_of(title: str, method: str) -> list[tuple[Any, Any]]:
    """(values, step) of the calls of one method."""
    return [(values, step) for who, what, values, step in CALLS if (who, what) == (title, method)]
