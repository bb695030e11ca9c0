"""The table (X, y) of a linear model: from a bundled data set, a file, or a seed; then its rows and its intercept."""

from __future__ import annotations

import hashlib
import math
import weakref
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from convlab.core.errors import ConvlabError, nearest
from convlab.problems import _bundled, _files
from convlab.problems._parameters import nonnegative, positive

Array = npt.NDArray[np.float64]
ROWS = ("as they are", "standardised", "unit norm")
_COLUMNS, _NUMBERS = 8, 1 << 22  # of a table that are standardised at once: a cache line's columns at least
_held: weakref.WeakValueDictionary[Any, Array] = weakref.WeakValueDictionary()  # tables that some problem has


class Synthetic(NamedTuple):
    """The numbers of a synthetic data set; None stands for the default."""

    n: int | None = None
    dimension: int | None = None
    condition: float | None = None
    noise: float | None = None
    data_seed: int | None = None
    flipped: int | None = None


def table(
    data: str, label: str | None, rows: str, intercept: bool, synthetic: Synthetic, classes: bool
) -> tuple[Array, Array]:
    """(X [n, d], y [n]), float64 and finite; with ``classes`` the labels are ±1.

    Rows "standardised": each column is centred and divided by its standard deviation (1/n); a constant column becomes
    0. "unit norm": each row is divided by its norm. An intercept appends a column of ones after that.
    Raises ConvlabError with one line for everything that can be wrong with data.
    """
    if rows not in ROWS:
        raise ConvlabError(f"rows = '{rows}'; {nearest(rows, ROWS)}")
    if data != "synthetic":
        given = [name for name, value in synthetic._asdict().items() if value is not None]
        if given:
            raise ConvlabError(f"{given[0]} describes synthetic data, but data = '{data}'; write data = \"synthetic\"")
    key = (data, _stamp(data), label, rows, intercept, synthetic, classes)
    held = _held.get((*key, "X")), _held.get((*key, "y"))
    if held[0] is not None and held[1] is not None:
        return held[0], held[1]
    X, y = _load(data, label, synthetic, classes)
    if not (_largest(X) <= 1e100 and _largest(y) <= 1e100):
        raise ConvlabError(f"data '{data}' holds a number that is not finite or beyond 1e100; rescale the columns")
    y = _aligned(_signs(y, data) if classes else y)
    X = _rows_as(rows, X, data, intercept)
    if not _largest(X) >= 1e-100:
        zero = "every column is constant, so standardised rows are 0" if rows == "standardised" else "all entries are 0"
        raise ConvlabError(f"data '{data}': {zero}, or below 1e-100; rescale the columns")
    for array in (X, y):  # problems share them
        array.setflags(write=False)
    _held[*key, "X"], _held[*key, "y"] = X, y
    return X, y


def _rows_as(rows: str, X: Array, data: str, intercept: bool) -> Array:
    """The rows as they are wanted, and the intercept, in memory of their own."""
    n, d = X.shape
    made = _empty((n, d + intercept))
    if intercept:
        made[:, d] = 1.0
    if rows == "standardised":
        _standardise(X, made[:, :d])
    elif rows == "unit norm":
        norms = np.linalg.norm(X, axis=1)
        if not norms.all():
            row = int(norms.argmin()) + 1
            raise ConvlabError(f"data '{data}': row {row} is zero, so rows = 'unit norm' cannot scale it")
        np.divide(X, norms[:, None], out=made[:, :d])
    else:
        made[:, :d] = X
    return made


def _empty(shape: tuple[int, ...]) -> Array:
    """An array that begins at a multiple of 64 bytes: the memory that XLA computes on without a copy of its own."""
    size = math.prod(shape)
    raw = np.empty(size + 8)
    first = -raw.ctypes.data % 64 // 8
    return raw[first : first + size].reshape(shape)


def _aligned(x: Array) -> Array:
    made = _empty(x.shape)
    made[...] = x
    return made


def _largest(x: Array) -> float:
    """max |x_i| without a copy; NaN where there is one."""
    return float(np.maximum(x.max(), -x.min()))


def _stamp(data: str) -> tuple[int, int]:
    """Size and time of a file, so that a changed one is read again."""
    path = Path(data)
    if path.suffix.lower() not in _files.SUFFIXES or not path.is_file():
        return 0, 0
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def digest(X: Array, y: Array) -> str:
    """SHA-256 of shape and values (little-endian float64), in hexadecimal."""
    sha = hashlib.sha256(repr(X.shape).encode())
    for array in (X, y):
        sha.update(np.ascontiguousarray(array, "<f8").data.cast("B"))
    return sha.hexdigest()


