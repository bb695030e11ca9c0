"""Data: equal to scikit-learn's, and every bad input answered in one line that says where."""

import io
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from convlab.core.errors import ConvlabError
from convlab.problems import _files
from convlab.problems._bundled import bundled
from convlab.problems._data import Synthetic, digest, table
from convlab.problems.least_squares import least_squares
from convlab.problems.logistic import logistic

NONE = Synthetic()


@pytest.fixture(scope="module")
def datasets():
    return pytest.importorskip("sklearn.datasets")


@pytest.mark.parametrize("name", ["breast_cancer", "digits", "diabetes"])
def test_bundled_data_equals_sklearn(name: str, datasets) -> None:
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    ours = bundled(name)
    if name == "diabetes":
        np.testing.assert_allclose(ours[0], X, rtol=1e-14, atol=1e-17)
    else:
        np.testing.assert_array_equal(ours[0], X)
    np.testing.assert_array_equal(ours[1], y)


def test_standardised_is_sklearns_scaler(datasets) -> None:
    from sklearn.preprocessing import StandardScaler

    for name in ("breast_cancer", "digits"):
        raw = bundled(name)[0]
        ours = table(name, None, "standardised", False, NONE, classes=False)[0]
        np.testing.assert_allclose(ours, StandardScaler().fit_transform(raw), rtol=1e-11, atol=1e-13)
    assert not ours[:, 0].any()  # a constant column of the digits becomes 0


def test_labels_rows_and_intercept() -> None:
    X, y = table("digits", None, "unit norm", True, NONE, classes=True)
    assert set(y) == {-1.0, 1.0}
    assert np.all((bundled("digits")[1] % 2 == 0) == (y > 0))
    assert np.all(X[:, -1] == 1.0)
    np.testing.assert_allclose(np.linalg.norm(X[:, :-1], axis=1), 1.0, rtol=1e-15)


def test_synthetic_has_the_condition_number_and_depends_on_its_seed_alone() -> None:
    numbers = Synthetic(n=50, dimension=4, condition=37.0, data_seed=3)
    X, y = table("synthetic", None, "as they are", False, numbers, classes=True)
    values = np.linalg.eigvalsh(X.T @ X / 50)
    np.testing.assert_allclose([values[-1], values[-1] / values[0]], [1.0, 37.0], rtol=1e-12)
    again = table("synthetic", None, "as they are", False, numbers, classes=True)
    other = table("synthetic", None, "as they are", False, numbers._replace(data_seed=4), classes=True)
    assert digest(X, y) == digest(*again) != digest(*other)


EXACT = {"data": "synthetic", "n": 60, "dimension": 6, "condition": 50.0, "noise": 0.0, "data_seed": 2}


def _exact_residuals(X: np.ndarray, y: np.ndarray, theta: np.ndarray) -> list[Fraction]:
    """Xθ − y in rational numbers."""
    point = [Fraction(value) for value in theta.tolist()]
    rows = zip(X.tolist(), y.tolist(), strict=True)
    return [sum((Fraction(a) * b for a, b in zip(row, point, strict=True)), -Fraction(label)) for row, label in rows]


@pytest.mark.parametrize("shape", [{}, {"n": 6}, {"n": 3000, "dimension": 40}, {"intercept": True}])
def test_without_noise_the_rows_are_fitted_exactly(shape: dict) -> None:
    problem = least_squares(**(EXACT | shape))
    X, y = (np.asarray(part) for part in problem.data)
    assert not any(_exact_residuals(X, y, np.asarray(problem.optimum.hi)))
    assert not np.any(problem.optimum.lo)
    assert not np.any(X @ problem.optimum.hi - y)  # in float64 too, in whatever order it is summed
    assert not np.any(np.cumsum((X * problem.optimum.hi)[:, ::-1], axis=1)[:, -1] - y)
    assert (problem.known["sigma_star"].value, problem.known["sigma_star"].how) == (0.0, "exact")
    assert problem.known["mu"].value > 0.0
    assert float(problem.optimum.risk_high) == float(problem.optimum.radius) == 0.0


def test_exact_rows_keep_their_condition_number_and_length() -> None:
    problem = least_squares(**EXACT)
    values = np.linalg.eigvalsh(problem.data[0].T @ problem.data[0] / 60)
    np.testing.assert_allclose([values[-1], values[-1] / values[0]], [1.0, 50.0], rtol=1e-6)
    assert np.linalg.norm(problem.optimum.hi) == pytest.approx(1.0, rel=1e-3)


