"""Oracle: what is shown of a problem at step t — a function f_t with E f_t = R (+ const), not a gradient."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax

from convlab.core.problem import Problem, Theta
from convlab.core.setting import Known


def _stateless(problem: Problem, theta: Theta) -> tuple[()]:
    return ()


def _no_facts(problem: Problem) -> dict[str, Known]:
    return {}


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["constants"],
    meta_fields=["block", "draw", "show", "init"],
    drop_fields=["name", "facts", "traits", "rows_per_step", "problem_fault", "noise"],
)
@dataclass(frozen=True, eq=False)
class Oracle:
    """Draws the samples of a block of steps, then shows a function.

    ``draw(problem, constants, key, block_number)`` returns the samples of ``block`` consecutive steps (leading axis
    ``block``), a function of the seed's key and the block's number alone: every optimizer and step size sees the same.
    ``show(problem, constants, theta, state, sample, t)`` returns (f_t, state); ``init(problem, theta)`` the first
    state. All are static under jit, so they must be module-level functions or come from a cached factory; numbers that
    may vary without a new compilation go into ``constants`` (a pytree, traced).

    ``facts(problem)`` tells theorems about f_t: sigma_star (sqrt E‖∇f_t(θ*)‖²), L_expected (the constant of expected
    smoothness: E‖∇f_t(θ) − ∇f_t(θ*)‖² ≤ 2·L_expected·gap), batch_size. ``rows_per_step(problem)`` is the cost of one
    ∇f_t in row gradients. ``traits(problem)`` are words for theorems' assumptions: "exact oracle" (f_t = R),
    "unbiased", "convex smooth samples" (L_expected holds). ``problem_fault(problem)`` is a sentence if the problem
    cannot be shown this way, else None. ``noise(problem, constants, theta)`` is (E‖∇f_t(θ) − E ∇f_t(θ)‖²,
    sup ‖∇f_t(θ)‖²) over all samples, exactly, by which declared σ, σ* and G are held against a run (NaN where that is
    not known); it is None where there is no noise.
    """

    block: int
    draw: Callable[[Problem, Any, jax.Array, jax.Array], Any]
    show: Callable[[Problem, Any, Theta, Any, Any, jax.Array], tuple[Callable[[Theta], jax.Array], Any]]
    init: Callable[[Problem, Theta], Any] = _stateless
    constants: Any = ()
    name: str = ""
    facts: Callable[[Problem], Mapping[str, Known]] = _no_facts
    rows_per_step: Callable[[Problem], float] = lambda problem: float(max(problem.rows, 1))
    problem_fault: Callable[[Problem], str | None] = lambda problem: None
    traits: Callable[[Problem], frozenset[str]] = lambda problem: frozenset()
    noise: Callable[[Problem, Any, Theta], tuple[jax.Array, jax.Array]] | None = None
