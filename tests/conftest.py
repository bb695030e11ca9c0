"""What every test stands on."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading

_made: list[str] = []


def pytest_configure() -> None:
    """Every session compiles anew, and keeps its programs in a folder of its own: what one process has compiled, the
    next need not.

    Ctrl-C works as at a terminal, also where the suite was started in the background, which ignores SIGINT: the tests
    of interrupts send it, and the processes that they start inherit whether it is ignored.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if "CONVLAB_CACHE" not in os.environ:  # the workers of this session have it from here
        _made.append(tempfile.mkdtemp(prefix="convlab-tests-"))
        os.environ["CONVLAB_CACHE"] = _made[0]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # see `cache_folder.be_quiet`


def pytest_unconfigure() -> None:
    for folder in _made:
        shutil.rmtree(folder, ignore_errors=True)
