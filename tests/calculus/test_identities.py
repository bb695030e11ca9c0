"""Every identity at sizes 1 to 8; each closed form against 60 digits; and what a wrong closed form is told."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import mpmath
import numpy as np
import pytest
from matplotlib.mathtext import MathTextParser

from convlab.calculus.identities import IDENTITIES, Identity, Sample, autodiff, check_identity
from convlab.calculus.inputs import CalculusError
from convlab.lecture import identities as lecture

BY_NAME = {identity.name: identity for identity in IDENTITIES}
EVERY = pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: identity.name)
SOME = (2, 3, 5)  # sizes at which wrong closed forms are tried

# The orders of the axes under which a derivative is truly the same, by its formula; every other order is wrong.
SAME_UNDER: dict[str, set[tuple[int, ...]]] = {
    "gram_matrix": {(1, 0, 2, 3)},  # K_pq = K_qp
    "outer_product": {(1, 0, 2)},
    "dense_layer": {(1, 0, 2)},  # zero but for i = k
    "elementwise_function": {(1, 0)},  # diagonal
    "softmax": {(1, 0)},  # the Hessian of log-sum-exp
    "unit_vector": {(1, 0)},  # the Hessian of ‖x‖
    "symmetric_eigenvalue": {(1, 0)},
    "gaussian_by_covariance": {(1, 0)},
    "gaussian_by_precision": {(1, 0)},
    "inverse": {(3, 2, 1, 0)},  # −Y_ik Y_lj: i and l, k and j change places
    "matrix_square": {(3, 2, 1, 0)},  # δ_ik X_lj + X_ik δ_lj, likewise
    "transpose": {(3, 1, 2, 0), (0, 2, 1, 3), (3, 2, 1, 0)},  # δ_jk δ_il
    "hadamard_product": {(2, 1, 0, 3), (0, 3, 2, 1), (2, 3, 0, 1)},  # zero but for i = k, j = l
}


@pytest.fixture(autouse=True)
def strict_float64() -> Iterator[None]:
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


def mutated(identity: Identity, change: Callable[[Any], Any]) -> Identity:
    return dataclasses.replace(identity, derivative=lambda X, /, **c: change(identity.derivative(X, **c)))


def without_largest(J: np.ndarray) -> np.ndarray:
    return np.where(np.abs(J) == np.abs(J).max(), 0.0, J) if J.ndim > 1 else J * (np.abs(J) < np.abs(J).max())


@EVERY
def test_it_holds_and_no_mutation_of_it_does(identity: Identity) -> None:
    check = check_identity(identity)
    assert check.holds, check.why
    assert check.why == ""
    assert check.sizes == tuple(range(1, 9))
    assert check.error <= 1e-10 * max(1.0, check.condition or 0.0)
    assert (check.condition is None) == (identity.condition is None)
    for factor, told in ((2.0, "2 times"), (0.5, "0.5 times"), (-1.0, "-1 times")):
        wrong = check_identity(mutated(identity, lambda J, factor=factor: factor * J), SOME)
        assert not wrong.holds
        assert told in wrong.why
    assert not check_identity(mutated(identity, without_largest), SOME).holds
    sample = identity.sample(np.random.default_rng(0), 2)
    rank = np.ndim(identity.derivative(sample.at, **sample.constants))
    for order in itertools.permutations(range(rank)):
        if order != tuple(range(rank)):
            turned = check_identity(mutated(identity, lambda J, order=order: J.transpose(order)), SOME)
            assert turned.holds == (order in SAME_UNDER.get(identity.name, set())), order


def array(M: Any) -> np.ndarray:
    return np.array(M.tolist(), dtype=object)


def matrix(X: np.ndarray) -> Any:
    return mpmath.matrix(X.tolist())


def inverse(X: np.ndarray) -> np.ndarray:
    return array(mpmath.inverse(matrix(X)))


def det(X: np.ndarray) -> Any:
    return mpmath.det(matrix(X))


def eigenvalues(X: np.ndarray) -> list[Any]:
    return sorted(mpmath.eigsy(matrix(X), eigvals_only=True))


def singular_values(X: np.ndarray) -> list[Any]:
    small = X @ X.T if len(X) <= len(X.T) else X.T @ X
    return [mpmath.sqrt(value) for value in reversed(eigenvalues(small))]


def norm(x: np.ndarray) -> Any:
    return mpmath.sqrt((x * x).sum())


exp, log, sin, tanh = (np.vectorize(f, otypes=[object]) for f in (mpmath.exp, mpmath.log, mpmath.sin, mpmath.tanh))


def softmax(Z: np.ndarray) -> np.ndarray:
    return exp(Z) / exp(Z).sum(axis=-1, keepdims=True)


def f(X: np.ndarray, A: np.ndarray, B: np.ndarray, C: np.ndarray, D: np.ndarray) -> np.ndarray:
    return A @ X @ B @ X @ C + D


def gaussian(X: np.ndarray, mu: np.ndarray, precision: np.ndarray) -> Any:
    e = X - mu
    d = len(mu)
    return sum((log(det(precision)) - d * mpmath.log(2 * mpmath.pi) - row @ precision @ row) / 2 for row in e)


def vec(X: np.ndarray) -> np.ndarray:
    return X.reshape(-1, order="F")


# The functions once more, for arrays of mpmath's numbers.
EXACT: dict[str, Callable[..., Any]] = {
    "transpose_of_function": lambda X, **c: f(X, **c).T,
    "trace_of_function": lambda X, **c: np.trace(f(X, **c)),
    "determinant_of_function": lambda X, **c: det(f(X, **c)),
    "inverse_of_function": lambda X, **c: inverse(f(X, **c)),
    "inverse_bilinear_form": lambda X, a, b: a @ inverse(X) @ b,
    "vector_times_constant": lambda x, a: x @ a,
    "constant_times_vector": lambda x, a: a @ x,
    "bilinear_form": lambda X, a, b: a @ X @ b,
    "quadratic_form": lambda x, B: x @ B @ x,
    "weighted_least_squares": lambda s, x, A, W: (x - A @ s) @ W @ (x - A @ s),
    "gram_matrix": lambda R: R.T @ R,
    "matrix_product": lambda X, A, B: A @ X @ B,
    "vec_of_product": lambda x, A, B: vec(A @ x.reshape((A.shape[1], B.shape[0]), order="F") @ B),
    "transpose": lambda X: X.T,
    "matrix_square": lambda X: X @ X,
    "hadamard_product": lambda X, A: A * X,
    "kronecker_product": lambda X, A: np.block([[a * X for a in row] for row in A]),
    "outer_product": lambda x: x[:, None] * x[None, :],
    "elementwise_function": sin,
    "dense_layer": lambda W, x, b: tanh(W @ x + b),
    "trace_of_product": lambda X, A: np.trace(A @ X),
    "trace_of_sandwich": lambda X, A, B: np.trace(A @ X @ B @ X.T),
    "quadratic_form_in_matrix": lambda X, b, c: b @ X.T @ X @ c,
    "trace_of_power": lambda X, k: np.trace(array(matrix(X) ** k)),
    "trace_of_exponential": lambda X: np.trace(array(mpmath.expm(matrix(X)))),
    "inverse": inverse,
    "linear_solution": lambda A, b: inverse(A) @ b,
    "trace_of_inverse": lambda X, A, B: np.trace(A @ inverse(X) @ B),
    "determinant": det,
    "log_determinant": lambda X: mpmath.log(abs(det(X))),
    "log_determinant_of_gram": lambda X: mpmath.log(det(X.T @ X)),
    "symmetric_eigenvalue": lambda X, index: eigenvalues((X + X.T) / 2)[index],
    "singular_value": lambda X, index: singular_values(X)[index],
    "nuclear_norm": lambda X: sum(singular_values(X)),
    "frobenius_norm": norm,
    "euclidean_norm": lambda x, a: norm(x - a),
    "squared_norm": lambda x: (x * x).sum(),
    "unit_vector": lambda x: x / norm(x),
    "rayleigh_quotient": lambda x, A: (x @ A @ x) / (x @ x),
    "least_squares": lambda x, A, b: ((A @ x - b) ** 2).sum() / (2 * len(b)),
    "matrix_least_squares": lambda X, A, B: ((A @ X - B) ** 2).sum(),
    "log_sum_exp": lambda x: mpmath.log(exp(x).sum()),
    "softmax": softmax,
    "cross_entropy_by_logits": lambda Z, Y: -(Y * log(softmax(Z))).sum() / len(Y),
    "softmax_cross_entropy": lambda W, X, labels: (
        -sum(log(row[label]) for row, label in zip(softmax(X @ W), labels, strict=True)) / len(X)
    ),
    "logistic_loss": lambda w, X, y: log(1 + exp(-y * (X @ w))).sum() / len(X),
    "gaussian_by_mean": lambda mu, X, Sigma: gaussian(X, mu, inverse(Sigma)),
    "gaussian_by_covariance": lambda Sigma, X, mu: gaussian(X, mu, inverse(Sigma)),
    "gaussian_by_precision": lambda Lambda, X, mu: gaussian(X, mu, Lambda),
}


def central_differences(function: Callable[[np.ndarray], Any], at: np.ndarray) -> np.ndarray:
    """Outputs first. With h = 1e-20 and 60 digits the truncation is of size 1e-40, and so is the rounding."""
    h = mpmath.mpf(10) ** -20
    X = np.vectorize(mpmath.mpf, otypes=[object])(at)
    columns = []
    for index in np.ndindex(at.shape):
        step = np.zeros(at.shape, dtype=object)
        step[index] = h
        columns.append(np.asarray((function(X + step) - function(X - step)) / (2 * h), dtype=object))
    return np.stack(columns, axis=-1).astype(float).reshape((*columns[0].shape, *at.shape))


@EVERY
def test_the_closed_form_is_the_limit_of_difference_quotients(identity: Identity) -> None:
    sample = identity.sample(np.random.default_rng(7), 3)
    with mpmath.workdps(60):
        truth = central_differences(lambda X: EXACT[identity.name](X, **sample.constants), sample.at)
    closed = identity.derivative(sample.at, **sample.constants)
    condition = identity.condition(sample.at, **sample.constants) if identity.condition else 1.0
    assert closed.shape == truth.shape
    # at most a few hundred roundings, each of 1.1e-16, that the condition number magnifies
    assert np.linalg.norm(closed - truth) <= 1e-13 * condition * np.linalg.norm(truth)


def test_the_records_are_complete() -> None:
    assert len(BY_NAME) == len(IDENTITIES) >= 30
    assert [identity.number for identity in IDENTITIES[:10]] == [f"5.{number}" for number in range(99, 109)]
    assert not any(identity.number for identity in IDENTITIES[10:])
    parser = MathTextParser("path")
    for identity in IDENTITIES:
        assert identity.name.isidentifier()
        assert identity.name == identity.name.lower()
        assert all((identity.text, identity.conditions, identity.source))
        assert "$" not in identity.formula
        parser.parse(f"${identity.formula}$")
        for seed, size in itertools.product(range(3), range(1, 9)):
            sample = identity.sample(np.random.default_rng(seed), size)
            assert np.isfinite(sample.at).all()
            assert sample.at.dtype == np.float64
            if identity.condition:
                assert (
                    1.0 <= identity.condition(sample.at, **sample.constants) < 16.0 + 1e-9
                )  # (2/½)², of a Gram matrix


@pytest.mark.parametrize(
    ("name", "wrong", "told"),
    [
        ("quadratic_form", lambda x, B: 2.0 * x @ B, "differs in 5 of 5 entries at size 5"),  # as if B were symmetric
        ("gram_matrix", lambda R: gram_without_two(R), "differs in 30 of 750 entries at size 5"),
        ("inverse_bilinear_form", lambda X, a, b: -np.linalg.inv(X) @ np.outer(a, b) @ np.linalg.inv(X), "differs in"),
        ("log_determinant", lambda X: np.linalg.inv(X), "is the transpose"),
        ("bilinear_form", lambda X, a, b: np.outer(b, a), "has shape (4, 2); outputs first it should be (2, 4): it is"),
        ("weighted_least_squares", lambda s, x, A, W: 2.0 * A.T @ W @ (x - A @ s), "is -1 times what autodiff finds"),
        ("vec_of_product", lambda x, A, B: np.kron(A, B.T), "differs in"),  # rows stacked instead of columns
        ("softmax", lambda x: np.diag(np.exp(x) / np.exp(x).sum()), "differs in 25 of 25 entries at size 5"),
        ("least_squares", lambda x, A, b: (A @ x - b) @ A, "a multiple (that changes with the size: 4 at size 2, 5 at"),
        ("inverse", lambda X: -np.einsum("lj,ik->klij", *[np.linalg.inv(X)] * 2), "with the inputs' axes first"),
        (
            "inverse",
            lambda X: np.einsum("jk,li->ijkl", *[np.linalg.inv(X)] * 2),
            "-1 times what autodiff finds with the",
        ),
        ("vector_times_constant", lambda x, a: a[None, :], "has shape (1, 2); outputs first it should be (2,)"),
        ("squared_norm", lambda x: np.ones_like(x), "differs in 5 of 5 entries at size 5"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
)
def test_a_usual_mistake_is_found_and_named(name: str, wrong: Callable[..., Any], told: str) -> None:
    check = check_identity(dataclasses.replace(BY_NAME[name], derivative=wrong), SOME)
    assert not check.holds
    assert check.why.startswith(f"{name} fails at 3 of 3 sizes, first at 2: the closed form ")
    assert told in check.why


def gram_without_two(R: np.ndarray) -> np.ndarray:
    J = np.array(BY_NAME["gram_matrix"].derivative(R))
    for p in range(len(J)):
        J[p, p] /= 2.0
    return J


def test_the_tolerance_grows_with_the_condition_number_and_a_zero_is_compared_as_it_is() -> None:
    determinant = BY_NAME["determinant"]
    hilbert = np.array([[1.0 / (i + j + 1) for j in range(4)] for i in range(4)])
    shifted = dataclasses.replace(
        determinant,
        sample=lambda rng, size: Sample(hilbert),
        derivative=lambda X: (1.0 + 1e-7) * determinant.derivative(X),
    )
    check = check_identity(shifted, [4])
    assert check.condition == pytest.approx(15513.7387, rel=1e-6)  # of the 4×4 Hilbert matrix
    assert check.error == pytest.approx(1e-7, rel=1e-2)
    assert check.holds  # 1e-7 < 1e-10 · 15514
    assert not check_identity(dataclasses.replace(shifted, condition=lambda X: 1.0), [4]).holds
    softmax = BY_NAME["softmax"]
    assert check_identity(softmax, [1]).error < 1e-15  # the derivative is 0
    assert check_identity(mutated(softmax, lambda J: J + 1e-13), [1]).error == pytest.approx(1e-13, rel=1e-2)
    assert check_identity(mutated(softmax, lambda J: J + 1e-9), [1]).error == 1.0
    assert math.isinf(check_identity(mutated(softmax, lambda J: J[0]), [2]).error)


def test_an_option_that_the_compiler_does_not_know_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autodiff, "_QUICK", {"xla_no_such_option": True, "xla_backend_optimization_level": 0})
    assert autodiff._options.__wrapped__() == {"xla_backend_optimization_level": 0}


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_both_modes_agree_with_the_closed_form(mode: Any) -> None:
    for name in ("inverse_of_function", "softmax_cross_entropy", "singular_value"):
        assert check_identity(BY_NAME[name], [3], seed=1, mode=mode).holds


def test_bad_input_is_told_in_one_line() -> None:
    square = BY_NAME["squared_norm"]

    def refused(
        match: str, identity: Any = square, sizes: Any = (3,), seed: int = 0, mode: Any = "auto", **new: Any
    ) -> None:
        with pytest.raises(CalculusError, match=match) as error:
            check_identity(dataclasses.replace(identity, **new) if new else identity, sizes, seed, mode)
        assert "\n" not in str(error.value)

    refused("identity is a int; it should be an Identity", identity=3)
    refused("a size = 9; it should be a whole number from 1 to 8", sizes=[2, 9])
    refused("a size is a float; a whole number", sizes=[2.0])
    refused("sizes is a int", sizes=3)
    refused("sizes is empty", sizes=[])
    refused("seed = -1", seed=-1)
    refused("mode is the text 'sideways'", mode="sideways")
    refused(r"the closed form is a float; it should be an array of shape \(3,\)", derivative=lambda x: 2.0)
    refused(r"the closed form is int64 of shape \(3,\); it should be real", derivative=lambda x: np.arange(3))
    refused("the closed form is NaN", derivative=lambda x: x * np.nan)
    refused("the closed form fails: ValueError: ", derivative=lambda x: x @ np.ones(4))
    refused("derivative is a int, not a function", derivative=1)
    refused("function is a int, not a function", function=1)
    refused("is a Python float; it should be a JAX array", function=lambda x: 2.0)
    refused(r"function\(X\) is a tree of .*; it should be one array", function=lambda x: (x, x))
    refused(r"function\(X\) is NaN", function=lambda x: jax.numpy.sqrt(-(x @ x)))
    refused("sample returns a int; it should be a Sample", sample=lambda rng, size: 1)
    refused("at is int64 of shape", sample=lambda rng, size: Sample(np.arange(3)))
    refused("a is .*; it should be an array of real numbers", sample=lambda rng, n: Sample(np.ones(n), {"a": "b"}))
    refused("the condition number is inf", identity=BY_NAME["determinant"], condition=lambda X: np.inf)


def test_the_lecture_shows_the_table_and_says_what_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = lecture.run(sizes=3, names=("softmax", "5.103"))
    assert shown.well
    assert [row[:2] for row in shown.rows] == [("5.103", "inverse_bilinear_form"), ("", "softmax")]
    assert all(len(row) == len(shown.header) for row in shown.rows)
    wrong = mutated(BY_NAME["softmax"], lambda J: 2.0 * J)
    monkeypatch.setattr(lecture, "IDENTITIES", (BY_NAME["squared_norm"], wrong))
    shown = lecture.run(sizes=3)
    assert not shown.well
    assert [row[-1] for row in shown.rows] == ["yes", "NO"]
    assert "softmax fails at 2 of 3 sizes, first at 2: the closed form is 2 times" in shown.notes[-1]
    with pytest.raises(CalculusError, match="no identity 'sofmax'; did you mean softmax"):
        lecture.run(names=("sofmax",))
    with pytest.raises(CalculusError, match="sizes = 9"):
        lecture.run(sizes=9)
