"""Nesterov's accelerated gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from convlab.core.errors import ConvlabError
from convlab.core.optimizer import ScalarOrSchedule, descent
from convlab.core.setting import Hyper

EXAMPLE = {"step_size": 0.1}
VARIANTS = (
    {"step_size": 0.1, "momentum": "fista"},
    {"step_size": 0.1, "momentum": "strongly convex", "kappa": 10.0},
)
TRAITS = {"Nesterov step"}
_MOMENTA = {"simple": "simple momentum", "fista": "FISTA momentum", "strongly convex": "constant momentum"}


def traits(hyper: Mapping[str, Hyper], options: Mapping[str, Any]) -> set[str]:
    """Which momentum, in the words that theorems ask for."""
    return {_MOMENTA[options.get("momentum", "simple")]}


class NesterovState(NamedTuple):
    """x_t; what the next momentum is computed from (the count i, FISTA's λ, or nothing); the step's own state."""

    point: optax.Params
    momentum: Any
    step: optax.OptState


def judged(state: NesterovState, params: optax.Params) -> optax.Params:
    """x_t, which theorems speak of; the params are y_t, where the gradient is taken."""
    return state.point


def nesterov(
    step_size: ScalarOrSchedule,
    momentum: Literal["simple", "fista", "strongly convex"] = "simple",
    kappa: float | None = None,
) -> optax.GradientTransformationExtraArgs:
    """x_{i+1} = y_i − η∇f(y_i), y_{i+1} = x_{i+1} + β_i (x_{i+1} − x_i): accelerated gradient (Nesterov 1983).

    i = 0, 1, … and x_0 = y_0 = θ_0. ``step_size`` is η, or a schedule. ``momentum`` is "simple", β_i = i/(i + 3);
    "fista", β_i = (λ_{i+1} − 1)/λ_{i+2} with λ_1 = 1, λ_{k+1} = (1 + √(1 + 4λ_k²))/2; or "strongly convex", β = (√κ −
    1)/(√κ + 1), which needs ``kappa``, κ = L/μ. ConvlabError for any other, for a kappa that is missing, and for one
    that has no use. The parameters are the y_i; the theorems' point is x_i, the state's ``point``, which outside the
    lab ``optax.tree.get(state, "point")`` finds.

    Source: Nesterov 1983; Beck and Teboulle 2009 ("fista"); d'Aspremont, Scieur and Taylor 2021.

    >>> import jax, jax.numpy as jnp, optax
    >>> theta, optimizer = jnp.array(1.0), nesterov(step_size=0.25)
    >>> state = optimizer.init(theta)
    >>> for _ in range(2):
    ...     updates, state = optimizer.update(jax.grad(lambda x: x**2)(theta), state, theta)
    ...     theta = optax.apply_updates(theta, updates)
    >>> float(optax.tree.get(state, "point")), float(theta)
    (0.25, 0.1875)
    """
    if momentum not in _MOMENTA:
        raise ConvlabError(f"nesterov: momentum = {momentum!r}; allowed: {', '.join(map(repr, _MOMENTA))}")
    if (kappa is None) == (momentum == "strongly convex"):
        fault = "needs kappa, as in kappa = 'L/mu'" if kappa is None else "takes no kappa; leave it out"
        raise ConvlabError(f"nesterov: momentum = {momentum!r} {fault}")
    scale = descent(step_size)

    def next_beta(memory: Any, work: Any) -> tuple[jax.Array, Any]:
        if momentum == "simple":
            count = memory.astype(work)
            return count / (count + 3), optax.safe_increment(memory)
        if momentum == "fista":
            larger = (1 + jnp.sqrt(1 + 4 * jnp.square(memory))) / 2
            return (memory - 1) / larger, larger
        root = jnp.sqrt(jnp.asarray(kappa, work))
        return (root - 1) / (root + 1), memory

    def init(params: optax.Params) -> NesterovState:
        first: dict[str, Any] = {"simple": jnp.zeros((), jnp.int32), "fista": jnp.ones((), _work(params))}
        return NesterovState(jax.tree.map(jnp.array, params), first.get(momentum, ()), scale.init(params))

    def update(
        updates: optax.Updates, state: NesterovState, params: optax.Params | None = None, **extra: Any
    ) -> tuple[optax.Updates, NesterovState]:
        if params is None:
            raise ValueError("nesterov: update needs params, as in update(grad, state, params)")
        steps, step = scale.update(updates, state.step, params)
        beta, memory = next_beta(state.momentum, _work(params))
        point = optax.apply_updates(params, steps)
        moves = jax.tree.map(
            lambda y, x, before: x + beta.astype(x.dtype) * (x - before) - y, params, point, state.point
        )
        return moves, NesterovState(point, memory, step)

    return optax.GradientTransformationExtraArgs(init, update)


def _work(params: optax.Params) -> Any:
    """The parameters' precision, single at least: a λ or i in half precision stops growing at 256."""
    return jnp.result_type(jnp.float32, *(leaf.dtype for leaf in jax.tree.leaves(params)))
