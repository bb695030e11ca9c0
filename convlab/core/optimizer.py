"""Optimizer: how θ moves. Every optimizer is an optax transformation and needs nothing of convlab to be used.

A file in ``convlab/optimizers`` defines a function of its own name that returns an
``optax.GradientTransformationExtraArgs``; annotations decide what varies without a new compilation: ``float`` and
``ScalarOrSchedule`` are traced, ``int``, ``bool``, ``str`` are part of the program. The loop hands ``update`` the three
keywords of optax's line searches, ``value``, ``grad`` and ``value_fn``, and no other. Beside the function the file may
define

- ``ORACLE``: the oracle it uses where an experiment names none, e.g. ``{"name": "minibatch", "size": 1}``;
- ``TRAITS``: words for theorems' assumptions, e.g. ``{"gradient step"}``; ``traits(hyper, options)``: those that depend
  on the values, a number that was left out (None) being among the options;
- ``judged(state, params)``: the point that theorems speak of, where it is not the params that are differentiated at,
  from the first state on;
- ``EXAMPLE`` and ``VARIANTS``: the arguments, and further sets of them, that the contract tests build it with.

Parameters named ``project`` (θ ↦ the nearest point of the problem's set), ``prox`` ((θ, η) ↦ argmin_z h(z) +
‖z − θ‖²/(2η), h the problem's simple part) and ``risk_star`` (R*) are handed over by the lab, never written in an
experiment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import optax

ScalarOrSchedule = float | jax.Array | Callable[[Any], Any]
Judged = Callable[[Any, Any], Any]


def params_are_judged(state: optax.OptState, params: optax.Params) -> optax.Params:
    """The default: a theorem speaks of the params themselves."""
    return params


def descent(step_size: ScalarOrSchedule) -> optax.GradientTransformationExtraArgs:
    """θ_{t+1} = θ_t − η_t·(what is handed in), for a constant η or a schedule t ↦ η_t."""
    return optax.with_extra_args_support(optax.scale_by_learning_rate(step_size))
