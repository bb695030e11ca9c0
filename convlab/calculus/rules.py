"""The rules of differentiation, outputs first, as identities checked on random smooth functions.

A derivative's entry is named by its output, then by its inputs: the Jacobian of f: Rⁿ → Rᵐ is m×n, a gradient a row. A
rule has two sides: what automatic differentiation finds for the combination, and what the rule makes of the derivatives
of the parts. The left one is tested against closed forms, so that the two agreeing says that the rule is right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from convlab.calculus import inputs
from convlab.calculus._rule_list import RULES, Rule
from convlab.calculus._rule_sides import chain_jacobians
from convlab.calculus.inputs import CalculusError
from convlab.calculus.random_functions import SmoothFunction, random_nonzero_function, random_smooth_function

__all__ = ["RULES", "SHAPES", "Rule", "RuleCheck", "Sizes", "chain_jacobians", "check_rule"]

ROUNDINGS = 4096  # what a rule may be off by, in units of rounding: 9e-13 in float64


class Sizes(NamedTuple):
    """n inputs, m outputs, l and k in between."""

    n: int
    m: int
    l: int = 1  # noqa: E741 - the letter of the formulas
    k: int = 1


SHAPES = (Sizes(1, 1, 1, 1), Sizes(2, 3, 1, 2), Sizes(5, 2, 4, 3))
# Half the time to compile, and each program runs once.
_QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


@dataclass(frozen=True)
class RuleCheck:
    """``error``: the largest difference of the sides, relative to the largest entry that a shape's draws had."""

    rule: Rule
    error: float
    tolerance: float
    shapes: tuple[Sizes, ...]
    draws: int

    @property
    def holds(self) -> bool:
        return self.error <= self.tolerance

    @property
    def letters(self) -> str:
        """The sizes that the rule depends on: "nml" for a chain of two."""
        return _letters(self.rule)

    def __str__(self) -> str:
        verdict = "holds" if self.holds else "does not hold"
        return f"{self.rule.name}: {verdict}, largest relative error {self.error:.1e} (tolerance {self.tolerance:.1e})"


def check_rule(rule: Rule, seed: int = 0, shapes: Sequence[Sequence[int]] = SHAPES, draws: int = 8) -> RuleCheck:
    """Compare a rule's two sides, derivatives with outputs first, on random functions at random points.

    For each of ``shapes``, (n, m), (n, m, l) or (n, m, l, k), ``draws`` functions of `random_smooth_function`'s law are
    drawn, and x with normal entries. Values and derivatives are of order 1, so that the sides differ by rounding alone
    where the rule holds: the tolerance is 4096 units of it, 9e-13 in float64, against some hundred operations behind an
    entry. Sides of different shapes count as an infinite error. CalculusError where an argument does not fit.

    >>> check_rule(RULES[0]).holds
    True
    """
    if not isinstance(rule, Rule):
        raise CalculusError(f"check_rule: rule is {inputs.kind(rule)}; it should be a Rule, as RULES holds them")
    seed = inputs.whole("check_rule", seed, "seed", 0, 2**32 - 1)
    draws = inputs.whole("check_rule", draws, "draws", 1, 10_000)
    tried: dict[tuple[int, ...], Sizes] = {}  # shapes that differ in what the rule does not use are one
    for given in shapes:
        sizes = _sizes(given)
        tried.setdefault(tuple(getattr(sizes, letter) for letter in _letters(rule)), sizes)
    if not tried:
        raise CalculusError("check_rule: shapes is empty; it should hold sizes such as (n, m, l) = (3, 2, 4)")
    drawn = [_drawn(rule, np.random.default_rng([seed, *sizes]), sizes, draws) for sizes in tried.values()]
    found = _sides(rule, drawn)
    tolerance = ROUNDINGS * float(np.finfo(found[0][0].dtype).eps)
    error = max(_difference(np.asarray(left), np.asarray(right)) for left, right in found)
    return RuleCheck(rule, error, tolerance, tuple(tried.values()), draws)


def _letters(rule: Rule) -> str:
    return "".join(letter for letter in Sizes._fields if any(letter in f.split(",")[0] for f in rule.functions))


def _sizes(given: Sequence[int]) -> Sizes:
    if not isinstance(given, list | tuple) or not 2 <= len(given) <= 4:
        raise CalculusError(f"check_rule: shapes holds {given!r}; each should be (n, m), (n, m, l) or (n, m, l, k)")
    return Sizes(*(inputs.whole("check_rule", size, "a size in shapes", 1, 64) for size in given))


def _drawn(rule: Rule, rng: np.random.Generator, sizes: Sizes, draws: int) -> tuple[Any, ...]:
    """The rule's functions and x, each with all draws along a first axis, so that one program tries all."""
    parts = [_functions(rng, signature, sizes, draws) for signature in rule.functions]
    at = _lengths(rule.at, sizes) if rule.at else parts[-1].input_shape
    return (*parts, rng.normal(size=(draws, *at)))


def _sides(rule: Rule, drawn: list[tuple[Any, ...]]) -> list[tuple[jax.Array, jax.Array]]:
    """Of every shape; one program for all, since compiling is what takes the time."""
    of_all_draws = jax.vmap(rule.sides)
    try:
        compiled = jax.jit(lambda drawn: [of_all_draws(*each) for each in drawn], compiler_options=_QUICKLY)
        found: list[tuple[jax.Array, jax.Array]] = compiled(drawn)
    except CalculusError:
        raise
    except (TypeError, ValueError) as error:  # arrays that do not go together
        first = next(iter(str(error).splitlines()), "")
        raise CalculusError(f"check_rule: the sides of '{rule.name}' fail: {first[:200]}") from error
    return found


def _functions(rng: np.random.Generator, signature: str, sizes: Sizes, draws: int) -> SmoothFunction:
    arrow, _, kind = signature.partition(",")
    into, out = (_lengths(side, sizes) for side in arrow.split("->"))
    law = random_nonzero_function if kind.strip() == "nonzero" else random_smooth_function
    stacked: SmoothFunction = jax.tree.map(lambda *each: np.stack(each), *(law(rng, into, out) for _ in range(draws)))
    return stacked


def _lengths(letters: str, sizes: Sizes) -> tuple[int, ...]:
    return tuple(int(each) if each.isdigit() else int(getattr(sizes, each)) for each in letters)


def _difference(left: np.ndarray, right: np.ndarray) -> float:
    if left.shape != right.shape or not (np.isfinite(left).all() and np.isfinite(right).all()):
        return math.inf
    scale = float(max(np.abs(left).max(), np.abs(right).max()))
    return float(np.abs(left - right).max()) / scale if scale else 0.0