def _load(data: str, label: str | None, synthetic: Synthetic, classes: bool) -> tuple[Array, Array]:
    path = Path(data)
    if path.suffix.lower() in _files.SUFFIXES:
        return _files.read(path, label)
    names = (*_bundled.NAMES, "synthetic")
    if data not in names:
        if len(path.parts) > 1 or path.suffix:
            raise ConvlabError(f"data = '{data}': files are told by their suffix, one of {', '.join(_files.SUFFIXES)}")
        raise ConvlabError(f"data = '{data}' is no data set; {nearest(data, names)}")
    if label is not None:
        raise ConvlabError(f"label = '{label}' names a column of a file, but data = '{data}': leave it out")
    if data == "synthetic":
        return _synthetic(synthetic, classes)
    X, y = _bundled.bundled(data)
    return X, np.where(y % 2 == 0, 1.0, -1.0) if classes and data == "digits" else y


def _synthetic(numbers: Synthetic, classes: bool) -> tuple[Array, Array]:
    """X = √n U diag(√λ) Vᵀ with λ from 1/condition to 1 by equal ratios; y = Xw + noise·ε, ‖w‖ = 1, or its sign.

    The first ``flipped`` of the y change their sign. Without noise X and w are cut to few bits, so that y = Xw is exact
    (see `_few_bits`): the condition number and ‖w‖ are then those numbers to about 1e-6 and 1e-3.
    """
    n = 100 if numbers.n is None else int(numbers.n)
    d = min(10, n) if numbers.dimension is None else int(numbers.dimension)
    if n < 1 or d < 1 or n * d > 1 << 27:
        raise ConvlabError(f"n = {n} and dimension = {d}: both must be at least 1, and their product at most 2^27")
    condition = 100.0 if numbers.condition is None else positive("condition", numbers.condition)
    noise = 1.0 if numbers.noise is None else nonnegative("noise", numbers.noise)
    if condition < 1.0:
        raise ConvlabError(f"condition = {condition}; a condition number is at least 1")
    seed = 0 if numbers.data_seed is None else int(numbers.data_seed)
    if seed < 0:
        raise ConvlabError(f"data_seed = {seed}; it must not be negative")
    flipped = 0 if numbers.flipped is None else int(numbers.flipped)
    if not 0 <= flipped <= n:
        raise ConvlabError(f"flipped = {flipped}; it must be from 0 to the number of rows, n = {n}")
    generator = np.random.Generator(np.random.PCG64(seed))
    rank = min(n, d)
    U = np.linalg.qr(generator.standard_normal((n, rank)))[0]
    V = np.linalg.qr(generator.standard_normal((d, rank)))[0]
    X = (U * np.sqrt(n * np.geomspace(1.0 / condition, 1.0, rank))) @ V.T
    w = generator.standard_normal(d)
    w = w / np.linalg.norm(w)
    if noise == 0.0 and not classes:
        X, w = _few_bits(X, w)
    y = X @ w + noise * generator.standard_normal(n)
    y[:flipped] *= -1.0
    return X, np.where(y >= 0, 1.0, -1.0) if classes else y


def _few_bits(X: Array, w: Array) -> tuple[Array, Array]:
    """X in multiples of 2⁻²⁴ and w of 2^−(12 + k), 2^k >= √d: then X @ w is exact, in whatever order it is summed.

    With ‖x_i‖ <= √n and ‖w‖ <= 1, to rounding, every partial sum is a multiple of 2^−(36 + k) and at most about √n in
    size (Cauchy and Schwarz); as n·d <= 2²⁷ that takes at most 52 bits, and float64 has 53.
    """
    fine = 2.0 ** (12 + int(np.ceil(0.5 * np.log2(len(w)))))
    return np.round(X * 2.0**24) / 2.0**24, np.round(w * fine) / fine


def _standardise(X: Array, made: Array) -> None:
    """Writes the standardised columns of X into ``made``, a few at a time: a large table has no room for another."""
    u, width = np.finfo(float).eps, max(_COLUMNS, _NUMBERS // len(X))
    for low in range(0, X.shape[1], width):
        part = X[:, low : low + width]
        mean, spread = part.mean(axis=0), part.std(axis=0)
        # a constant column has a spread of rounding errors only: the test of sklearn's StandardScaler
        constant = (spread**2 <= len(X) * u * spread**2 + (len(X) * mean * u) ** 2) | (
            part.max(axis=0) == part.min(axis=0)
        )
        made[:, low : low + width] = np.where(constant, 0.0, (part - mean) / np.where(constant, 1.0, spread))


def _signs(y: Array, data: str) -> Array:
    found = np.unique(y)
    if len(found) > 2 or not (set(found) <= {-1.0, 1.0} or set(found) <= {0.0, 1.0}):
        shown = ", ".join(f"{value:g}" for value in found[:4]) + (", …" if len(found) > 4 else "")
        raise ConvlabError(f"data '{data}': labels must be −1/1 or 0/1; it has {len(found)} distinct values: {shown}")
    if len(found) == 1:
        raise ConvlabError(f"data '{data}': all {len(y)} labels are {found[0]:g}; two classes are needed")
    return np.where(y > 0, 1.0, -1.0)
