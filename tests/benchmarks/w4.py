"""W4: Newton's method on ridge logistic regression, to a gap of 1e-12."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.benchmarks import peers
from tests.benchmarks.harness import Contender, DisagreementError, Goal, Work, agree_exactly, ratio
from tests.benchmarks.ours import Ours, distance2_of, gap_of, prepare

RIDGE, GAP = 1e-4, 1e-12
SKLEARN, CG = "sklearn newton-cholesky", "convlab, conjugate gradients"
# Of the residual: a product costs two passes over the rows, eight products a digit of the residual, at any tolerance.
TOLERANCE = 0.1


def work(quick: bool, cores: int) -> Work:
    n = 2_000 if quick else 20_000
    problem = {"name": "logistic", "data": "synthetic", "n": n, "dimension": 100, "ridge": RIDGE}
    ours, steps = _to_the_gap(problem, {"name": "newton"})
    found = ours.run()
    by_products, more = _to_the_gap(problem, {"name": "newton", "solver": "cg", "tolerance": TOLERANCE})
    contenders = [
        Contender(
            "convlab", lambda: ours.run, 1.0, lambda again: agree_exactly(found["gap"], again["gap"], "gaps"),
            f"{steps} steps, each measured",
        ),
        Contender(
            CG, lambda: by_products.run, 1.0, lambda again: _small(again["gap"]),
            f"{more} steps to a residual of {TOLERANCE}, each measured",
        ),
        Contender("JAX, jax.hessian", lambda: _jax(ours, steps, _solve), 1.0, _close(ours), f"{steps} steps"),
        Contender("JAX, CG on jvp(grad)", lambda: _jax(ours, steps, _cg), 1.0, _close(ours), f"{steps} steps"),
        Contender("numpy, analytic Hessian", lambda: _numpy(ours, steps), 1.0, _close(ours), f"{steps} steps"),
        Contender(SKLEARN, lambda: _sklearn(ours), 1.0, _close(ours), "LogisticRegression.fit, its own stopping rule"),
    ]  # fmt: skip
    goals = [Goal(f"W4: convlab / {SKLEARN}", 0.6, ratio("convlab", SKLEARN))]
    return Work(f"Newton, synthetic {n}×100, to a gap of 1e-12", contenders, goals, "ms", 1e3)


def _to_the_gap(problem: Mapping[str, Any], optimizer: Mapping[str, Any]) -> tuple[Ours, int]:
    """The run that ends with the first step to a gap of 1e-12, and its steps."""
    gaps = prepare(problem, [optimizer], 12).run()["gap"][0, 0]
    steps = int(np.argmax(gaps <= GAP))
    return prepare(problem, [optimizer], steps), steps


def _small(gaps: np.ndarray) -> str:
    """The last gap as convlab measures it, without cancellation."""
    last = float(gaps[0, 0, -1])
    if not last <= GAP:
        raise DisagreementError(f"gap {last:.1e}")
    return f"gap {last:.0e}"


def _close(ours: Ours) -> Callable[[Any], str]:
    """A gap of at most 1e-12, with what a plain difference of risks is rounded by; and within what that gap allows."""

    def check(point: Any) -> str:
        gap = float(gap_of(ours.problem, np.asarray(point)))
        away = float(distance2_of(ours.problem, np.asarray(point)))
        if not (gap <= GAP + 1e-14 and away <= 2 * GAP / RIDGE):
            raise DisagreementError(f"gap {gap:.1e}, squared distance from the minimiser {away:.1e}")
        return f"gap below 1e-12, distance {away**0.5:.0e}"

    return check


def _solve(risk: Any, theta: Any) -> Any:
    return jnp.linalg.solve(jax.hessian(risk)(theta), jax.grad(risk)(theta))


def _cg(risk: Any, theta: Any) -> Any:
    gradient = jax.grad(risk)
    slope = gradient(theta)

    def product(v: Any) -> Any:
        return jax.jvp(gradient, (theta,), (v,))[1]

    return jax.scipy.sparse.linalg.cg(product, slope, tol=1e-10, maxiter=200)[0]


def _jax(ours: Ours, steps: int, direction: Any) -> Callable[[], Any]:
    problem = ours.problem

    @jax.jit
    def run(data: Any, constants: Any) -> Any:
        def step(_: Any, theta: Any) -> Any:
            return theta - direction(lambda point: problem.risk(point, data, constants), theta)

        return jax.lax.fori_loop(0, steps, step, jnp.zeros(np.size(problem.theta0)))

    return lambda: np.asarray(run(problem.data, problem.constants))


def _numpy(ours: Ours, steps: int) -> Callable[[], Any]:
    X, y = (np.asarray(leaf) for leaf in ours.problem.data)

    def call() -> Any:
        theta = np.zeros(X.shape[1])
        for _ in range(steps):
            wrong = 1 / (1 + np.exp(y * (X @ theta)))
            gradient = X.T @ (-y * wrong) / len(X) + RIDGE * theta
            hessian = (X.T * (wrong * (1 - wrong))) @ X / len(X) + RIDGE * np.eye(len(theta))
            theta -= np.linalg.solve(hessian, gradient)
        return theta

    return call


def _sklearn(ours: Ours) -> Callable[[], Any]:
    linear_model = peers.package("sklearn.linear_model")
    X, y = (np.asarray(leaf) for leaf in ours.problem.data)
    # the largest component of the gradient at its stop: gap ≤ d·tol²/(2·ridge) is then below 1e-12
    tol = (2 * RIDGE * GAP / X.shape[1]) ** 0.5
    model = linear_model.LogisticRegression(
        C=1 / (len(X) * RIDGE), solver="newton-cholesky", fit_intercept=False, tol=tol, max_iter=50
    )
    return lambda: model.fit(X, y).coef_[0].copy()
