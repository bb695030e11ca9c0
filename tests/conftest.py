"""What every test stands on."""

from __future__ import annotations

import signal
import threading


def pytest_configure() -> None:
    """Ctrl-C works as at a terminal, also where the suite was started in the background, which ignores SIGINT: the
    tests of interrupts send it, and the processes that they start inherit whether it is ignored."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
