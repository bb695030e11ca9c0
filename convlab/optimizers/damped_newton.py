"""Newton's method with the damping of self-concordant functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax

from convlab.core.setting import Hyper
from convlab.optimizers._newton_system import newton_system, solver_of

EXAMPLE: dict[str, float] = {}
VARIANTS = ({"solver": "cg"},)


def traits(hyper: Mapping[str, Hyper], options: Mapping[str, Any]) -> set[str]:
    """The step of the theorems on self-concordant functions, which have no term for a system that is solved inexactly:
    by conjugate gradients both p and λ err."""
    inexact = options.get("solver") == "cg"
    return {"inexact Newton step"} if inexact else {"Newton step", "self-concordant Newton step"}


def damped_newton(
    solver: Literal["direct", "cg"] = "direct", tolerance: float | None = None, iterations: int | None = None
) -> optax.GradientTransformationExtraArgs:
    """θ_{t+1} = θ_t − p/(1 + λ), p = ∇²f(θ_t)⁻¹∇f(θ_t), λ = √⟨∇f(θ_t), p⟩: damped Newton, which needs no step size.

    λ is the Newton decrement. On a self-concordant f a step stays in f's domain and brings λ − ln(1 + λ) at least; once
    λ is small the steps are full and converge quadratically. Parameters are any pytree of d numbers in all.

    ``solver`` is "direct", the d×d Hessian and elimination: the Hessian of a mean of losses of a linear model is one
    product of matrices, any other d Hessian-vector products. A singular or indefinite Hessian gives non-finite
    parameters or an ascent, which the lab reports as divergence. Or it is "cg", for large d, with ``tolerance`` and
    ``iterations`` as in ``newton``: conjugate gradients on Hessian-vector products, no matrix, and non-finite
    parameters where the Hessian is seen not to be positive definite. ``update`` needs the keyword ``value_fn``, as
    optax's own line searches do; ValueError without it. ConvlabError for another solver, and for an option that does
    not fit it.

    Source: Nesterov and Nemirovskii 1994; Nesterov 2004, section 4.1.

    >>> import jax, jax.numpy as jnp, optax
    >>> f, theta, optimizer = lambda x: x - jnp.log(x), jnp.array(0.5), damped_newton()
    >>> updates, _ = optimizer.update(jax.grad(f)(theta), optimizer.init(theta), theta, value_fn=f)
    >>> print(f"{float(optax.apply_updates(theta, updates)):.4f}")  # p = −1/4, λ = 1/2
    0.6667
    """
    solve = solver_of("damped_newton", solver, tolerance, iterations)

    def update(
        updates: optax.Updates,
        state: optax.OptState,
        params: optax.Params | None = None,
        *,
        value_fn: Callable[[Any], jax.Array] | None = None,
        **extra: Any,
    ) -> tuple[optax.Updates, optax.OptState]:
        system = newton_system("damped_newton", updates, params, value_fn, solve=solve)
        decrement = jnp.sqrt(jnp.vdot(system.gradient, system.direction))
        return system.as_params(-system.direction / (1 + decrement)), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)
