"""Batches side by side on the cores of a CPU: a batch of small steps keeps one core busy, and no more.

Each batch is the program that it is alone, with the same bits; so how many of them run at once decides no number.
Sharding one program over several devices of a CPU gains as much (tests/benchmarks/two_cores.py), but takes a setting
of jax that only works before it starts, and that would change it for everything else in the process.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")


class _Ended(BaseException):
    """Raised in a batch that has to end because another one, or the user, ended the run."""


class Crew:
    """Up to ``size`` threads that take one item after the other. With one thread, everything is done by the caller."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._over = threading.Event()
        self.lock = threading.Lock()  # for what the items share

    def heed(self) -> None:
        """Called by an item now and then: the place where it ends, if the run has."""
        if self._over.is_set():
            raise _Ended

    def do(self, work: Callable[[Item], None], items: Iterable[Item]) -> None:
        """Calls ``work`` for all items. What one raises ends the others at their next `heed`, and is raised here."""
        if self._size == 1:
            for item in items:
                work(item)
            return
        waiting: queue.SimpleQueue[Item] = queue.SimpleQueue()
        for item in items:
            waiting.put(item)
        raised: list[BaseException] = []

        def take() -> None:
            try:
                while not self._over.is_set():
                    work(waiting.get_nowait())
            except (queue.Empty, _Ended):
                pass
            except BaseException as error:
                raised.append(error)
                self._over.set()

        threads = [threading.Thread(target=take, daemon=True) for _ in range(self._size)]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:  # a KeyboardInterrupt comes here, to the thread that waits
            self._over.set()
            for thread in threads:
                thread.join()
        if raised:
            raise raised[0]
