"""The works that a GPU is timed on, and who does them: the runner's loop, a plain optax scan, torch."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from convlab.lab import loop, runner, tasks
from convlab.lab.api import settle_all
from convlab.lab.grid import cells
from tests.running import experiment

ROUNDS = 3
BREAST_CANCER = {"name": "logistic", "rows": "standardised", "ridge": 0.01}
DIGITS = {"name": "logistic", "data": "digits", "rows": "standardised", "ridge": 0.01}
LONG = {"name": "logistic", "data": "synthetic", "n": 20_000, "dimension": 100, "ridge": 0.01}
ONE_ROW, BATCH_32 = {"name": "minibatch", "size": 1}, {"name": "minibatch", "size": 32}
GD, SGD, NEWTON = {"name": "gd", "step_size": 0.01}, {"name": "sgd", "step_size": 0.01}, {"name": "newton"}


class Work(NamedTuple):
    """One row of the table: a cell, its widths, and what a step of one run must move and compute at least."""

    cell: dict[str, Any]
    widths: tuple[int, ...]
    inner: int  # how many of the runs are step sizes that share a seed's batch
    rows: int  # per step
    steps: int
    flops: Callable[[int, int], float]  # of (rows, d)


def _of_gradient(rows: int, d: int) -> float:
    return 4.0 * rows * d


def _of_newton(rows: int, d: int) -> float:
    return 2.0 * rows * d * d + 6.0 * rows * d + d**3 / 3


WORKS = {
    "W1: SGD, batch 1, 569×30": Work(
        {"problem": BREAST_CANCER, "optimizers": [SGD], "oracle": ONE_ROW},
        (16, 256, 4096, 32_768, 131_072, 262_144, 1 << 20), 1, 1, 1024, _of_gradient,
    ),
    "W2: SGD, batch 32, 1797×64": Work(
        {"problem": DIGITS, "optimizers": [SGD], "oracle": BATCH_32},
        (16, 256, 4096, 32_768, 131_072), 8, 32, 512, _of_gradient,
    ),
    "W3: GD, 569×30": Work(
        {"problem": BREAST_CANCER, "optimizers": [GD]}, (8, 64, 512, 4096, 32_768), 0, 569, 512, _of_gradient
    ),
    "W3: GD, 20000×100": Work({"problem": LONG, "optimizers": [GD]}, (8, 64, 512, 2048), 0, 20_000, 64, _of_gradient),
    "Newton, 569×30": Work(
        {"problem": BREAST_CANCER, "optimizers": [NEWTON]}, (1, 8, 64, 512, 4096), 0, 569, 32, _of_newton
    ),
}  # fmt: skip


def settled_batch(table: dict[str, Any], device: jax.Device, **run: Any) -> list[tasks.Batch]:
    chosen = experiment(**{"horizon": 100, **table, **run})
    return tasks.batches(settle_all(cells(chosen), chosen), device.platform)


def median(run: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Seconds of a call, once warm: until its result is there."""
    jax.block_until_ready(run())
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        jax.block_until_ready(run())
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def of_convlab(work: Work, width: int, dtype: str, device: jax.Device) -> float:
    """Seconds per step and run of the loop that the runner drives, at one width."""
    (batch,) = settled_batch(work.cell, device, dtype=dtype)
    first = batch.first
    problem = jax.device_put(runner._cast(first.problem, dtype))
    inner = width if work.inner == 0 else min(work.inner, width)
    seeds = max(1, width // inner)
    keys = runner._keys(first, np.arange(seeds))
    hyper = {name: np.full(inner, value) for name, value in first.hyper.items()}
    program, oracle = first.program, jax.device_put(first.oracle)
    carry, samples = loop.start(program, problem, oracle, hyper, keys, inner)
    at = 0

    def steps() -> Any:
        nonlocal carry, samples, at
        span = (np.int64(at), np.int64(at + work.steps))
        carry, samples = loop.advance(program, problem, oracle, hyper, keys, carry, samples, *span)
        at += work.steps
        return carry.theta

    return median(steps) / (work.steps * inner * seeds)


def of_optax(work: Work, width: int, dtype: str, device: jax.Device) -> float:
    """Seconds per step and run of the usual scan: split a key, draw, differentiate, update, all under vmap."""
    (batch,) = settled_batch(work.cell, device, dtype=dtype)
    problem = jax.device_put(runner._cast(batch.first.problem, dtype))
    n, sampled = problem.rows, work.inner > 0

    def risk(theta: jax.Array, rows: Any) -> jax.Array:
        X, y = rows
        return jnp.mean(jax.nn.softplus(-y * (X @ theta))) + 0.005 * theta @ theta

    def one(step_size: jax.Array, key: jax.Array) -> jax.Array:
        optimizer = optax.sgd(step_size)

        def step(carry: Any, _: None) -> tuple[Any, None]:
            theta, state, key = carry
            rows = problem.data
            if sampled:
                key, own = jax.random.split(key)
                chosen = jax.random.randint(own, (work.rows,), 0, n)
                rows = jax.tree.map(lambda leaf: leaf[chosen], rows)
            grad = jax.grad(risk)(theta, rows)
            updates, state = optimizer.update(grad, state, theta)
            return (optax.apply_updates(theta, updates), state, key), None

        theta = jnp.asarray(problem.theta0)
        return jax.lax.scan(step, (theta, optimizer.init(theta), key), length=work.steps)[0][0]

    run = jax.jit(jax.vmap(one))
    step_sizes = jnp.full(width, 0.01, dtype)
    keys = jax.random.split(jax.random.key(0), width)
    return median(lambda: run(step_sizes, keys)) / (work.steps * width)


def of_torch(work: Work, width: int, dtype: str, device: jax.Device, graph: bool) -> float | None:
    """Seconds per step and run of batched torch operations with the gradient by hand; None without torch or a GPU."""
    try:
        import torch
    except ImportError:
        return None
    if not torch.cuda.is_available():
        return None
    (batch,) = settled_batch(work.cell, device, dtype=dtype)
    X, y = (
        torch.tensor(np.asarray(leaf), dtype=getattr(torch, dtype), device="cuda") for leaf in batch.first.problem.data
    )
    A = y[:, None] * X
    theta = torch.zeros(width, A.shape[1], dtype=A.dtype, device="cuda")
    steps = min(work.steps, 64)

    def advance() -> None:
        for _ in range(steps):
            if work.inner > 0:
                rows = A[torch.randint(len(A), (width, work.rows), device="cuda")]  # [runs, b, d]
                slopes = torch.sigmoid(-torch.bmm(rows, theta[:, :, None])[:, :, 0])
                grad = -torch.bmm(slopes[:, None, :], rows)[:, 0] / work.rows
            else:
                grad = -torch.sigmoid(-(theta @ A.T)) @ A / len(A)
            theta.sub_(0.01 * (grad + 0.01 * theta))

    def timed(run: Callable[[], None]) -> float:
        run()
        torch.cuda.synchronize()
        times = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            run()
            torch.cuda.synchronize()
            times.append(time.perf_counter() - started)
        return statistics.median(times) / (steps * width)

    torch.backends.cuda.matmul.allow_tf32 = False
    with torch.no_grad():
        if not graph:
            return timed(advance)
        advance()
        torch.cuda.synchronize()
        captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(captured):
            advance()
        return timed(captured.replay)


CONTENDERS: dict[str, Callable[..., float | None]] = {
    "convlab": of_convlab,
    "optax scan": of_optax,
    "torch loop": functools.partial(of_torch, graph=False),
    "torch CUDA graph": functools.partial(of_torch, graph=True),
}
