"""Gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import optax

from convlab.core.errors import ConvlabError
from convlab.core.optimizer import ScalarOrSchedule, descent
from convlab.core.setting import Hyper
from convlab.optimizers._line_search import backtracking_line_search, exact_line_search

EXAMPLE = {"step_size": 0.1}
ONE_OF = ("step_size", "line_search")  # without either there is no step
VARIANTS = ({"line_search": "exact"}, {"step_size": 3.0, "line_search": "backtracking"})
_TRAITS = {
    None: {"gradient step", "subgradient step"},
    "exact": {"exact line search step"},
    "backtracking": {"backtracking step"},
}


def traits(hyper: Mapping[str, Hyper], options: Mapping[str, Any]) -> set[str]:
    """How the step size is chosen decides which theorems apply."""
    return _TRAITS[options.get("line_search")]


def gd(
    step_size: ScalarOrSchedule | None = None, line_search: Literal["exact", "backtracking"] | None = None
) -> optax.GradientTransformationExtraArgs:
    """θ_{t+1} = θ_t − η_t ∇R(θ_t): gradient descent (Cauchy 1847), on all rows unless an oracle is named.

    ``step_size`` is η, or a schedule t ↦ η_t. Converges on L-smooth convex R for every constant η < 2/L.
    ``line_search`` chooses η_t instead: "exact" minimises R(θ_t − η∇R(θ_t)) over η ≥ 0 and takes no step_size;
    "backtracking" halves the step_size until Armijo's condition holds, R(θ_t − η∇R) ≤ R(θ_t) − 10⁻⁴ η‖∇R‖² (Armijo
    1966). Both need the keyword ``value_fn`` of ``update``, as optax's own line searches do. ConvlabError where
    step_size is missing, or given beside "exact".

    >>> import jax, jax.numpy as jnp, optax
    >>> theta, optimizer = jnp.array(1.0), gd(step_size=0.25)
    >>> updates, _ = optimizer.update(jax.grad(lambda x: x**2)(theta), optimizer.init(theta), theta)
    >>> float(optax.apply_updates(theta, updates))
    0.5
    """
    _check(line_search, step_size is not None)
    if step_size is None:
        return exact_line_search()
    return descent(step_size) if line_search is None else backtracking_line_search(step_size)


def _check(line_search: str | None, step_size_is_given: bool) -> None:
    if line_search not in _TRAITS:
        raise ConvlabError(f"gd: line_search = {line_search!r}; allowed: 'exact', 'backtracking', or none")
    if line_search == "exact" and step_size_is_given:
        raise ConvlabError("gd: line_search = 'exact' finds the step size itself; leave step_size out")
    if line_search != "exact" and not step_size_is_given:
        raise ConvlabError("gd: step_size is missing; write one like 0.1 or '1/L', or line_search = 'exact'")
