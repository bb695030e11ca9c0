"""Gradient descent."""

from __future__ import annotations

import optax

from convlab.core.optimizer import ScalarOrSchedule, descent

EXAMPLE = {"step_size": 0.1}
TRAITS = {"gradient step"}


def gd(step_size: ScalarOrSchedule) -> optax.GradientTransformationExtraArgs:
    """θ_{t+1} = θ_t − η_t ∇R(θ_t): gradient descent (Cauchy 1847), on all rows unless an oracle is named.

    ``step_size`` is η, or a schedule t ↦ η_t. Converges on L-smooth convex R for every constant η < 2/L.

    >>> import jax, jax.numpy as jnp, optax
    >>> theta, optimizer = jnp.array(1.0), gd(step_size=0.25)
    >>> updates, _ = optimizer.update(jax.grad(lambda x: x**2)(theta), optimizer.init(theta), theta)
    >>> float(optax.apply_updates(theta, updates))
    0.5
    """
    return descent(step_size)
