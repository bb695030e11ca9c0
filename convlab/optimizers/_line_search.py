"""Step sizes that are searched for along a ray θ − ηd, as optax transformations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from convlab.calculus.directional import nested_derivatives
from convlab.core.optimizer import ScalarOrSchedule, descent

_TRIES = 200  # evaluations of one exact search: a doubling or halving of η each, at worst
_HALVINGS = 60
_ARMIJO = 1e-4  # share of the predicted first-order decrease that a backtracked step must bring

Ray = Callable[[jax.Array], tuple[jax.Array, jax.Array, jax.Array]]
ValueFn = Callable[[Any], jax.Array]


class _Search(NamedTuple):
    """A root of φ′ is sought: the trial η, the last change of it, and the bracket [low, high]."""

    eta: jax.Array
    change: jax.Array
    low: jax.Array
    high: jax.Array
    tries: jax.Array
    done: jax.Array


def exact_line_search() -> optax.GradientTransformationExtraArgs:
    """θ ← θ − ηd, η = argmin over η ≥ 0 of φ(η) = f(θ − ηd), for the direction d that is handed in.

    Newton's method on φ′ from η = 0, kept in a bracket that doubles until φ′ changes its sign and is halved where
    Newton's step is no good (φ′′ = 0 on linear parts, a kink, the edge of f's domain). On a quadratic the first step
    ends it. For a convex f the minimum is global; where φ falls for ever, η is huge and the run diverges. ``update``
    needs ``params`` and ``value_fn``; ValueError without them.
    """

    def update(
        updates: optax.Updates,
        state: optax.OptState,
        params: optax.Params | None = None,
        *,
        value_fn: ValueFn | None = None,
        **extra: Any,
    ) -> tuple[optax.Updates, optax.OptState]:
        if params is None or value_fn is None:
            raise ValueError(
                "gd: an exact line search needs params and value_fn, as in update(grad, state, params, value_fn=f)"
            )
        work = jnp.promote_types(jnp.result_type(*jax.tree.leaves(params)), jnp.float32)
        theta, direction = (jax.tree.map(lambda leaf: leaf.astype(work), tree) for tree in (params, updates))
        epsilon = max(float(np.spacing(leaf.dtype.type(1))) for leaf in jax.tree.leaves(params))
        reach = _norm(theta) / _norm(direction)
        eta = _argmin(_ray(value_fn, params, theta, direction), epsilon, reach)
        return jax.tree.map(lambda d, leaf: (-eta * d).astype(leaf.dtype), direction, params), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


def _norm(tree: Any) -> jax.Array:
    return jnp.sqrt(jnp.asarray(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree))))


def _ray(value_fn: ValueFn, params: optax.Params, theta: optax.Params, direction: optax.Updates) -> Ray:
    """η ↦ (φ(η), φ′(η), φ′′(η))."""

    def phi(eta: jax.Array) -> jax.Array:
        point = jax.tree.map(lambda x, d, leaf: (x - eta * d).astype(leaf.dtype), theta, direction, params)
        return value_fn(point).astype(eta.dtype)

    def ray(eta: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        value, slope, curvature = nested_derivatives(phi, eta, jnp.ones_like(eta), 2)
        return value, slope, curvature

    return ray


def _argmin(ray: Ray, epsilon: float, reach: jax.Array) -> jax.Array:
    """The root of φ′ to a relative ``epsilon``, or to where θ − ηd no longer changes; ``reach`` is ‖θ‖/‖d‖."""

    def better(at: _Search) -> _Search:
        value, slope, curvature = ray(at.eta)
        short = (slope < 0) & jnp.isfinite(value)  # beyond f's domain a slope may still be a number
        low, high = jnp.where(short, at.eta, at.low), jnp.where(short, at.high, at.eta)
        newton = -slope / jnp.where(curvature > 0, curvature, 1)
        target = at.eta + newton
        fits = (curvature > 0) & (low <= target) & (target <= high) & (2 * jnp.abs(newton) <= at.change)
        bracketed = jnp.isfinite(high)
        doubled = jnp.where(at.eta > 0, 2 * at.eta, jnp.where(reach > 0, reach, 1))
        eta = jnp.where(fits, target, jnp.where(bracketed, low + (high - low) / 2, doubled))
        change = jnp.abs(eta - at.eta)
        # Newton's error is of the order of the square of its last step; a half bracket's is the half.
        tolerance = jnp.where(fits, epsilon**0.5, epsilon) * eta
        rounding = change <= epsilon * jnp.maximum(reach, 4 * at.eta)
        done = (slope == 0) | rounding | ((fits | bracketed) & (change <= tolerance))
        kept = (slope == 0) | (rounding & (at.eta > 0))  # the first step counts, however short
        return _Search(jnp.where(kept, at.eta, eta), change, low, high, at.tries + 1, done)

    zero, inf = jnp.zeros_like(reach), jnp.full_like(reach, jnp.inf)
    first = _Search(zero, inf, zero, inf, jnp.zeros((), jnp.int32), jnp.zeros((), jnp.bool_))
    found: _Search = jax.lax.while_loop(lambda at: ~at.done & (at.tries < _TRIES), better, first)
    return found.eta


def backtracking_line_search(step_size: ScalarOrSchedule) -> optax.GradientTransformationExtraArgs:
    """θ ← θ − ηd for the first η of s, s/2, s/4, … with f(θ − ηd) ≤ f(θ) − 10⁻⁴ η⟨∇f, d⟩ (Armijo 1966).

    ``step_size`` is s, or a schedule; every step starts from it. The search is optax's, at most 60 halvings. ``update``
    needs ``params`` and ``value_fn``; ValueError without them.
    """
    scale = descent(step_size)
    search = optax.scale_by_backtracking_linesearch(
        _HALVINGS, slope_rtol=_ARMIJO, decrease_factor=0.5, increase_factor=1.0, max_learning_rate=1.0
    )

    def update(
        updates: optax.Updates,
        state: optax.OptState,
        params: optax.Params | None = None,
        *,
        value: jax.Array | None = None,
        grad: optax.Updates | None = None,
        value_fn: ValueFn | None = None,
        **extra: Any,
    ) -> tuple[optax.Updates, optax.OptState]:
        if params is None or value_fn is None:
            raise ValueError(
                "gd: backtracking needs params and value_fn, as in update(grad, state, params, value_fn=f)"
            )
        steps, state = scale.update(updates, state, params)
        # A search from optax's remembered step would stay at 0 for ever once a step was not to be found.
        moves, _ = search.update(
            steps,
            search.init(params),
            params,
            value=value_fn(params) if value is None else value,
            grad=updates if grad is None else grad,
            value_fn=value_fn,
        )
        return moves, state

    return optax.GradientTransformationExtraArgs(scale.init, update)
