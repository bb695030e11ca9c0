"""Newton's method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from convlab.core.optimizer import ScalarOrSchedule, descent
from convlab.core.setting import Hyper
from convlab.optimizers._newton_system import newton_system, solver_of

EXAMPLE = {"step_size": 1.0}
VARIANTS = (
    {"step_size": 1.0, "ridge": 0.5, "backtracking": True},
    {"step_size": 1.0, "ridge": 0.5, "solver": "cg"},
)
_ARMIJO = 1e-4  # share of the predicted first-order decrease that a backtracked step must bring
_HALVINGS = 40


def traits(hyper: Mapping[str, Hyper], options: Mapping[str, Any]) -> set[str]:
    """The full step, which the local theorems are about: α = 1, no ridge, no backtracking, and the system solved.

    By conjugate gradients the step is inexact. With a residual of τ‖∇f‖ its error is bounded by (M/2μ)‖e‖² + τκ‖e‖, of
    order one once ‖e‖ < 2τL/M: the theorems' bounds have no such term, so they do not speak of it.
    """
    if options.get("solver") == "cg":
        return {"inexact Newton step"}
    full = hyper["step_size"].value == 1.0 and hyper["ridge"].value == 0.0 and not options["backtracking"]
    return {"Newton step", "full Newton step"} if full else {"Newton step"}


def newton(
    step_size: ScalarOrSchedule = 1.0,
    ridge: float = 0.0,
    backtracking: bool = False,
    solver: Literal["direct", "cg"] = "direct",
    tolerance: float | None = None,
    iterations: int | None = None,
) -> optax.GradientTransformationExtraArgs:
    """θ_{t+1} = θ_t − α (∇²f_t(θ_t) + λI)⁻¹ ∇f_t(θ_t): Newton's method, its derivatives by jax.

    ``step_size`` is the damping α (1: the full step), ``ridge`` is λ ≥ 0, and ``backtracking`` halves α until Armijo's
    condition holds, f(θ − αp) ≤ f(θ) − 10⁻⁴ α⟨∇f, p⟩ (at most 40 times). Parameters are any pytree of d numbers in all.

    ``solver`` is "direct", the d×d Hessian and elimination: the Hessian of a mean of losses of a linear model is one
    product of matrices, any other d Hessian-vector products. A singular matrix gives non-finite parameters, which the
    lab reports as divergence; an indefinite one a step to a saddle. Or it is "cg", for large d: conjugate gradients on
    Hessian-vector products, no matrix, memory of a few vectors, until the residual is ``tolerance``·‖∇f‖ (1e-10 unless
    given). It is for positive definite ∇²f + λI alone. Where negative or no curvature turns up (a larger ridge helps),
    or 10·d products do not reach the tolerance, parameters become non-finite. ``iterations`` allows so many products
    instead, after which the step is taken as it is: a truncated Newton step, and still one of descent (Dembo and
    Steihaug 1983).

    ``update`` needs the keyword ``value_fn``, as optax's own line searches do; ValueError without it. ConvlabError for
    another solver, and for an option that does not fit it.
    """
    solve = solver_of("newton", solver, tolerance, iterations)
    scale = descent(step_size)

    def update(
        updates: optax.Updates,
        state: optax.OptState,
        params: optax.Params | None = None,
        *,
        value: Any = None,
        value_fn: Callable[[Any], jax.Array] | None = None,
        **extra: Any,
    ) -> tuple[optax.Updates, optax.OptState]:
        f, point, gradient, direction, as_params = newton_system("newton", updates, params, value_fn, ridge, solve)
        scaled, state = scale.update(direction, state, point)
        if backtracking:
            scaled = _backtrack(f, f(point) if value is None else value.astype(point.dtype), point, gradient, scaled)
        return as_params(scaled), state

    return optax.GradientTransformationExtraArgs(lambda params: scale.init(ravel_pytree(params)[0]), update)


def _backtrack(
    f: Callable[[jax.Array], jax.Array], value: jax.Array, point: jax.Array, gradient: jax.Array, step: jax.Array
) -> jax.Array:
    """The first of step, step/2, step/4, … that satisfies Armijo's condition."""
    slope = _ARMIJO * jnp.vdot(gradient, step)

    def too_long(carry: tuple[jax.Array, jax.Array]) -> jax.Array:
        factor, halvings = carry
        return (halvings < _HALVINGS) & ~(f(point + factor * step) <= value + factor * slope)

    def halve(carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        return carry[0] * 0.5, carry[1] + 1

    factor, _ = jax.lax.while_loop(too_long, halve, (jnp.ones((), step.dtype), jnp.zeros((), jnp.int32)))
    return factor * step
