"""Stochastic gradient descent."""

from __future__ import annotations

import optax

from convlab.core.optimizer import ScalarOrSchedule, descent

EXAMPLE = {"step_size": 0.1}
ORACLE = {"name": "minibatch", "size": 1}
TRAITS = {"gradient step", "subgradient step"}


def sgd(step_size: ScalarOrSchedule) -> optax.GradientTransformationExtraArgs:
    """θ_{t+1} = θ_t − η_t ∇f_t(θ_t): stochastic gradient descent (Robbins and Monro 1951), one random row a step.

    The step is that of gradient descent; what makes it stochastic is the oracle, a minibatch of 1 unless another is
    named. ``step_size`` is η, or a schedule t ↦ η_t.
    """
    return descent(step_size)
