"""Reads tables from files of others: CSV, svmlight/LIBSVM text, npz. Nothing in them is run, and sizes are checked.

Every fault is a ConvlabError that names file, line and column.
"""

from __future__ import annotations

import csv
import itertools
import math
import zipfile
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from convlab.core import memory
from convlab.core.errors import ConvlabError, nearest

Array = npt.NDArray[np.float64]
SUFFIXES = (".csv", ".libsvm", ".npz", ".svm", ".svmlight", ".txt")
LARGEST = 2 << 30  # bytes, of a file and of the matrix it unfolds to
_COPIES = 6  # of the matrix while it is read, scaled and its minimiser certified
_LINE = 1 << 24  # characters in one line of a text file


def read(path: Path, label: str | None) -> tuple[Array, Array]:
    """(X [n, d], y [n]) of a file, by its suffix; ``label`` is a column's name (csv) or an array's (npz)."""
    try:
        if not path.is_file():
            raise ConvlabError(f"data file '{path}' {'is not a plain file' if path.exists() else 'does not exist'}")
        size = path.stat().st_size
        if size > LARGEST:
            raise ConvlabError(f"{path} has {size / 2**30:.1f} GiB; files of at most 2 GiB are read")
        if size == 0:
            raise ConvlabError(f"{path} is empty")
        if path.suffix.lower() == ".npz":
            return _npz(path, label)
        if path.suffix.lower() == ".csv":
            return _csv(path, label)
        if label is not None:
            raise ConvlabError(f"{path}: label = '{label}' names a column; svmlight files have none, so leave it out")
        return _svmlight(path)
    except (OSError, MemoryError) as error:
        raise ConvlabError(f"{path} cannot be read ({str(error) or 'not enough memory'})") from None
    except UnicodeDecodeError as error:
        raise ConvlabError(f"{path} is not UTF-8 text (byte {error.start} of a block); save it as UTF-8") from None


def _number(text: str, where: str) -> float:
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if math.isfinite(value):
        return value
    written = text.strip()[:40]
    if not written:
        raise ConvlabError(f"{where}: the cell is empty; fill it or leave the row out")
    if written.lower().lstrip("+-") in ("nan", "inf", "infinity"):
        raise ConvlabError(f"{where}: '{written}' is not a finite number")
    raise ConvlabError(f"{where}: '{written}' is not a number")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _csv(path: Path, label: str | None) -> tuple[Array, Array]:
    """A table with commas, semicolons or tabs; the label is the column named, or the last one."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline(_LINE)
        while first and not first.strip():
            first = file.readline(_LINE)
        delimiter = max(",;\t", key=first.count)
        file.seek(0)
        rows = _rows(path, csv.reader(file, delimiter=delimiter))
        first_line, head = next(rows, (1, []))
        if len(head) < 2:
            raise ConvlabError(
                f"{path}, line {first_line}: two columns are needed at least, with comma, semicolon or tab between"
            )
        named = not all(_is_number(cell) for cell in head)
        names = [cell.strip() for cell in head] if named else [str(j + 1) for j in range(len(head))]
        target = _column(path, first_line, names, label, named)
        X, y, texts = array("d"), array("d"), set[str]()
        for line, row in rows if named else itertools.chain([(first_line, head)], rows):
            if len(row) != len(names):
                raise ConvlabError(f"{path}, line {line}: {len(row)} cells, where the first row has {len(names)}")
            if len(X) * 8 > LARGEST:
                raise ConvlabError(f"{path}, line {line}: over 2 GiB of numbers up to here; leave rows or columns out")
            for j, cell in enumerate(row):
                if j != target:
                    X.append(_number(cell, f"{path}, line {line}, column '{names[j]}'"))
                elif _is_number(cell) or not cell.strip():
                    y.append(_number(cell, f"{path}, line {line}, column '{names[j]}'"))
                elif len(texts) < 5:
                    texts.add(cell.strip()[:40])
    if texts:
        found = ", ".join(f"'{text}'" for text in sorted(texts))
        raise ConvlabError(f"{path}: the label column '{names[target]}' holds text ({found}); write −1/1 or 0/1")
    if not y:
        raise ConvlabError(f"{path} has a header but no rows")
    _require_room(path, len(y), len(names) - 1)
    return np.frombuffer(X).reshape(len(y), -1), np.array(y)


def _rows(path: Path, reader: Any) -> Iterator[tuple[int, list[str]]]:
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, row
    except csv.Error as error:
        raise ConvlabError(f"{path}, line {reader.line_num}: no CSV ({error})") from None


def _column(path: Path, line: int, names: list[str], label: str | None, named: bool) -> int:
    if label is None:
        return len(names) - 1
    if not named:
        raise ConvlabError(f"{path}, line {line} holds numbers: without a header row there is no column '{label}'")
    if names.count(label) != 1:
        problem = f"{names.count(label)} columns named" if label in names else "no column"
        raise ConvlabError(f"{path}, line {line}: {problem} '{label}'; {nearest(label, names)}")
    return names.index(label)


def _svmlight(path: Path) -> tuple[Array, Array]:
    """Lines ``label index:value index:value … # comment``, made dense; indices from 1, or from 0 if a 0 occurs."""
    rows, columns, values, y = array("q"), array("q"), array("d"), array("d")
    with path.open(encoding="utf-8-sig") as file:
        for number, text in enumerate(iter(lambda: file.readline(_LINE), ""), start=1):
            words = text.split("#", 1)[0].split()
            if not words:
                continue
            y.append(_number(words[0], f"{path}, line {number}, label"))
            seen = set[int]()
            for word in words[1:]:
                index, colon, value = word.partition(":")
                if index == "qid":
                    continue
                if not colon or not (index.isascii() and index.isdigit()) or len(index) > 12 or int(index) in seen:
                    what = "occurs twice" if colon and index.isdigit() else "is not index:value"
                    raise ConvlabError(f"{path}, line {number}: '{word[:40]}' {what}")
                seen.add(int(index))
                rows.append(len(y) - 1)
                columns.append(int(index))
                values.append(_number(value, f"{path}, line {number}, index {index}"))
    if not values:
        raise ConvlabError(f"{path} holds no 'index:value' entry")
    first = min(1, min(columns))
    width = max(columns) - first + 1
    _require_room(path, len(y), width)
    X = np.zeros((len(y), width))
    X[np.array(rows), np.array(columns) - first] = values
    return X, np.array(y)


