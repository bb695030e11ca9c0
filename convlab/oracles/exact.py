"""The exact oracle: f_t = R at every step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from convlab.core.oracle import Oracle
from convlab.core.problem import Problem, Theta, full_risk
from convlab.core.setting import Known

EXAMPLE: dict[str, Any] = {}


def exact() -> Oracle:
    """All rows at every step, f_t = R: gradient descent's oracle, without any randomness."""
    return Oracle(name="exact", block=1 << 30, draw=_draw, show=_show, facts=_facts, traits=_traits)


def _draw(problem: Problem, constants: Any, key: jax.Array, block_number: jax.Array) -> tuple[()]:
    return ()


def _show(
    problem: Problem, constants: Any, theta: Theta, state: Any, sample: Any, t: jax.Array
) -> tuple[Callable[[Theta], jax.Array], Any]:
    return lambda point: full_risk(problem, point), state


def _facts(problem: Problem) -> dict[str, Known]:
    facts = {"sigma_star": Known(0.0, "exact")}
    if "L" in problem.known:
        facts["L_expected"] = problem.known["L"]
    return facts


def _traits(problem: Problem) -> frozenset[str]:
    convex_smooth = {"convex", "smooth"} <= problem.traits
    return frozenset({"exact oracle", "unbiased"} | ({"convex smooth samples"} if convex_smooth else set()))
