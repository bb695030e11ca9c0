"""Memory: how much of it is free here, what this process holds, and sizes in words."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from convlab.core.errors import ConvlabError

_PROC = Path("/proc")
_GROUPS = Path("/sys/fs/cgroup")
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def words(size: float) -> str:
    """A size in bytes as a reader wants it.

    >>> words(12), words(3 * 2**20), words(23.14 * 2**30), words(800_000_000)
    ('12 bytes', '3.0 MiB', '23.1 GiB', '763 MiB')
    """
    unit = 0
    while size >= 1000.0 and unit < len(_UNITS) - 1:
        size, unit = size / 1024.0, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 or size >= 100.0 else f"{size:.1f} {_UNITS[unit]}"


def free() -> int | None:
    """Bytes that this process may still take: what the machine has, and what the limits round the process leave.

    None where the system does not say.
    """
    found = [*_of_machine(), *_of_groups(), *_of_process()]
    return max(0, min(found)) if found else None


def held() -> int | None:
    """Bytes of memory that this process holds now; None where the system does not say."""
    return next(iter(_status("VmRSS")), None)


def require(size: float, what: str, instead: str) -> None:
    """Raise one line where ``what`` takes more bytes than are free."""
    there = free()
    if there is not None and size > there:
        raise ConvlabError(f"{what} takes about {words(size)} of memory, and {words(there)} are free here; {instead}")


def _of_machine() -> Iterator[int]:
    """What Linux calls available: free pages, and those of files that it can drop."""
    yield from _kilobytes(_PROC / "meminfo", "MemAvailable")
    if not (_PROC / "meminfo").exists() and "SC_PHYS_PAGES" in os.sysconf_names:  # others tell their whole memory only
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _of_groups() -> Iterator[int]:
    """What the control groups of a container or a batch system leave, of both versions, and of every group above."""
    names = {"": ("memory.max", "memory.current"), "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes")}
    for line in _lines(_PROC / "self" / "cgroup"):
        _, controllers, group = (*line.split(":", 2), "", "")[:3]
        kind = "memory" if "memory" in controllers.split(",") else controllers
        if kind not in names:
            continue
        root = _GROUPS / "memory" if kind else _GROUPS
        for folder in _upwards(root, group):
            limit, used = (_number(folder / name) for name in names[kind])
            if limit is not None and used is not None:
                files = _fields(folder / "memory.stat", ("inactive_file", "total_inactive_file"))
                yield limit - used + max(files, default=0)  # pages of files count as used, and can be dropped


def _of_process() -> Iterator[int]:
    """What `ulimit -v` leaves."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        yield from (limit - size for size in _status("VmSize"))


def _upwards(root: Path, group: str) -> Iterator[Path]:
    """The folder of a group and those above it; within a container the path may not be there, but its root is."""
    folder = root / group.strip().lstrip("/")
    while True:
        yield folder
        if folder == root or root not in folder.parents:
            return
        folder = folder.parent


def _status(name: str) -> Iterator[int]:
    return _kilobytes(_PROC / "self" / "status", name)


def _kilobytes(path: Path, name: str) -> Iterator[int]:
    for line in _lines(path):
        words_of_line = line.split()
        if words_of_line[:1] == [name + ":"] and len(words_of_line) > 1 and words_of_line[1].isdecimal():
            yield 1024 * int(words_of_line[1])


def _fields(path: Path, names: Iterable[str]) -> list[int]:
    pairs = (line.split() for line in _lines(path))
    return [int(pair[1]) for pair in pairs if len(pair) == 2 and pair[0] in names and pair[1].isdecimal()]


def _number(path: Path) -> int | None:
    text = "".join(_lines(path)).strip()
    return int(text) if text.isdecimal() else None  # "max" is no limit


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
