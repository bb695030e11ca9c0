"""W3 with 20000×100 synthetic rows: gradient descent that is bound by memory and products."""

from __future__ import annotations

from tests.benchmarks.harness import Goal, Work, ratio
from tests.benchmarks.w3 import AUTODIFF, CLOSED, NUMPY, RIDGE, STEP_SIZES, contenders, prepared


def work(quick: bool, cores: int) -> Work:
    steps, few, n = (20, 20, 4_000) if quick else (1_000, 100, 20_000)
    ours = prepared({"name": "logistic", "data": "synthetic", "n": n, "dimension": 100, "ridge": RIDGE}, steps)
    goals = [
        Goal(f"W3: convlab / numpy, {n}×100 (SPEED measured 0.56 to 0.64)", 0.64, ratio("convlab", NUMPY)),
        Goal(f"W3: jax.grad / closed form, {n}×100", 1.1, ratio(AUTODIFF, CLOSED)),
    ]
    title = f"GD, synthetic {n}×100, {steps:,} steps, {len(STEP_SIZES)} step sizes"
    return Work(title, contenders(ours, few), goals)
