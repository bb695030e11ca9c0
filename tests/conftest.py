"""What every test stands on."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

# Here, as conftest files of folders below may import jax before any hook is called.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # see `cache_folder.be_quiet`
os.environ.setdefault("JAX_TRACEBACK_FILTERING", "off")  # to shorten one takes 30 ms, and many tests are of errors

_ALONE = {"test_environment_cache", "test_canary"}  # modules that are about the cache of compiled programs itself

_OWN = "convlab-tests-"  # what the name of a session's own cache begins with
_made: list[str] = []


def pytest_configure() -> None:
    """Every session compiles anew, and keeps its programs in a folder of its own: what one process has compiled, the
    next need not. With CONVLAB_CACHE=FOLDER they are kept for the next session, which takes a third of the time.

    Ctrl-C works as at a terminal, also where the suite was started in the background, which ignores SIGINT: the tests
    of interrupts send it, and the processes that they start inherit whether it is ignored.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if "CONVLAB_CACHE" not in os.environ:  # the workers of this session have it from here
        _made.append(tempfile.mkdtemp(prefix=_OWN))
        os.environ["CONVLAB_CACHE"] = _made[0]


def pytest_collection_finish() -> None:
    """What is imported and collected by now stays; garbage is looked for in what comes after it."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    for folder in _made:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True, scope="module")
def _one_cache_of_programs(request: pytest.FixtureRequest) -> Iterator[None]:
    """What any worker of this session has compiled, or the same program of a test before, is found in its cache.

    The lab's own scope does that for runs alone; here it holds for all that tests compile. The numbers are the same to
    the bit: an entry is the machine code that XLA made of the same program.
    """
    if request.module.__name__.rpartition(".")[2] in _ALONE:
        yield
        return
    from convlab.lab import cache_folder, environment, program_cache

    with pytest.MonkeyPatch.context() as patch, program_cache.kept(cache_folder.place(True, environment.threads())):
        if Path(os.environ["CONVLAB_CACHE"]).name.startswith(_OWN):  # it is deleted whole, in the end
            patch.setattr(program_cache.Programs, "sweep", lambda self: None)  # which looks at thousands of files
        yield


@pytest.fixture
def unrendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are made, and files of their names written, but not rendered, which takes a second for each: for tests
    of what runs and of rulings. What files of figures hold is held by `tests/plots`."""
    from convlab.plots import _style

    def save(figure: object, path_without_suffix: str | os.PathLike[str]) -> tuple[Path, Path]:
        base = Path(path_without_suffix)
        svg, png = (base.with_name(base.name + suffix) for suffix in (".svg", ".png"))
        for path in (svg, png):
            path.write_bytes(b"a figure")
        return svg, png

    monkeypatch.setattr(_style, "save", save)
