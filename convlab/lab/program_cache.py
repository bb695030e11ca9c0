"""The cache of compiled programs: a store that is JAX's for the lab's scope alone, and cannot harm a run.

JAX has a persistent cache of its own, with settings for the whole process, files that are written in place (one cut
short is never written again), and a limit of size that one lost file turns into a cache without writes
(github.com/jax-ml/jax/issues/39880). So the lab hands JAX a store instead, for its scope and its thread only: an entry
is written beside its place and renamed, carries its SHA-256, and is compiled anew where anything is wrong with it. No
setting of JAX changes but, within the scope, the least time of a compilation that is worth an entry, which is 0.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from convlab.lab.cache_folder import FIELDS, Place, files, internals

MOST_BYTES = (
    256 << 20
)  # of all programs, those of other versions and machines too; what was not used longest goes first
_SWEEP = 64  # entries after which the size is looked at; it is at the end of every scope that wrote
_ABANDONED = 3600.0  # seconds after which a file that was never renamed belongs to nobody
_MAGIC = b"convlab program 1\n"


class Programs:
    """A store in JAX's sense, ``get`` and ``put`` of bytes by key. Neither raises: what fails is compiled anew."""

    def __init__(self, folder: Path) -> None:
        self._path = self.folder = folder
        self.trouble: str | None = None
        self._written = 0

    def get(self, key: str) -> bytes | None:
        """The bytes put under this key, or None where there are none, or not those."""
        if not _here():
            return None
        path = self._at(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._note(error)
            return None
        value = content[len(_MAGIC) + 32 :]
        if content[: len(_MAGIC) + 32] != _seal(key, value):
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return value

    def put(self, key: str, value: bytes) -> None:
        """Written beside its place and renamed: several processes may put one key. No fsync: what a crash leaves of
        it fails its checksum."""
        if not _here() or self.trouble:
            return
        beside = self.folder / f".{os.getpid()}-{secrets.token_hex(8)}.part"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(beside, "xb") as file:
                file.write(_seal(key, value) + value)
            os.replace(beside, self._at(key))
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink()
            self._note(error)
            return
        self._written += 1
        if self._written % _SWEEP == 0:
            self.sweep()

    def close(self) -> None:
        """Keeps the bound, where this store has written."""
        if self._written:
            self.sweep()

    def sweep(self) -> None:
        """Deletes what was used longest ago until the bound is kept, and what a killed process left."""
        found = []
        for path, state in files(self.folder.parent):
            if path.suffix == ".part":
                if time.time() - state.st_mtime > _ABANDONED:
                    _delete(path)
            else:
                found.append((state.st_mtime, state.st_size, path))
        excess = sum(size for _, size, _ in found) - MOST_BYTES
        for _, size, path in sorted(found, key=lambda each: each[0]):
            if excess <= 0:
                return
            _delete(path)
            excess -= size

    def _at(self, key: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.program"

    def _note(self, error: OSError) -> None:
        self.trouble = f"{self.folder}: {error.strerror or error}"


class Nothing:
    """No store at all, where even JAX's own is not wanted."""

    _path = "<none>"

    def get(self, key: str) -> None:
        return None

    def put(self, key: str, value: bytes) -> None:
        pass


def _seal(key: str, value: bytes) -> bytes:
    return _MAGIC + hashlib.sha256(key.encode() + b"\0" + value).digest()


def _delete(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
    with contextlib.suppress(OSError):  # of another version, and empty now
        path.parent.rmdir()


_lock = threading.Lock()
_scopes: list[Any] = []  # the stores of the scopes that are open, in all threads
_outside: tuple[Any, ...] = ()  # what JAX had before the first of them
_mine = threading.local()
_told: list[str] = []


def _here() -> bool:
    """Whether this thread is in the lab's scope: another one compiles as if there were none."""
    return getattr(_mine, "depth", 0) > 0


@contextlib.contextmanager
def kept(where: Place, wanted: bool = True) -> Iterator[None]:
    """A scope whose programs are kept at a place, and found there by the next process; outside nothing has changed.

    Where they are not ``wanted``, JAX's own cache is kept out as well; where there is no place for them, it is left.
    """
    inside = internals()
    if inside is None or (where.folder is None and wanted):
        yield
        return
    module, settings = inside
    store = Nothing() if where.folder is None else Programs(where.folder)
    _enter(module, store)
    _mine.depth = getattr(_mine, "depth", 0) + 1
    try:
        with settings.persistent_cache_min_compile_time_secs(0.0):  # of this thread
            yield
    finally:
        _mine.depth -= 1
        _leave(module, store)
        if isinstance(store, Programs):
            store.close()
            _told.extend([store.trouble] if store.trouble and not _told else [])


def _enter(module: Any, store: Any) -> None:
    global _outside
    with _lock, module._cache_initialized_mutex:
        if not _scopes:
            _outside = tuple(getattr(module, name) for name in FIELDS)
        _scopes.append(store)
        module._cache, module._cache_initialized, module._cache_checked = store, True, False


def _leave(module: Any, store: Any) -> None:
    with _lock, module._cache_initialized_mutex:
        _scopes.remove(store)
        if _scopes:
            module._cache = _scopes[-1]
            return
        for name, value in zip(FIELDS, _outside, strict=True):
            setattr(module, name, value)


def recalled(key: str) -> bytes | None:
    """What `remember` kept under a key, in this scope's store; None outside of a scope or where nothing is kept."""
    return _innermost().get(key)


def remember(key: str, value: bytes) -> None:
    """Keeps a few bytes as a program is kept: sealed, for this environment alone, and not for ever."""
    _innermost().put(key, value)


def _innermost() -> Programs | Nothing:
    with _lock:
        store: Programs | Nothing = _scopes[-1] if _scopes and _here() else Nothing()
    return store


def trouble() -> str | None:
    """Why programs of this process were not kept although they should have been: one note, however many there are."""
    return _told[0] if _told else None
