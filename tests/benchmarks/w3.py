"""W3: gradient descent with 8 step sizes on ridge logistic regression, breast_cancer 569×30."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.benchmarks import peers
from tests.benchmarks.harness import Contender, Goal, Work, agree_exactly, ratio
from tests.benchmarks.ours import Ours, distance2_of, gap_of, nearest, prepare

RIDGE = 0.01
STEP_SIZES = [0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.45]
PROBLEM = {"name": "logistic", "rows": "standardised", "ridge": RIDGE}
NUMPY, ONE_BY_ONE = "numpy, one product over step sizes", "numpy, one step size after another"
AUTODIFF, CLOSED = "the bare loop, jax.grad", "the bare loop, closed form"


def work(quick: bool, cores: int) -> Work:
    steps = 1_000 if quick else 10_000
    ours = prepared(PROBLEM, steps)
    return Work(
        f"GD, breast_cancer 569×30, {steps:,} steps, {len(STEP_SIZES)} step sizes",
        contenders(ours, few=100 if quick else 1_000),
        [
            Goal("W3: convlab / numpy, breast_cancer", 0.5, ratio("convlab", NUMPY)),
            Goal("W3: jax.grad / closed form", 1.1, ratio(AUTODIFF, CLOSED)),
        ],
    )


def prepared(problem: dict[str, Any], steps: int) -> Ours:
    return prepare(problem, [{"name": "gd", "step_size": eta} for eta in STEP_SIZES], steps)


def contenders(ours: Ours, few: int) -> list[Contender]:
    """``few`` are the steps of those that would take minutes; each is compared at the checkpoint where it stops."""
    found = ours.run()
    X, y = (np.asarray(leaf) for leaf in ours.problem.data)
    etas, d, problem = np.array(STEP_SIZES), X.shape[1], ours.problem

    def one(name: str, build: Any, steps: int, note: str = "no objective") -> Contender:
        at = nearest(ours.steps, min(steps, ours.steps[-1]))
        steps = ours.steps[at]

        def check(points: Any) -> str:
            points = np.asarray(points).reshape(len(etas), d)
            # a plain difference of risks is rounded by some units of the risk, a distance by some of the point
            gaps = agree_exactly(found["gap"][0, :, at], gap_of(problem, points), "gaps", 1e-15)
            ours_away, theirs_away = (
                np.sqrt(each) for each in (found["dist2"][0, :, at], distance2_of(problem, points))
            )
            return f"{gaps}, {agree_exactly(ours_away, theirs_away, 'distances', 1e-13)}"

        note = f"{steps:,} steps, {note}"
        return Contender(name, lambda: build(steps), float(steps * len(etas)), check, note)

    def bare(autodiff: bool) -> Any:
        return lambda steps: peers.jax_gd(problem.risk, problem.data, problem.constants, steps, etas, autodiff, d)

    def same(again: Any) -> str:
        return agree_exactly(found["gap"], again["gap"], "gaps")

    last = ours.steps[-1]
    return [
        Contender("convlab", lambda: ours.run, ours.units, same, f"{len(ours.steps)} checkpoints, measured"),
        one(AUTODIFF, bare(True), last),
        one(CLOSED, bare(False), last),
        one(NUMPY, lambda steps: peers.numpy_gd(X, y, steps, etas, RIDGE, True), few),
        one(ONE_BY_ONE, lambda steps: peers.numpy_gd(X, y, steps, etas, RIDGE, False), few),
        one("optimistix GradientDescent", lambda steps: peers.optimistix_gd(X, y, steps, etas, RIDGE), few),
        one("optax, jitted step in a Python loop", lambda s: peers.optax_loop(X, y, s, etas, 1, RIDGE, 0), few),
        one("torch, autograd and optim.SGD", lambda s: peers.torch_loop(X, y, s, etas, 1, RIDGE, 0), few // 4),
    ]
