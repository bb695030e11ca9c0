"""The progress of a run, on stderr and only where that is a terminal: the plan, the time left and the memory in use."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from convlab.core import memory

if TYPE_CHECKING:
    import rich.progress

_LONG = 1e7  # steps × runs from which on the plan is told before the run
_OFTEN = 0.1  # seconds between two looks at clock and memory
_SOON = 1.0  # seconds of running from which on the time left is told: the first slices compile


class Progress(Protocol):
    """How far a run is: ``done`` of ``total`` steps × runs, what is running, and what was planned."""

    @property
    def done(self) -> float: ...
    @property
    def total(self) -> float: ...
    @property
    def label(self) -> str: ...
    @property
    def plan(self) -> str: ...


def remaining(done: float, total: float, seconds: float) -> str:
    """The time left, as a reader wants it, if it goes on as it did for ``seconds``; nothing where that is no guess yet.

    >>> remaining(1e8, 1e9, 5.0), remaining(1, 400, 30.0), remaining(0, 10, 9.0), remaining(5, 10, 0.2)
    ('45 s left', '3 h 20 min left', '', '')
    """
    if not (done > 0 and seconds >= _SOON) or done >= total:
        return ""
    left = seconds * (total - done) / done
    if left < 100:
        return f"{max(1, round(left))} s left"
    minutes = round(left / 60)
    return f"{minutes} min left" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min left"


def state(done: float, total: float, seconds: float, held: int | None) -> str:
    """What stands beside the bar: the time left and the memory that the process holds.

    >>> state(1e8, 1e9, 5.0, 3 << 30)
    '45 s left, 3.0 GiB in use'
    """
    in_use = "" if held is None else f"{memory.words(held)} in use"
    return ", ".join(part for part in (remaining(done, total, seconds), in_use) if part)


class Bar:
    """A bar with the time left. It is a callback: ``bar(progress)`` moves it; silent without a terminal."""

    def __init__(self) -> None:
        self._display: rich.progress.Progress | None = None
        self._task: Any = None
        self._began = self._looked = 0.0
        self._state = ""

    def __enter__(self) -> Bar:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.markup import escape
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

            self._escape = escape
            self._display = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.fields[state]}"),
                console=Console(stderr=True),
                transient=True,
            )
            self._display.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._display is not None:
            self._display.stop()

    def __call__(self, progress: Progress) -> None:
        if self._display is None:
            return
        label = self._escape(progress.label[:60])
        now = time.monotonic()
        if self._task is None:
            self._began = now
            if progress.plan and progress.total >= _LONG:
                self._display.console.print(progress.plan, markup=False, highlight=False)
            self._task = self._display.add_task(label, total=progress.total, state="")
        if now - self._looked >= _OFTEN:
            self._looked = now
            self._state = state(progress.done, progress.total, now - self._began, memory.held())
        numbers: dict[str, Any] = {"completed": progress.done, "total": progress.total}
        self._display.update(self._task, description=label, state=self._state, **numbers)