def _npz(path: Path, label: str | None) -> tuple[Array, Array]:
    """Arrays "X" [n, d] (or the only one with two axes) and "y" [n] (or ``label``, or the only one with one axis)."""
    try:
        with zipfile.ZipFile(path) as archive:
            shapes = {info.filename.removesuffix(".npy"): _shape(path, archive, info) for info in archive.infolist()}
        x_name = "X" if "X" in shapes else _only(path, shapes, 2, "X")
        y_name = label if label is not None else "y" if "y" in shapes else _only(path, shapes, 1, "y")
        if y_name not in shapes:
            raise ConvlabError(f"{path}: no array '{y_name}'; {nearest(y_name, shapes)}")
        if len(shapes[x_name]) != 2 or shapes[y_name] != shapes[x_name][:1] or 0 in shapes[x_name]:
            given = f"{x_name} {list(shapes[x_name])} and {y_name} {list(shapes[y_name])}"
            raise ConvlabError(f"{path}: {given}; wanted are shapes [n, d] and [n]")
        _require_room(path, *shapes[x_name])
        with np.load(path, allow_pickle=False) as arrays:
            return np.asarray(arrays[x_name], np.float64), np.asarray(arrays[y_name], np.float64)
    except (zipfile.BadZipFile, ValueError, EOFError, KeyError, NotImplementedError, RuntimeError) as error:
        raise ConvlabError(f"{path} is no npz file of plain arrays ({' '.join(str(error).split())[:100]})") from None
    except Exception as error:  # zlib.error, struct.error, SyntaxError of a header: a hostile file may raise anything
        if isinstance(error, (ConvlabError, OSError, MemoryError)):
            raise
        raise ConvlabError(f"{path} is damaged ({type(error).__name__})") from None


def _shape(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[int, ...]:
    """The shape in a member's header, after checks that reading it allocates no more than its own size."""
    name = info.filename.removesuffix(".npy")[:40]
    if info.file_size > LARGEST:
        raise ConvlabError(f"{path}: array '{name}' unfolds to {info.file_size / 2**30:.1f} GiB, over 2 GiB")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(member)
    if dtype.kind not in "biuf":
        raise ConvlabError(f"{path}: array '{name}' holds {dtype}, not numbers (pickled objects are not read)")
    if math.prod(shape) * dtype.itemsize > info.file_size:
        raise ConvlabError(f"{path}: array '{name}' claims the shape {shape}, larger than what it holds")
    return tuple(shape)


def _require_room(path: Path, n: int, d: int) -> None:
    """Raise before a matrix is made that is too large for us, or for what is free here."""
    if n * d * 8 > LARGEST:
        raise ConvlabError(f"{path} unfolds to a dense matrix of {n} × {d}, {n * d * 8 / 2**30:.1f} GiB; over 2 GiB")
    memory.require(
        _COPIES * n * d * 8, f"{path}, a matrix of {n} × {d},", "leave rows or columns out, or use a larger machine"
    )


def _only(path: Path, shapes: dict[str, tuple[int, ...]], axes: int, name: str) -> str:
    found = [other for other, shape in shapes.items() if len(shape) == axes]
    if len(found) != 1:
        what = f"no array '{name}', and {len(found)} others with {axes} axes"
        raise ConvlabError(f"{path}: {what}; {nearest(name, shapes)}")
    return found[0]
