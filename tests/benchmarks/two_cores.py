"""What the second core gains: runs in one program, in halves by two threads, and sharded over two devices of a CPU.

Not a test. `python -m tests.benchmarks.two_cores`, on a machine with nothing else to do, prints ns per step and run,
the best of the rounds, of W1 (batch 1) and W2 (batch 32, 8 step sizes), and whether all ways give the same bits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from convlab.lab import environment, loop, runner, tasks
from convlab.lab.api import settle_all
from convlab.lab.grid import cells
from tests.running import experiment

ROUNDS = 7
WORKS: dict[str, dict[str, Any]] = {
    "W1": {
        "problem": {"name": "logistic", "rows": "standardised", "ridge": 0.01},
        "optimizers": [{"name": "sgd", "step_size": 0.01}],
        "horizon": 20_000,
        "seeds": 100,
    },
    "W2": {
        "problem": {"name": "logistic", "data": "digits", "rows": "unit norm", "ridge": 0.01},
        "optimizers": [{"name": "sgd", "step_size": float(eta)} for eta in np.geomspace(1e-3, 0.1, 8)],
        "oracle": {"name": "minibatch", "size": 32},
        "horizon": 2_000,
        "seeds": 32,
    },
}


def stepped(batch: tasks.Batch, low: int, high: int, mesh: Mesh | None = None) -> tuple[np.ndarray, float]:
    """The last iterates of the seeds [low, high), and the seconds that stepping took."""
    first = batch.first
    problem, _ = runner._placed(first.problem, "float64", jax.devices("cpu")[0])
    hyper, oracle = runner._stack([task.settled.hyper for task in batch.tasks]), jax.device_put(first.oracle)
    keys = runner._keys(first, np.arange(low, high))
    if mesh is not None:
        problem, hyper, oracle = jax.device_put((problem, hyper, oracle), NamedSharding(mesh, PartitionSpec()))
        keys = jax.device_put(keys, NamedSharding(mesh, PartitionSpec("seeds")))
    carry, samples = loop.start(first.program, problem, oracle, hyper, keys, len(batch.tasks))
    if mesh is not None:
        carry = jax.device_put(carry, NamedSharding(mesh, PartitionSpec("seeds")))
        samples = jax.device_put(samples, NamedSharding(mesh, PartitionSpec(None, "seeds")))
    jax.block_until_ready((carry, samples))
    began = time.perf_counter()
    span = (np.int64(0), np.int64(first.cell.horizon))
    carry, _ = loop.advance(first.program, problem, oracle, hyper, keys, carry, samples, *span)
    jax.block_until_ready(carry)
    return np.asarray(carry.theta), time.perf_counter() - began


def by_threads(batch: tasks.Batch, seeds: int) -> tuple[np.ndarray, float]:
    found: list[Any] = [None, None]

    def half(number: int) -> None:
        with environment.numerics("cpu"):
            found[number] = stepped(batch, number * seeds // 2, (number + 1) * seeds // 2)

    both = [threading.Thread(target=half, args=(number,)) for number in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    return np.concatenate([points for points, _ in found]), max(seconds for _, seconds in found)


def main() -> None:
    jax.config.update("jax_num_cpu_devices", 2)
    for name, work in WORKS.items():
        chosen = experiment(**work)
        with environment.numerics("cpu"):
            (batch,) = tasks.batches(settle_all(cells(chosen), chosen), "cpu")
            mesh, seeds = Mesh(np.array(jax.devices("cpu")), ("seeds",)), chosen.seeds
            ways: dict[str, Callable[[], tuple[np.ndarray, float]]] = {
                "one program": lambda batch=batch, seeds=seeds: stepped(batch, 0, seeds),
                "two threads": lambda batch=batch, seeds=seeds: by_threads(batch, seeds),
                "two devices": lambda batch=batch, seeds=seeds, mesh=mesh: stepped(batch, 0, seeds, mesh),
            }
            times: dict[str, list[float]] = {way: [] for way in ways}
            points = {}
            for number in range(ROUNDS + 1):
                for way, run in ways.items():
                    points[way], seconds = run()
                    times[way] += [seconds] if number else []
        scale = 1e9 / (chosen.horizons[0] * seeds * len(batch.tasks))
        for way, seconds in times.items():
            same = "the same bits" if np.array_equal(points[way], points["one program"]) else "other bits"
            print(f"{name}, {way}: {min(seconds) * scale:.1f} (median {np.median(seconds) * scale:.1f}), {same}")


if __name__ == "__main__":
    main()
