"""Result files: the only place that touches them. A task is one pair of files, written whole or not at all.

``ID.npz`` holds the arrays and, as the member ``record``, canonical JSON (sorted keys, no NaN) with the SHA-256 of
itself and the arrays: equal runs write equal bytes. ``ID.json`` beside it holds the same record for readers, and what
may differ from machine to machine: versions, host, device, times. A file that fails its checksum counts as absent.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convlab.core.errors import ConvlabError

SCHEMA = 1
_LARGEST = 1 << 30  # bytes of a task file that are read
_LARGEST_TEXT = 1 << 28  # bytes of a JSON file that are read


def canonical(data: Any) -> str:
    """One text per value: sorted keys, shortest floats that round-trip, no NaN or infinity.

    >>> canonical({"b": 1.0, "a": [True, None]})
    '{"a":[true,null],"b":1.0}'
    """
    return json.dumps(data, sort_keys=True, allow_nan=False, ensure_ascii=True, separators=(",", ":"))


def digest(data: Any) -> str:
    """The first 20 hexadecimal digits of the SHA-256 of the canonical text."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()[:20]


def write_bytes(path: Path, content: bytes) -> None:
    """Write beside the place, flush to disk, rename: a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(beside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        error.filename = str(path)  # a failed write or fsync names no file
        raise


@contextlib.contextmanager
def told_in_one_line(folder: Path) -> Iterator[None]:
    """A disk that is full, read-only or broken ends a command in one line; files written before it are kept."""
    try:
        yield
    except OSError as error:
        where, reason = error.filename or folder, error.strerror or error
        kept = "what was finished before is kept, and the same command goes on from there"
        raise ConvlabError(f"{where}: {reason}; {kept}") from error


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process at a time in this folder. The lock is the kernel's: it ends with the process, however that ends."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a network's disk may know no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def require_writable(folder: Path) -> None:
    """Raise one helpful line now, before anything is computed, where the folder cannot be written."""
    probe = folder / f".{os.getpid()}.probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        with contextlib.suppress(OSError, ValueError):
            probe.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise ConvlabError(f"{folder}: results cannot be written ({reason}); name another folder with --out") from None


def save_task(
    folder: Path, name: str, record: Mapping[str, Any], arrays: Mapping[str, np.ndarray], origin: Mapping[str, Any]
) -> Path:
    """Write a finished task as its pair of files and return the path of the scientific one."""
    content = {key: np.ascontiguousarray(value) for key, value in sorted(arrays.items())}
    signed = {**record, "schema": SCHEMA}
    signed["sha256"] = _checksum(signed, content)
    buffer = io.BytesIO()
    text = np.frombuffer(canonical(signed).encode(), np.uint8)
    np.savez_compressed(buffer, allow_pickle=False, **content, record=text)
    readable = json.dumps({"record": signed, "origin": dict(origin)}, sort_keys=True, allow_nan=False, indent=1)
    write_bytes(folder / f"{name}.json", (readable + "\n").encode())
    path = folder / f"{name}.npz"
    write_bytes(path, buffer.getvalue())
    return path


def load_task(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The record and arrays of a finished task. Raises ConvlabError where the file is missing, cut or altered."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ConvlabError(f"{path}: larger than {_LARGEST} bytes; not a task file of convlab")
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            if sum(info.file_size for info in file.zip.infolist()) > 8 * _LARGEST:
                raise ConvlabError(f"{path}: unpacks to more than a task file of convlab may")
            arrays = {key: file[key] for key in file.files}
        record = json.loads(arrays.pop("record").tobytes().decode())
        if record["schema"] > SCHEMA:
            raise ConvlabError(f"{path}: written by a newer convlab (schema {record['schema']}); update convlab")
        if record["sha256"] != _checksum(record, arrays):
            raise ValueError("checksum")
    except FileNotFoundError:
        raise ConvlabError(f"{path}: no such task file; run the experiment again") from None
    except ConvlabError:
        raise
    # A cut or altered file raises whatever numpy, zipfile, zlib, tokenize, json or our own unpacking come upon.
    except Exception as error:
        raise ConvlabError(f"{path}: damaged ({type(error).__name__}); delete it and run again") from None
    return record, arrays


def _checksum(record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    sha = hashlib.sha256(canonical({key: value for key, value in record.items() if key != "sha256"}).encode())
    for key, value in sorted(arrays.items()):
        sha.update(f"{key}:{value.dtype.str}:{value.shape};".encode())
        sha.update(np.ascontiguousarray(value).tobytes())
    return sha.hexdigest()


def finished(folder: Path, cell: str) -> dict[tuple[int, int], Path]:
    """The seed ranges [first, last) of a cell that have an intact file."""
    found = {}
    for path in sorted(folder.glob(f"{cell}-s*.npz")):
        first, _, last = path.stem.removeprefix(f"{cell}-s").partition("-")
        if first.isdecimal() and last.isdecimal():
            try:
                record, _ = load_task(path)
            except ConvlabError:
                continue
            if record.get("seeds") == [int(first), int(last)]:  # else it was renamed
                found[int(first), int(last)] = path
    return found


def read_json(path: Path) -> Any:
    """A JSON file of ours; ConvlabError in one line where it is missing or damaged."""
    try:
        if path.stat().st_size > _LARGEST_TEXT:
            raise ConvlabError(f"{path}: larger than {_LARGEST_TEXT} bytes; not a file of convlab")
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConvlabError(f"{path}: no such file; `convlab run` writes it") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ConvlabError(f"{path}: damaged ({type(error).__name__}); run the experiment again") from None


def write_json(path: Path, data: Any) -> None:
    write_bytes(path, (json.dumps(data, sort_keys=True, allow_nan=False, indent=1) + "\n").encode())


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A CSV file with a header row; floats as their shortest text that round-trips, None as nothing."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([["" if cell is None else cell for cell in row] for row in rows])
    write_bytes(path, buffer.getvalue().encode())
