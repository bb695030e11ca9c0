"""The folder of compiled programs: whose it is, where it lies, and for which machine its programs are.

A program is machine code. It is made for one processor and one number of threads, and it is executed: so both are part
of the folder's name, and a folder that others may write to is not used.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_QUIET = "TF_CPP_MIN_LOG_LEVEL"
_OFF = {"0", "off", "no", "false"}


@dataclass(frozen=True)
class Place:
    """Where programs are kept; ``why`` says what decided it, or what stands in the way where ``folder`` is None."""

    folder: Path | None
    why: str


def files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The files of this cache below a folder; nothing else is touched. One that is gone meanwhile is passed over."""
    for pattern in ("*/*.program", "*/.*.part"):
        with contextlib.suppress(OSError):
            for path in folder.glob(pattern):
                with contextlib.suppress(OSError):
                    yield path, path.stat()


def root() -> Path:
    """The folder of the user's cache: CONVLAB_CACHE, else where the platform keeps caches."""
    given = os.environ.get("CONVLAB_CACHE")
    if given:
        return Path(given).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "convlab"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "convlab" / "Cache"
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if os.path.isabs(given) else Path.home() / ".cache") / "convlab"


def is_wanted() -> bool:
    """Whether the user wants a cache at all."""
    return os.environ.get("CONVLAB_COMPILE_CACHE", "").lower() not in _OFF


def place(wanted: bool, threads: int) -> Place:
    """Where programs are kept from now on, or why they are not."""
    if not wanted:
        return Place(None, "off for this run")
    if not is_wanted():
        return Place(None, "off by CONVLAB_COMPILE_CACHE")
    inside = internals()
    if inside is None:
        return Place(None, f"off: jax {_version('jax')} keeps programs in a way that convlab does not know")
    _, settings = inside
    if not settings.enable_compilation_cache.value:
        return Place(None, "off by jax's own setting jax_enable_compilation_cache")
    if settings.compilation_cache_dir.value:
        return Place(None, f"jax's own is in use and stays as it is: {settings.compilation_cache_dir.value}")
    if _is_loud():
        told = f"off: jax {_version('jax')} warns of every program that it loads"
        return Place(None, f"{told}; set {_QUIET}=3 before jax is imported")
    try:
        folder = root() / "programs" / _name(threads)
        fault = _fault(folder)
    except (OSError, ValueError, RuntimeError) as error:  # no home, a name with a NUL
        return Place(None, f"off: {getattr(error, 'strerror', None) or error}")
    return Place(None, f"off: {fault}") if fault else Place(folder, "on")


FIELDS = ("_cache", "_cache_initialized", "_cache_checked", "_cache_used")


def internals() -> tuple[Any, Any] | None:
    """JAX's modules of the cache and of the settings; None where they are not as they are in jax 0.10 to 0.12."""
    try:
        from jax._src import compilation_cache, config
    except ImportError:
        return None
    settings = ("persistent_cache_min_compile_time_secs", "enable_compilation_cache", "compilation_cache_dir")
    known = all(hasattr(compilation_cache, name) for name in (*FIELDS, "_cache_initialized_mutex"))
    known = known and all(hasattr(getattr(config, name, None), "value") for name in settings)
    return (compilation_cache, config) if known else None


def _fault(folder: Path) -> str | None:
    """What stands against executing what lies in a folder, if it exists: others could have put it there."""
    if not folder.exists():
        return None
    state = folder.stat()
    if not stat.S_ISDIR(state.st_mode):
        return f"{folder} is no folder"
    others = hasattr(os, "getuid") and state.st_uid != os.getuid()
    if others or (os.name == "posix" and state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        return f"{folder} can be written by others; delete it, or name another with CONVLAB_CACHE"
    return None


def _name(threads: int) -> str:
    """A folder for each release and machine: what XLA compiles for one processor may be no code for another, and how
    many threads there are decides how sums are split."""
    made = "-".join(_version(name) for name in ("jax", "jaxlib"))
    machine = hashlib.sha256(_processor().encode()).hexdigest()[:12]
    return f"jax-{made}-{platform.machine() or 'machine'}-{machine}-threads-{threads}"


def _processor() -> str:
    """The model of the processor and what it can do, as far as the platform tells."""
    told = [sys.platform, platform.machine(), platform.processor(), os.environ.get("NPROC", "")]
    if sys.platform == "darwin":
        told.append(platform.version())  # names the chip: …/RELEASE_ARM64_T8112
    with contextlib.suppress(OSError):
        wanted = ("vendor_id", "cpu family", "model", "stepping", "flags", "CPU", "Features", "isa", "uarch")
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        told += sorted({line for line in text.splitlines() if line.startswith(wanted)})
    return "\n".join(told)


def _version(package: str) -> str:
    from importlib import metadata  # not for `convlab list`, which asks for the folder alone

    return metadata.version(package)


def be_quiet() -> None:
    """For a process of convlab's own, before it imports jax: XLA before jax 0.12 prints two lines of 2 kB for each
    program that it loads, wherever the processor is tuned to go without gathers (github.com/jax-ml/jax/issues/38445).
    They say that the machine's features differ, of which the folder's name takes care. A process that has imported jax
    hands jax's own "1" on to those that it starts: that is nobody's wish."""
    if "jaxlib" not in sys.modules and _is_before_0_12() and os.environ.get(_QUIET, "1") == "1":
        os.environ[_QUIET] = "3"


def _is_loud() -> bool:
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    return x86 and _is_before_0_12() and os.environ.get(_QUIET, "0") < "3"


def _is_before_0_12() -> bool:
    return _version("jaxlib").split(".")[:2] in (["0", "10"], ["0", "11"])


def size() -> tuple[int, int]:
    """How many programs the cache holds, of all versions and machines, and their bytes."""
    sizes = [state.st_size for path, state in files(root() / "programs") if path.suffix == ".program"]
    return len(sizes), sum(sizes)
