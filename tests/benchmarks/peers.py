"""What other packages do with ridge logistic regression: loops over a whole run, built before they are timed."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from tests.benchmarks.harness import NotInstalledError

Points = Callable[[], Any]  # a call that returns final points, [runs, d] or [seeds, step sizes, d]


def package(name: str) -> Any:
    """An optional package, or NotInstalledError."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise NotInstalledError(f"pip install {name}") from None


def loss(theta: Any, X: Any, y: Any, ridge: Any) -> Any:
    """As one writes it in JAX."""
    return jnp.mean(jnp.logaddexp(0.0, -y * (X @ theta))) + 0.5 * ridge * jnp.sum(theta**2)


def jax_usual(X: Any, y: Any, steps: int, step_sizes: np.ndarray, seeds: int, ridge: float, size: int) -> Points:
    """vmap over seeds and step sizes of a scan that splits a key, draws with randint, and takes jax.grad."""
    X, y = jnp.asarray(X), jnp.asarray(y)

    def run(key: Any, step_size: Any, X: Any, y: Any) -> Any:
        def step(carry: Any, _: Any) -> Any:
            theta, key = carry
            key, own = jax.random.split(key)
            rows = jax.random.randint(own, (size,), 0, X.shape[0])
            return (theta - step_size * jax.grad(loss)(theta, X[rows], y[rows], ridge), key), None

        (theta, _), _ = jax.lax.scan(step, (jnp.zeros(X.shape[1]), key), None, steps)
        return theta

    every = jax.jit(jax.vmap(jax.vmap(run, (None, 0, None, None)), (0, None, None, None)))
    keys = jax.random.split(jax.random.key(7), seeds)
    return lambda: np.asarray(every(keys, jnp.asarray(step_sizes), X, y))


def optax_loop(X: Any, y: Any, steps: int, step_sizes: np.ndarray, seeds: int, ridge: float, size: int) -> Points:
    """A jitted step with an optax update, called from a Python loop, run after run. ``size`` 0 takes all rows."""
    X, y = jnp.asarray(X), jnp.asarray(y)

    @jax.jit
    def step(theta: Any, state: Any, key: Any, step_size: Any) -> Any:
        key, own = jax.random.split(key)
        rows = jax.random.randint(own, (size,), 0, X.shape[0]) if size else slice(None)
        grad = jax.grad(loss)(theta, X[rows], y[rows], ridge)
        updates, state = optax.sgd(step_size).update(grad, state, theta)
        return optax.apply_updates(theta, updates), state, key

    def one(seed: int, step_size: float) -> Any:
        theta, key = jnp.zeros(X.shape[1]), jax.random.key(1000 + seed)
        state = optax.sgd(step_size).init(theta)
        for _ in range(steps):
            theta, state, key = step(theta, state, key, step_size)
        return np.asarray(theta)

    return lambda: np.array([[one(seed, float(eta)) for eta in step_sizes] for seed in range(seeds)])


def numpy_sgd(X: Any, y: Any, steps: int, step_sizes: np.ndarray, seeds: int, ridge: float, size: int) -> Points:
    """All runs at once: a gathered batch for each seed serves all step sizes, products are stacks of matrices."""

    def call() -> Any:
        generator, etas = np.random.default_rng(3), step_sizes[:, None]
        theta = np.zeros((seeds, len(step_sizes), X.shape[1]))
        for low in range(0, steps, 256):
            for rows in generator.integers(0, len(X), (min(256, steps - low), seeds, size)):
                A, labels = X[rows], y[rows][:, None, :]
                slopes = -labels / (1 + np.exp(labels * (theta @ A.swapaxes(1, 2)))) / size
                theta -= etas * (slopes @ A + ridge * theta)
        return theta

    return call


def numpy_gd(X: Any, y: Any, steps: int, step_sizes: np.ndarray, ridge: float, together: bool) -> Points:
    """Gradient descent: one product over all step sizes, or step size after step size. The products are OpenBLAS's."""

    def one(etas: np.ndarray) -> np.ndarray:
        theta, labels = np.zeros((X.shape[1], len(etas))), y[:, None]
        for _ in range(steps):
            slopes = -labels / (1 + np.exp(labels * (X @ theta))) / len(X)
            theta -= etas * (X.T @ slopes + ridge * theta)
        return theta.T

    def alone(eta: float) -> np.ndarray:
        theta = np.zeros(X.shape[1])
        for _ in range(steps):
            theta -= eta * (X.T @ (-y / (1 + np.exp(y * (X @ theta)))) / len(X) + ridge * theta)
        return theta

    return lambda: one(step_sizes) if together else np.array([alone(eta) for eta in step_sizes])


