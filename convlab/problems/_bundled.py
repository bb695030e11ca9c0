"""Data sets that come with scikit-learn, read from its files (importing sklearn.datasets takes seconds)."""

from __future__ import annotations

import functools
import gzip
import importlib.util
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convlab.core.errors import ConvlabError

Array = npt.NDArray[np.float64]
NAMES = ("breast_cancer", "diabetes", "digits")


def bundled(name: str) -> tuple[Array, Array]:
    """(X [n, d], y [n]) of the data set as ``sklearn.datasets.load_*`` returns it; fresh arrays at each call.

    breast_cancer [569, 30], y = 0 malignant or 1 benign; digits [1797, 64], y = 0..9; diabetes [442, 10], columns
    centred and of norm 1, y = progression of the disease. Raises ConvlabError where sklearn's files are not found.
    """
    X, y = _read(name)
    return X.copy(), y.copy()


@functools.lru_cache(maxsize=len(NAMES))
def _read(name: str) -> tuple[Array, Array]:
    folder = _folder()
    try:
        if name == "breast_cancer":
            table = np.loadtxt(folder / "breast_cancer.csv", delimiter=",", skiprows=1)
            return np.ascontiguousarray(table[:, :-1]), table[:, -1].copy()
        if name == "digits":
            table = _zipped(folder / "digits.csv.gz", ",")
            return np.ascontiguousarray(table[:, :-1]), table[:, -1].copy()
        X, y = _zipped(folder / "diabetes_data_raw.csv.gz", None), _zipped(folder / "diabetes_target.csv.gz", None)
        X = X - X.mean(axis=0)
        return X / X.std(axis=0) / len(X) ** 0.5, y
    except (OSError, ValueError) as error:
        raise ConvlabError(f"data set '{name}': the file in {folder} cannot be read ({error})") from None


def _folder() -> Path:
    found = importlib.util.find_spec("sklearn")
    places = list(found.submodule_search_locations or []) if found is not None else []
    if not places:
        raise ConvlabError("the bundled data sets are scikit-learn's, which is not installed: pip install scikit-learn")
    return Path(places[0]) / "datasets" / "data"


def _zipped(path: Path, delimiter: str | None) -> Array:
    return np.loadtxt(io.StringIO(gzip.decompress(path.read_bytes()).decode("ascii")), delimiter=delimiter)
