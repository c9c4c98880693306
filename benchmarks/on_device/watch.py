"""The time that a benchmark may take, and a bar that shows it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class Watch:
    """Bounds each part by its share of what is left, and shows what is under way on stderr."""

    def __init__(self, minutes: float) -> None:
        self._began_s = time.monotonic()
        self._total_s = minutes * 60
        self._part_ends_s = self._total_s
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task("", total=self._total_s)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._progress.stop()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began_s

    @property
    def left_s(self) -> float:
        """Of the part under way."""
        return self._part_ends_s - self.elapsed_s

    @contextmanager
    def part(self, share: float) -> Iterator[None]:
        """A part that may take this share of the time that is left of all."""
        self._part_ends_s = self.elapsed_s + share * (self._total_s - self.elapsed_s)
        yield

    def show(self, what: str) -> None:
        """Name what is under way."""
        self._progress.update(self._task, description=what, completed=self.elapsed_s)
