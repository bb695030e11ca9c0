"""Inequalities that hold at every point, wherever an algorithm found it, of a risk whose constants are as declared.

Between gap, ‖∇R‖² and ‖θ − θ*‖², of two points that one step joins, and of the noise of f_t:

    R is L-smooth on all of space              ‖∇R‖² ≤ 2L·gap,  gap ≤ (L/2)‖θ − θ*‖²,
                                               R(θ_{t+1}) ≤ R(θ_t) − η(1 − Lη/2)‖∇R(θ_t)‖²,
      and convex                               gap + ‖∇R‖²/(2L) ≤ ‖∇R‖·‖θ − θ*‖,
      and μ-strongly convex                    2(L − μ)·gap + ‖∇R‖² + Lμ‖θ − θ*‖² ≤ 2L‖∇R‖·‖θ − θ*‖,
      and quadratic                            ‖∇R‖² + Lμ‖θ − θ*‖² ≤ 2(L + μ)·gap,
    R is μ-strongly convex                     (μ/2)‖θ − θ*‖² ≤ gap,  gap + (μ/2)‖θ − θ*‖² ≤ ‖∇R‖·‖θ − θ*‖,
      on all of space                          2μ·gap ≤ ‖∇R‖²,  R(θ_{t+1}) ≥ R(θ_t) − η(1 − μη/2)‖∇R(θ_t)‖²,
    R obeys the Polyak–Łojasiewicz inequality  2μ_PL·gap ≤ ‖∇R‖²,
    R is G-Lipschitz                           ‖∇R‖ ≤ G,  gap ≤ G‖θ − θ*‖,
    ∇²R is M-Lipschitz                         |R(θ_{t+1}) − m| ≤ (M/6)‖θ_{t+1} − θ_t‖³, m the quadratic model at θ_t,
      in one dimension, and convex             |2·gap − ‖∇R‖·‖θ − θ*‖| ≤ (M/6)‖θ − θ*‖³,
    the noise is bounded everywhere            E‖∇f_t − ∇R‖² ≤ σ²,  E‖∇f_t‖² ≤ G²,  sup ‖∇f_t‖ ≤ G_sure,
    samples are convex and smooth              √(E‖∇f_t‖²) ≤ σ* + √(2𝓛·gap),
    the start                                  ‖θ_0 − θ*‖ ≤ D,  R(θ_0) − R* ≤ initial_gap.

L_max, L_expected and G_expected bound L and G from above, so what L and G have to satisfy they have to. Each is linear
or, by Cauchy and Schwarz, weaker in expectation, so that all but those of M are asked of expectations as well. E over
samples is exact: over all rows, or of the law of the noise, see `noise`.

Sources: Nesterov 2004, section 2.1 (all but those of M, of noise and of the start); Polyak 1963 and Łojasiewicz 1963;
Nesterov and Polyak 2006, Lemma 1, for the cubic bound; in one dimension the trapezoidal rule for ∫₀¹ φ',
φ(s) = R(θ* + s(θ − θ*)); Gower et al. 2019 for expected smoothness, with Minkowski's inequality.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from convlab.lab.intervals import Points

FROM_BELOW = frozenset({"mu", "mu_PL"})  # constants that are wrong where they are too large
Side = Callable[[Points, float, float], np.ndarray]  # of the points, of the constant, and of the one beside it


@dataclass(frozen=True)
class Inequality:
    """left ≤ right for every point of a risk whose constant is c; both sides grow in what was measured.

    ``traits`` are what the inequality rests on, ``words`` complete "hypothesis failed: …" as (left, right).
    ``on_sets``: whether it is true where R is minimised over a set, or has a simple part, at whose minimiser the
    gradient need not vanish. ``beside`` names the second constant of an inequality that has two.
    """

    constants: tuple[str, ...]
    traits: frozenset[str]
    words: tuple[str, str]
    left: Side
    right: Side
    on_sets: bool = False
    at_start: bool = False
    of_means: bool = True
    beside: str = ""

    @property
    def too_small(self) -> bool:
        return self.constants[0] not in FROM_BELOW


_L, _G = ("L", "L_max", "L_expected"), ("G", "G_expected")
_ALONG = "‖∇R‖·‖θ − θ*‖"
_SMOOTH, _CONVEX, _STRONG = frozenset({"smooth"}), frozenset({"smooth", "convex"}), frozenset({"strongly convex"})
_LIPSCHITZ, _PL = frozenset({"Lipschitz"}), frozenset({"Polyak-Lojasiewicz"})
_LINE = frozenset({"Lipschitz Hessian", "convex", "one-dimensional"})


_SAMPLES, _BOUNDED = frozenset({"convex smooth samples"}), frozenset({"bounded gradients"})


def _constant(p: Points, c: float, m: float) -> np.ndarray:
    return np.full_like(p.slope, c)


def _along(p: Points, c: float, m: float) -> np.ndarray:
    return np.asarray(p.slope * p.distance)


INEQUALITIES = (
    Inequality(_L, _SMOOTH, ("‖∇R‖²", "2{c}·gap"), lambda p, c, m: p.slope**2, lambda p, c, m: 2 * c * p.gap),
    Inequality(_L, _SMOOTH, ("gap", "({c}/2)·‖θ − θ*‖²"), lambda p, c, m: p.gap, lambda p, c, m: c / 2 * p.distance**2),
    Inequality(
        ("L",),
        _SMOOTH,
        ("gap after the step + η‖∇R‖²", "gap + ({c}/2)·η²‖∇R‖²"),
        lambda p, c, m: p.after + p.eta * p.slope**2,
        lambda p, c, m: p.gap + c / 2 * (p.eta * p.slope) ** 2,
    ),
    Inequality(_L, _CONVEX, ("gap + ‖∇R‖²/(2{c})", _ALONG), lambda p, c, m: p.gap + p.slope**2 / (2 * c), _along),
    Inequality(
        ("mu",),
        _STRONG,
        ("({c}/2)·‖θ − θ*‖²", "gap"),
        lambda p, c, m: c / 2 * p.distance**2,
        lambda p, c, m: p.gap,
        True,
    ),
    Inequality(("mu",), _STRONG, ("2{c}·gap", "‖∇R‖²"), lambda p, c, m: 2 * c * p.gap, lambda p, c, m: p.slope**2),
    Inequality(
        ("mu",),
        _STRONG,
        ("gap + ({c}/2)·‖θ − θ*‖²", _ALONG),
        lambda p, c, m: p.gap + c / 2 * p.distance**2,
        _along,
        True,
    ),
    Inequality(
        ("mu",),
        _STRONG,
        ("gap + ({c}/2)·η²‖∇R‖²", "gap after the step + η‖∇R‖²"),
        lambda p, c, m: p.gap + c / 2 * (p.eta * p.slope) ** 2,
        lambda p, c, m: p.after + p.eta * p.slope**2,
    ),
    Inequality(
        ("L",),
        _STRONG | _SMOOTH,
        ("2({c} − mu)·gap + ‖∇R‖² + {c}·mu·‖θ − θ*‖²", "2{c}·" + _ALONG),
        lambda p, c, m: 2 * (c - m) * p.gap + p.slope**2 + c * m * p.distance**2,
        lambda p, c, m: 2 * c * _along(p, c, m),
        beside="mu",
    ),
    Inequality(
        ("L",),
        _STRONG | {"quadratic"},
        ("‖∇R‖² + {c}·mu·‖θ − θ*‖²", "2({c} + mu)·gap"),
        lambda p, c, m: p.slope**2 + c * m * p.distance**2,
        lambda p, c, m: 2 * (c + m) * p.gap,
        beside="mu",
    ),
    Inequality(("mu_PL",), _PL, ("2{c}·gap", "‖∇R‖²"), lambda p, c, m: 2 * c * p.gap, lambda p, c, m: p.slope**2),
    Inequality(_G, _LIPSCHITZ, ("‖∇R‖", "{c}"), lambda p, c, m: p.slope, _constant, True),
    Inequality(_G, _LIPSCHITZ, ("gap", "{c}·‖θ − θ*‖"), lambda p, c, m: p.gap, lambda p, c, m: c * p.distance, True),
    Inequality(("G_sure",), _BOUNDED, ("the longest ‖∇f_t‖", "{c}"), lambda p, c, m: p.longest, _constant, True),
    Inequality(
        ("G_expected", "G_sure"),
        frozenset(),
        ("√(E‖∇f_t‖²)", "{c}"),
        lambda p, c, m: np.hypot(p.noise, p.slope),
        _constant,
        True,
    ),
    Inequality(
        ("sigma",),
        frozenset({"uniform variance"}),
        ("√(E‖∇f_t − ∇R‖²)", "{c}"),
        lambda p, c, m: p.noise,
        _constant,
        True,
    ),
    Inequality(
        ("L_expected",),
        _SAMPLES,
        ("√(E‖∇f_t‖²)", "sigma_star + √(2{c}·gap)"),
        lambda p, c, m: np.hypot(p.noise, p.slope),
        lambda p, c, m: m + np.sqrt(2 * c * p.gap),
        beside="sigma_star",
    ),
    Inequality(
        ("M",),
        frozenset({"Lipschitz Hessian"}),
        ("6·|R − its quadratic model|", "{c}·‖step‖³"),
        lambda p, c, m: p.missed,
        lambda p, c, m: c * p.step**3,
        of_means=False,
    ),
    Inequality(
        ("M",),
        _LINE,
        ("2·gap", _ALONG + " + ({c}/6)·‖θ − θ*‖³"),
        lambda p, c, m: 2 * p.gap,
        lambda p, c, m: _along(p, c, m) + c / 6 * p.distance**3,
        of_means=False,
    ),
    Inequality(
        ("M",),
        _LINE,
        (_ALONG, "2·gap + ({c}/6)·‖θ − θ*‖³"),
        _along,
        lambda p, c, m: 2 * p.gap + c / 6 * p.distance**3,
        of_means=False,
    ),
    Inequality(
        ("D",),
        frozenset(),
        ("‖θ_0 − θ*‖", "{c}"),
        lambda p, c, m: p.distance,
        _constant,
        True,
        at_start=True,
    ),
    Inequality(
        ("initial_gap",),
        frozenset(),
        ("R(θ_0) − R*", "{c}"),
        lambda p, c, m: p.gap,
        _constant,
        True,
        at_start=True,
    ),
)