def jax_gd(risk: Any, data: Any, constants: Any, steps: int, step_sizes: np.ndarray, autodiff: bool, d: int) -> Points:
    """The bare loop, vmapped over step sizes: the gradient by `jax.grad` of convlab's risk, or in closed form."""

    def closed(theta: Any, data: Any, constants: Any) -> Any:
        X, y = data
        slopes = -y * jax.nn.sigmoid(-y * (X @ theta)) / X.shape[0]
        return slopes @ X + constants["ridge"] * theta

    gradient = jax.grad(risk) if autodiff else closed

    def run(step_size: Any, data: Any, constants: Any, steps: Any) -> Any:
        def step(_: Any, theta: Any) -> Any:
            return theta - step_size * gradient(theta, data, constants)

        return jax.lax.fori_loop(0, steps, step, jnp.zeros(d))

    every = jax.jit(jax.vmap(run, (0, None, None, None)))
    return lambda: np.asarray(every(jnp.asarray(step_sizes), data, constants, np.int64(steps)))


def optimistix_gd(X: Any, y: Any, steps: int, step_sizes: np.ndarray, ridge: float) -> Points:
    """`optimistix.minimise` with GradientDescent, vmapped; tolerances 0, so that it takes every step. Its first step
    evaluates the start alone, and the last point that it returns is the one accepted before: hence two more."""
    optimistix = package("optimistix")

    def run(step_size: Any, X: Any, y: Any) -> Any:
        solver = optimistix.GradientDescent(learning_rate=step_size, rtol=0.0, atol=0.0)
        found = optimistix.minimise(
            lambda theta, _: loss(theta, X, y, ridge), solver, jnp.zeros(X.shape[1]), max_steps=steps + 1, throw=False
        )
        return found.value

    every = jax.jit(jax.vmap(run, (0, None, None)))
    return lambda: np.asarray(every(jnp.asarray(step_sizes), jnp.asarray(X), jnp.asarray(y)))


def torch_loop(X: Any, y: Any, steps: int, step_sizes: np.ndarray, seeds: int, ridge: float, size: int) -> Points:
    """autograd and optim.SGD, run after run. ``size`` 0 takes all rows."""
    torch = package("torch")
    A, labels = torch.tensor(np.asarray(X)), torch.tensor(np.asarray(y))

    def one(seed: int, eta: float) -> Any:
        theta = torch.zeros(A.shape[1], dtype=A.dtype, requires_grad=True)
        optimizer = torch.optim.SGD([theta], lr=eta)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(steps):
            rows = torch.randint(len(A), (size,), generator=generator) if size else slice(None)
            optimizer.zero_grad()
            margins = labels[rows] * (A[rows] @ theta)
            risk = torch.nn.functional.softplus(-margins, threshold=700).mean() + 0.5 * ridge * theta.square().sum()
            risk.backward()
            optimizer.step()
        return theta.detach().numpy()

    return lambda: np.array([[one(seed, float(eta)) for eta in step_sizes] for seed in range(seeds)])


def torch_batched(X: Any, y: Any, steps: int, step_sizes: np.ndarray, seeds: int, ridge: float, size: int) -> Points:
    """All runs at once by bmm, with the gradient in closed form."""
    torch = package("torch")
    A, labels = torch.tensor(np.asarray(X)), torch.tensor(np.asarray(y))
    etas = torch.tensor(np.asarray(step_sizes))[:, None]

    def call() -> Any:
        theta = torch.zeros((seeds, len(step_sizes), A.shape[1]), dtype=A.dtype)
        generator = torch.Generator().manual_seed(5)
        for _ in range(steps):
            rows = torch.randint(len(A), (seeds, size), generator=generator)
            batch, own = A[rows], labels[rows][:, None, :]
            slopes = -own * torch.sigmoid(-own * torch.bmm(theta, batch.transpose(1, 2))) / size
            theta = theta - etas * (torch.bmm(slopes, batch) + ridge * theta)
        return theta.numpy()

    return call


def sklearn_sgd(X: Any, y: Any, step_size: float, ridge: float, rows: np.ndarray) -> Points:
    """`SGDClassifier.fit`, one pass over rows that were drawn before, [runs, steps], in their order. It scales θ by
    1 − ηλ and adds the row's part, which is the same step."""
    from sklearn.linear_model import SGDClassifier

    tables = [(np.ascontiguousarray(X[own]), y[own]) for own in rows]

    @functools.cache
    def model() -> Any:
        return SGDClassifier(
            loss="log_loss", alpha=ridge, learning_rate="constant", eta0=step_size, fit_intercept=False,
            max_iter=1, tol=None, shuffle=False,
        )  # fmt: skip

    def one(table: tuple[Any, Any]) -> Any:
        return model().fit(*table).coef_[0].copy()

    return lambda: np.array([one(table) for table in tables])
