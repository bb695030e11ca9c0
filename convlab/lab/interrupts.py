"""Ctrl-C that cannot get lost.

A KeyboardInterrupt is raised wherever Python happens to be. What it meets there may replace it (`zipfile` raises a
ValueError where an archive is half written, which would read as a failed task) or swallow it (a callback of the garbage
collector prints it and goes on). So the signal is also remembered, and asked for at places where stopping is safe.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def heeded() -> Iterator[Callable[[], None]]:
    """A scope that ends with KeyboardInterrupt if one came, whatever became of it; yields the question to be asked.

    Where Python does not turn SIGINT into KeyboardInterrupt (another thread, a signal that is ignored, a handler of
    someone else) nothing is changed, and the question is never answered.
    """
    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield lambda: None
        return
    came = False

    def remember(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        raise KeyboardInterrupt

    def ask() -> None:
        if came:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, remember)
    try:
        yield ask
    except Exception:
        ask()
        raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    ask()
