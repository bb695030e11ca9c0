"""W1: SGD with batch 1 on ridge logistic regression, 10⁵ steps, 100 seeds, 57 checkpoints with their objective.

The runner (drawing, stepping, measuring, as `convlab run` does) against a numba loop, one call per run, with numba's
own random numbers. Both means of the gap at the end must agree within 4 standard errors first.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numba
import numpy as np

from convlab.lab import environment, runner, tasks
from convlab.lab.api import settle_all
from convlab.lab.grid import cells
from tests.running import experiment

STEPS, SEEDS, CHECKPOINTS, STEP_SIZE, RIDGE, ROUNDS = 100_000, 100, 57, 0.01, 0.01, 5


@numba.njit(fastmath=True)  # type: ignore[untyped-decorator]
def loop(X, y, steps, step_size, ridge, at, seed, risks):  # type: ignore[no-untyped-def]
    np.random.seed(seed)  # noqa: NPY002 - the generator that numba compiles
    n, d = X.shape
    theta, k = np.zeros(d), 0
    for t in range(steps):
        i = np.random.randint(n)  # noqa: NPY002
        z = 0.0
        for j in range(d):
            z += X[i, j] * theta[j]
        s = -y[i] / (1 + np.exp(y[i] * z))
        for j in range(d):
            theta[j] -= step_size * (s * X[i, j] + ridge * theta[j])
        if t + 1 == at[k]:
            risk = 0.0
            for a in range(n):
                z = 0.0
                for j in range(d):
                    z -= y[a] * X[a, j] * theta[j]
                risk += max(z, 0.0) + np.log1p(np.exp(-abs(z)))
            squares = 0.0
            for j in range(d):
                squares += theta[j] * theta[j]
            risks[k] = risk / n + ridge / 2 * squares
            k += 1


def timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return (time.perf_counter() - started) / (STEPS * SEEDS) * 1e9


def main() -> None:
    chosen = experiment(
        {"name": "logistic", "rows": "standardised", "ridge": RIDGE},
        [{"name": "sgd", "step_size": STEP_SIZE}],
        horizon=STEPS,
        seeds=SEEDS,
        checkpoints=CHECKPOINTS,
    )
    with environment.numerics("cpu") as device:
        settled = settle_all(cells(chosen), chosen)
        (batch,) = tasks.batches(settled, device.platform)
        X, y = (np.asarray(leaf) for leaf in settled[0].problem.data)
        at = np.array([*settled[0].cell.checkpoints[1:], -1])
        risks = np.zeros((SEEDS, len(at) - 1))

        def theirs() -> None:
            for seed in range(SEEDS):
                loop(X, y, STEPS, STEP_SIZE, RIDGE, at, seed, risks[seed])

        def ours() -> np.ndarray:
            (trace,) = runner.run_batch(batch, (0, SEEDS), lambda steps, label: None)
            return np.asarray(trace.measured["last"]["gap"])

        gaps = ours()
        theirs()
        least = float(settled[0].problem.optimum.risk_low)  # type: ignore[union-attr]
        ends = np.stack([gaps[:, -1], risks[:, -1] - least])
        error = np.sqrt((ends.var(axis=1, ddof=1) / SEEDS).sum())
        print(
            f"mean gap at the end: convlab {ends[0].mean():.4e}, numba {ends[1].mean():.4e}, standard error {error:.1e}"
        )
        assert abs(ends[0].mean() - ends[1].mean()) < 4 * error
        rounds = [(timed(ours), timed(theirs)) for _ in range(ROUNDS)]
    print("ns per step and run:", ", ".join(f"{a:.1f} against {b:.1f}" for a, b in rounds))
    print(f"convlab / numba, median of {ROUNDS} rounds: {statistics.median(a / b for a, b in rounds):.2f}")


if __name__ == "__main__":
    main()