def test_one_flipped_label_changes_one_sign_and_ends_the_fit() -> None:
    plain, flipped = least_squares(**EXACT), least_squares(**EXACT, flipped=1)
    X, y = (np.asarray(part) for part in plain.data)
    np.testing.assert_array_equal(flipped.data[0], X)
    np.testing.assert_array_equal(flipped.data[1], np.concatenate([-y[:1], y[1:]]))
    theta = np.linalg.lstsq(X, flipped.data[1], rcond=None)[0]
    gradients = X * (X @ theta - flipped.data[1])[:, None]
    noise = np.sqrt(np.mean(np.sum(gradients**2, axis=1)))
    assert flipped.known["sigma_star"].value == pytest.approx(noise, rel=1e-12)
    assert noise > 1e-2
    np.testing.assert_array_equal(least_squares(**EXACT, flipped=60).data[1], -y)


def test_a_fit_to_rounding_is_no_exact_fit(tmp_path: Path) -> None:
    """One label moved by its last bit: the least residual is no longer 0, and sigma_star must not say so."""
    X, y = (np.asarray(part).copy() for part in least_squares(**EXACT).data)
    y[7] = np.nextafter(y[7], 2.0)
    np.savez(tmp_path / "a.npz", X=X, y=y)
    problem = least_squares(data=str(tmp_path / "a.npz"))
    assert 0.0 < problem.known["sigma_star"].value < 1e-12
    assert problem.known["sigma_star"].how == "upper bound"


def _write(path: Path, content: str | bytes) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "u,v,y\n1,2,0\n3,-4e0,1\n"),
        ("a.csv", "\ufeffu;v;y\r\n1;2;0\r\n\r\n3;-4;1"),
        ("a.csv", "1\t2\t-1\n3\t-4\t1\n"),
        ("a.svm", "0 1:1 2:2 # note\n\n1 1:3 2:-4\n"),
        ("a.libsvm", "-1 qid:7 0:1 1:2\n1 1:-4 0:3\n"),
        ("a.txt", "0 1:1 2:2\n1 2:-4 1:3\n"),
    ],
)
def test_files_are_read(tmp_path: Path, name: str, content: str) -> None:
    X, y = table(_write(tmp_path / name, content), None, "as they are", False, NONE, classes=True)
    np.testing.assert_array_equal(X, [[1.0, 2.0], [3.0, -4.0]])
    np.testing.assert_array_equal(y, [-1.0, 1.0])


