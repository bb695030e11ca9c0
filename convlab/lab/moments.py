"""Expectations without seeds: E gap of SGD on a quadratic risk, exactly, by the recursion of its first two moments.

With R(θ) = R* + ½ eᵀHe, e = θ − θ*, a step is e ← (I − η H_B) e − η g_B, where the sample B brings the Hessian H_B and
the gradient g_B at θ*, E H_B = H, E g_B = 0, independent of e. The mean m = E e and the second moment M = E eeᵀ obey

    m ← (I − ηH) m,
    M ← (I − ηH) M (I − ηH) + η² f (mean_i H_i M H_i − HMH + mean_i (H_i m g_iᵀ + g_i mᵀ H_i + g_i g_iᵀ)),

f = 1/b for b rows drawn with replacement and (n − b)/(b(n − 1)) without; for additive noise of variance σ² in d
dimensions the second term is η² σ²/d·I. Then E gap = ½ tr HM. An average s = Σ w_k e_k needs E s e_tᵀ and E ssᵀ as
well, whose recursions are as short. No assumption but that risk and rows are quadratic, and no statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from convlab.calculus.derivatives import gradient, hessian
from convlab.core.errors import ConvlabError
from convlab.core.problem import Problem, displacement, risk_of
from convlab.lab.grid import Cell

MOST_NUMBERS = 1 << 27  # of all rows' Hessians together: 1 GiB

_ORACLES = ("minibatch", "additive_noise")
_WEIGHTS: dict[str, tuple[Callable[[np.ndarray], np.ndarray] | None, bool]] = {  # of θ_t, and whether θ_T counts too
    "last": (None, False),
    "average": (lambda t: np.ones(t.size), False),
    "average(1..T)": (lambda t: (t > 0).astype(float), True),
    "average(0..T)": (lambda t: np.ones(t.size), True),
    "weighted_average(t+1)": (lambda t: t + 1.0, False),
}
_BY_STEP = "weighted_average"  # its weights are the step sizes


def require_computable(problem: Problem, cell: Cell, traits: Collection[str]) -> None:
    """ConvlabError in one line where the expectation of a cell is not computable; ``traits`` are the optimizer's."""
    rows = max(problem.rows, 1) if cell.oracle.name == "minibatch" else 1
    dimension = sum(int(leaf.size) for leaf in jax.tree.leaves(problem.theta0))
    left = [name for name in cell.outputs if name not in _WEIGHTS and name != _BY_STEP]
    why = (
        "quadratic" not in problem.traits and f"the risk of '{problem.name}' is not quadratic",
        problem.project is not None and f"'{problem.name}' is minimised over a set",
        (problem.optimum is None or problem.optimum.hi is None) and f"'{problem.name}' has no certified minimiser",
        cell.oracle.name not in _ORACLES and f"of oracles {' and '.join(_ORACLES)} are known, not '{cell.oracle.name}'",
        "gradient step" not in traits and f"'{cell.optimizer.name}' is not θ − η_t·(a gradient)",
        cell.dtype != "float64" and "it is computed in float64",
        bool(left) and f"of outputs last and averages are known, not '{', '.join(left)}'",
        rows * dimension**2 > MOST_NUMBERS
        and f"the Hessians of {rows:,} rows in {dimension} dimensions would hold {rows * dimension**2:,} numbers",
    )
    found = next((reason for reason in why if reason), None)
    if found:
        raise ConvlabError(f'"exact" cannot be computed: {found}; write "sampled"')


def expected(problem: Problem, cell: Cell, step_size: Callable[[int], float]) -> dict[str, dict[str, np.ndarray]]:
    """Each output's quantities [1, K] at the checkpoints of a cell for which `require_computable` is content.

    Must be called within `environment.numerics`.
    """
    noise = noise_of(problem, cell.oracle.name, cell.oracle.parameters)
    outputs, latest = {}, set()
    for name in cell.outputs:
        outputs[name], counts = _WEIGHTS.get(name, (None, False))
        latest |= {name} if counts else set()
    if _BY_STEP in cell.outputs:
        outputs[_BY_STEP] = lambda t: np.array([step_size(int(each)) for each in t])
    steps = np.array([step_size(t) for t in range(cell.horizon)])
    return expectations(problem, noise, lambda t: steps[t], cell.checkpoints, outputs, frozenset(latest))


class Noise(NamedTuple):
    """H, and what a sample adds to it: f, H_i [n, d, d], g_i [n, d], and the covariance of additive noise [d, d]."""

    H: jax.Array
    factor: jax.Array
    row_hessians: jax.Array
    row_gradients: jax.Array
    additive: jax.Array


class Moments(NamedTuple):
    """m and M of e_t; for each average Σ w, E s e_tᵀ and E ssᵀ, with leading axis [outputs]."""

    mean: jax.Array
    second: jax.Array
    weight: jax.Array
    cross: jax.Array
    square: jax.Array


