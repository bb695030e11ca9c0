"""Nesterov's chain, as lower bounds see it: its parameters, and the methods that it binds."""

from __future__ import annotations

import math
from typing import NamedTuple

from convlab.core.errors import Unknown
from convlab.core.expression import Expression
from convlab.core.setting import Setting
from convlab.core.theorem import Assumption

_SPAN = ("gradient step", "exact line search step", "backtracking step", "Polyak step", "heavy-ball step")
_DEFAULTS = {"L": 1.0, "mu": 0.0}


class Chain(NamedTuple):
    """The arguments of ((L−μ)/4)·(½(x_1² + Σ(x_i − x_{i+1})² + x_d²) − x_1) + (μ/2)‖x‖²."""

    links: int
    L: float
    mu: float

    @property
    def log_q(self) -> float:
        """ln q, q = (√κ − 1)/(√κ + 1), κ = L/μ; 0 where μ = 0."""
        return -2 * math.atanh(math.sqrt(self.mu / self.L))


def chain(setting: Setting) -> Chain:
    """The chain of a setting. Raises Unknown where the problem was not built from named parameters.

    The known mu is the least eigenvalue, and exceeds the argument: x* is a function of the argument.
    """
    return Chain(round(_number(setting, "dimension")), _number(setting, "L"), _number(setting, "mu"))


def _number(setting: Setting, name: str) -> float:
    written = {**_DEFAULTS, "T": setting.horizon, **setting.problem_parameters}.get(name)
    if written is None:
        raise Unknown(name)
    if isinstance(written, str):
        expression = Expression(written)
        return float(expression({other: _number(setting, other) for other in expression.names}))
    return float(written)


SPAN_METHOD = Assumption(
    "a method whose points stay in theta_0 + the span of the gradients seen",
    lambda setting: bool({*_SPAN, "Nesterov step"} & setting.traits),
    finding=lambda setting: f"'{setting.optimizer}' does not say that its do",
)
ON_THE_CHAIN = Assumption(
    "Nesterov's chain",
    lambda setting: setting.problem == "nesterov_chain",
    finding=lambda setting: f"the problem is '{setting.problem}'",
)