def test_a_label_is_chosen_by_name(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", "y,u,v\n5,1,2\n6,3,4\n")
    X, y = table(path, "y", "as they are", False, NONE, classes=False)
    assert (X.tolist(), y.tolist()) == ([[1.0, 2.0], [3.0, 4.0]], [5.0, 6.0])
    file = tmp_path / "a.npz"
    np.savez(file, X=np.eye(2), y=np.array([0, 1]), target=np.array([True, False]))
    assert table(str(file), None, "as they are", False, NONE, classes=True)[1].tolist() == [-1.0, 1.0]
    assert table(str(file), "target", "as they are", False, NONE, classes=True)[1].tolist() == [1.0, -1.0]


BAD_FILES = {
    "empty": ("a.csv", "", "is empty"),
    "header only": ("a.csv", "a,b\n", "no rows"),
    "one column": ("a.csv", "a\n1\n", "line 1: two columns"),
    "ragged": ("a.csv", "a,b\n1,2\n1,2,3\n", "line 3: 3 cells, where the first row has 2"),
    "text": ("a.csv", "a,b\n1,0\nred,1\n", "line 3, column 'a': 'red' is not a number"),
    "nan": ("a.csv", "a,b\n1,0\nNaN,1\n", "line 3, column 'a': 'NaN' is not a finite number"),
    "infinite": ("a.csv", "a,b\n1e400,0\n", "line 2, column 'a': '1e400' is not a number"),
    "missing cell": ("a.csv", "a,b\n,0\n", "line 2, column 'a': the cell is empty"),
    "python's numbers": ("a.csv", "a,b\n1_0,0\n", "'1_0' is not a number"),
    "one class": ("a.csv", "a,b\n1,1\n2,1\n", "all 2 labels are 1"),
    "labels 1 and 2": ("a.csv", "a,b\n1,1\n2,2\n", "2 distinct values: 1, 2"),
    "labels as text": ("a.csv", "a,b\n1,yes\n2,no\n", "label column 'b' holds text ('no', 'yes')"),
    "bytes": ("a.csv", b"a,b\n1,\xff\n", "is not UTF-8"),
    "nul": ("a.csv", b"a,b\n1,\x00\n", "a.csv"),
    "large": ("a.csv", "a,b\n1e200,0\n2,1\n", "beyond 1e100"),
    "svm text": ("a.svm", "1 a:2\n", "line 1: 'a:2' is not index:value"),
    "svm twice": ("a.svm", "1 1:2\n1 3:1 3:2\n", "line 2: '3:2' occurs twice"),
    "svm negative": ("a.svm", "1 -1:2\n", "'-1:2' is not index:value"),
    "svm label": ("a.svm", "x 1:2\n", "line 1, label: 'x' is not a number"),
    "svm without entries": ("a.svm", "1\n0\n", "no 'index:value' entry"),
    "svm too wide": ("a.svm", "1 1:1\n0 900000000000:1\n", "over 2 GiB"),
    "not npz": ("a.npz", b"PK\x03\x04 no archive", "no npz file"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_are_answered_in_one_line(tmp_path: Path, case: str) -> None:
    name, content, says = BAD_FILES[case]
    with pytest.raises(ConvlabError) as caught:
        logistic(data=_write(tmp_path / name, content))
    assert says in str(caught.value)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


BAD_ARGUMENTS = {
    "did you mean 'breast_cancer'?": {"data": "breast_canser"},
    "one of .csv, .libsvm": {"data": "some/where"},
    "does not exist": {"data": "nowhere.csv"},
    "did you mean 'standardised'?": {"rows": "standardized"},
    "ridge = -1": {"ridge": -1},
    "describes synthetic data": {"n": 5},
    "leave it out": {"label": "y"},
    "at least 1": {"data": "synthetic", "n": 0},
    "a condition number": {"data": "synthetic", "condition": 0.5},
    "data_seed = -1": {"data": "synthetic", "data_seed": -1},
}
BAD_FLIPS = {"describes synthetic data": {}, "from 0 to the number of rows, n = 5": {"data": "synthetic", "n": 5}}


@pytest.mark.parametrize("says", BAD_ARGUMENTS)
def test_bad_arguments_are_answered_in_one_line(says: str) -> None:
    with pytest.raises(ConvlabError) as caught:
        logistic(**BAD_ARGUMENTS[says])
    assert says in str(caught.value)


@pytest.mark.parametrize("says", BAD_FLIPS)
@pytest.mark.parametrize("flipped", [-1, 6])
def test_more_flipped_labels_than_rows_are_refused(says: str, flipped: int) -> None:
    with pytest.raises(ConvlabError, match=says) as caught:
        least_squares(**BAD_FLIPS[says], flipped=flipped)
    assert f"flipped = {flipped}" in str(caught.value) or "flipped describes" in str(caught.value)


def test_labels_of_a_regression_are_refused_by_name() -> None:
    with pytest.raises(ConvlabError, match=r"214 distinct values: 25, 31, 37, 39, …"):
        logistic(data="diabetes")


def test_columns_that_do_not_exist(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", "age,weight,ill\n1,2,0\n3,4,1\n")
    with pytest.raises(ConvlabError, match=r"line 1: no column 'wieght'; did you mean 'weight'\?"):
        logistic(data=path, label="wieght")
    path = _write(tmp_path / "b.csv", "1,2,0\n3,4,1\n")
    with pytest.raises(ConvlabError, match="without a header row there is no column 'ill'"):
        logistic(data=path, label="ill")


def test_a_zero_row_has_no_direction(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", "1,2,0\n0,0,1\n")
    with pytest.raises(ConvlabError, match="row 2 is zero"):
        logistic(data=path, rows="unit norm")


def test_hostile_archives_execute_and_allocate_nothing(tmp_path: Path, monkeypatch) -> None:
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    path = tmp_path / "a.npz"
    np.savez(path, X=np.array([[Bomb()]], dtype=object), y=np.zeros(1))
    with pytest.raises(ConvlabError, match="pickled objects are not read"):
        logistic(data=str(path))
    assert not (tmp_path / "executed").exists()

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 50, 4)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", header.getvalue())
        archive.writestr("y.npy", header.getvalue())
    with pytest.raises(ConvlabError, match="larger than what it holds"):
        logistic(data=str(path))

    monkeypatch.setattr(_files, "LARGEST", 100)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", b"\0" * 10_000)
    with pytest.raises(ConvlabError, match="2 GiB"):
        logistic(data=str(path))


def test_damaged_archives_never_raise_anything_else(tmp_path: Path) -> None:
    """Each byte of a small archive inverted, and the archive cut after each 16 bytes."""
    path = tmp_path / "a.npz"
    np.savez_compressed(path, X=np.array([[1.0, 2.0], [3.0, -4.0], [0.5, 1.0]]), y=np.array([0.0, 1.0, 1.0]))
    whole = path.read_bytes()
    damaged = [whole[:i] + bytes([whole[i] ^ 255]) + whole[i + 1 :] for i in range(0, len(whole), 3)]
    for content in damaged + [whole[:i] for i in range(0, len(whole), 16)]:
        path.write_bytes(content)
        try:
            X, y = table(str(path), None, "as they are", False, NONE, classes=False)
        except ConvlabError:
            continue
        assert np.all(np.isfinite(X))
        assert np.all(np.isfinite(y))


def test_the_digest_names_the_arrays_used() -> None:
    raw, scaled = least_squares(), least_squares(rows="standardised")
    assert len(raw.digest) == 64
    assert raw.digest == least_squares(ridge=0.5).digest != scaled.digest