def noise_of(problem: Problem, oracle: str, facts: Mapping[str, Any]) -> Noise:
    """What an oracle's samples do on a quadratic risk: "exact", "minibatch" (size, replacement), "additive_noise"
    (sigma)."""
    flat, unravel = ravel_pytree(problem.theta0)
    star = ravel_pytree(problem.optimum.hi)[0]  # type: ignore[union-attr]
    H = jax.jit(lambda of, x: hessian(lambda x: risk_of(of, unravel(x)), x))(problem, flat)  # one program, not fifty
    d = flat.size
    nothing = Noise(H, jnp.zeros(()), jnp.zeros((1, d, d)), jnp.zeros((1, d)), jnp.zeros((d, d)))
    if oracle == "exact":
        return nothing
    if oracle == "additive_noise":
        return nothing._replace(additive=jnp.eye(d) * (facts["sigma"] ** 2 / d))
    n, b = problem.rows, facts.get("size", 1)
    spread = 1.0 / b if facts.get("replacement", True) or n == 1 else (n - b) / (b * (n - 1))

    def of_row(row: Any) -> tuple[jax.Array, jax.Array]:
        batch = jax.tree.map(lambda leaf: leaf[None], row)

        def risk(x: jax.Array) -> jax.Array:
            return problem.risk(unravel(x), batch, problem.constants)

        return hessian(risk, star), gradient(risk, star)

    rows, slopes = jax.jit(jax.vmap(of_row))(problem.data)
    return nothing._replace(factor=jnp.asarray(spread), row_hessians=rows, row_gradients=slopes - jnp.mean(slopes, 0))


@jax.jit
def advance(
    noise: Noise, moments: Moments, step_sizes: jax.Array, weights: jax.Array, begin: jax.Array, end: jax.Array
) -> Moments:
    """Steps begin, …, end − 1, of the sizes η_t [T]; ``weights`` [T, outputs] are those that each average gives to θ_t.

    How many steps there are is not known to the program: one is compiled for all checkpoints.
    """
    eye = jnp.eye(noise.H.shape[0])

    def one(t: jax.Array, at: Moments) -> Moments:
        eta, w = step_sizes[t], weights[t]
        shrink = eye - eta * noise.H
        weight = w[:, None, None]
        square = at.square + weight * (at.cross + jnp.swapaxes(at.cross, 1, 2)) + weight**2 * at.second[None]
        cross = (at.cross + weight * at.second[None]) @ shrink
        second = shrink @ at.second @ shrink + eta**2 * _added(noise, at)
        return Moments(shrink @ at.mean, (second + second.T) / 2, at.weight + w, cross, square)

    return Moments(*jax.lax.fori_loop(begin, end, one, moments))


def _added(noise: Noise, at: Moments) -> jax.Array:
    """The covariance of a sample's gradient at e_t."""
    moved = noise.row_hessians @ at.second[None] @ noise.row_hessians
    pushed = noise.row_hessians @ at.mean
    mixed = jnp.einsum("ni,nj->ij", pushed + noise.row_gradients, noise.row_gradients)
    mixed = mixed + jnp.einsum("ni,nj->ij", noise.row_gradients, pushed)
    spread = (jnp.sum(moved, axis=0) + mixed) / noise.row_gradients.shape[0] - noise.H @ at.second @ noise.H
    return noise.factor * spread + noise.additive


def start(problem: Problem, averages: int) -> Moments:
    """Before step 0: e_0 is certain."""
    assert problem.optimum is not None
    e = ravel_pytree(displacement(problem.theta0, problem.optimum))[0]
    d = e.size
    blank = jnp.zeros((averages, d, d))
    return Moments(e, jnp.outer(e, e), jnp.zeros(averages), blank, blank)


def quantities(noise: Noise, second: jax.Array) -> dict[str, float]:
    """E gap, E‖∇R‖² and E‖θ − θ*‖² from a second moment."""
    return {
        "gap": 0.5 * float(jnp.trace(noise.H @ second)),
        "grad_norm2": float(jnp.trace(noise.H @ second @ noise.H)),
        "dist2": float(jnp.trace(second)),
    }


def expectations(
    problem: Problem,
    noise: Noise,
    step_size: Callable[[np.ndarray], np.ndarray],
    checkpoints: tuple[int, ...],
    outputs: Mapping[str, Callable[[np.ndarray], np.ndarray] | None],
    with_latest: frozenset[str] = frozenset(),
) -> dict[str, dict[str, np.ndarray]]:
    """Each output's expected quantities at the checkpoints: "last", and averages by their weights of θ_0, θ_1, ….

    ``outputs`` maps a name to the weight of θ_t as a function of t (None for "last"); those ``with_latest`` give θ_T
    its weight too when they are read at T.
    """
    weights = {name: weight for name, weight in outputs.items() if weight is not None}
    at = start(problem, len(weights))
    found: dict[str, dict[str, list[float]]] = {name: {} for name in outputs}
    t = np.arange(max(checkpoints))
    given = np.stack([weight(t) for weight in weights.values()], 1) if weights else np.zeros((t.size, 0))
    each_step, each_weight = jnp.asarray(step_size(t), float), jnp.asarray(given, float)
    begin = 0
    for end in checkpoints:
        if end > begin:
            at = advance(noise, at, each_step, each_weight, np.int64(begin), np.int64(end))
            begin = end
        for name in outputs:
            second = at.second
            if name in weights:
                latest = float(weights[name](np.array([end]))[0]) if name in with_latest else 0.0
                second = _average(at, list(weights).index(name), latest)
            for quantity, value in quantities(noise, second).items():
                found[name].setdefault(quantity, []).append(value)
    return {name: {q: np.array(values)[None] for q, values in each.items()} for name, each in found.items()}


def _average(at: Moments, index: int, latest: float) -> jax.Array:
    """E of the outer square of a weighted mean, to which θ_T adds the weight ``latest``; θ_T before any weight."""
    cross = at.cross[index]
    square = at.square[index] + latest * (cross + cross.T) + latest**2 * at.second
    total = float(at.weight[index]) + latest
    return at.second if total == 0 else square / total**2
