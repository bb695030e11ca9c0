"""The progress of a run, on stderr and only where that is a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import rich.progress


class Progress(Protocol):
    """How far a run is: ``done`` of ``total`` steps × runs, and what is running."""

    @property
    def done(self) -> float: ...
    @property
    def total(self) -> float: ...
    @property
    def label(self) -> str: ...


class Bar:
    """A bar with the time left. It is a callback: ``bar(progress)`` moves it; silent without a terminal."""

    def __init__(self) -> None:
        self._display: rich.progress.Progress | None = None
        self._task: Any = None

    def __enter__(self) -> Bar:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.markup import escape
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

            self._escape = escape
            self._display = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeRemainingColumn(compact=True),
                TextColumn("left"),
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
        if self._task is None:
            self._task = self._display.add_task(label, total=progress.total)
        self._display.update(self._task, completed=progress.done, total=progress.total, description=label)
