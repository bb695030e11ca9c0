"""Theorem: what is proved, with its constants, as data and pure functions of a Setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from convlab.core.setting import Setting

Quantity = Literal["gap", "grad_norm2", "dist2", "decrement2", "decrease", "observed_M"]
DERIVED: tuple[Quantity, ...] = ("decrease", "observed_M")  # from what was measured at both ends of a step
Sense = Literal["every run", "expectation", "probability"]
SENSES: Mapping[Sense, str] = {
    "every run": "on every run",
    "expectation": "in expectation",
    "probability": "with probability 1 − delta",
}
DELTA = 0.1  # the probability of failure that a theorem "probability" is asked with unless a claim says another


@dataclass(frozen=True)
class Assumption:
    """One hypothesis: in words (they complete "needs …"), and as a predicate of the setting.

    A predicate may index the setting; a constant that is not known makes the theorem not applicable. ``trait`` names
    the trait that the predicate asks for, if it asks for one, so that the ruling can quote why it is absent;
    ``finding`` says, in the setting's numbers, what was found instead ("step_size = 2.1/L = 2.1 exceeds 2/L = 2").
    """

    words: str
    holds: Callable[[Setting], bool]
    trait: str | None = None
    finding: Callable[[Setting], str] | None = None


def needs(trait: str, words: str | None = None) -> Assumption:
    """The hypothesis that the setting has a trait.

    >>> needs("convex").words
    'convex'
    """
    return Assumption(words or trait, lambda setting: trait in setting.traits, trait)


@dataclass(frozen=True)
class Rate:
    """The speed that the bound claims.

    "power": quantity ~ t^value (value < 0). "linear": quantity ~ exp(value·t) (value < 0). "order":
    e_{t+1} ~ e_t^value. ``value`` may depend on the setting.
    """

    kind: Literal["power", "linear", "order"]
    value: Callable[[Setting], float]
    written: str  # "1/T", "1/sqrt(T)", "r^(2T)", "quadratic"


@dataclass(frozen=True)
class Instance:
    """A run, in the words of an experiment file, on which the theorem reaches the fraction ``reaches`` of its bound.

    ``spec`` has the tables "problem", "optimizer" (one), optionally "oracle", and "run" (horizon, seeds).
    ``expected(setting, t)`` is the measured quantity in closed form (its expectation, where the theorem is one about
    expectations), derived for this instance and independent of the bound; ``at`` the steps at which to compare, the
    horizon among them. ``note`` says where the instance comes from. ``start`` is the same of the quantity that a
    theorem "per step" is ``given``, where that is another one. A lower bound is reached from above: ``reaches`` is
    then the bound over the measurement.
    """

    spec: Mapping[str, Any]
    reaches: float
    expected: Callable[[Setting, int], float]
    note: str
    start: Callable[[Setting, int], float] | None = None


@dataclass(frozen=True)
class Theorem:
    """A convergence theorem with exact constants.

    ``log_bound(setting, t)`` is the natural logarithm of the bound on ``quantity`` at θ_t (logarithms, since r^(2t)
    underflows). For ``valid = "per step"`` it is ``log_step(setting, previous)`` instead: the bound at t+1 from what
    was measured at t, the quantity itself or the one that ``given`` names. Quantities: "gap" R(θ) − R(θ*), "grad_norm2"
    ‖∇R‖², "dist2" ‖θ − θ*‖², "decrement2" λ² = ∇Rᵀ(∇²R)⁻¹∇R (of self-concordant problems), and, per step, "decrease"
    R(θ_t) − R(θ_{t+1}) and "observed_M" 6|R(θ_{t+1}) − m|/‖θ_{t+1} − θ_t‖³, m the value at θ_{t+1} of the quadratic
    model at θ_t. ``rate`` is None where the bound claims no speed. ``output`` names the point that the theorem speaks
    of, with its range: "last" is θ_t, "average" the mean of θ_0 … θ_{t-1}, "best" the least value among θ_0 … θ_{t-1}.
    ``sense``: "every run" is judged on every trajectory, "expectation" on the mean over seeds, "probability" on how
    many seeds lie beyond the bound, of which a share δ = ``setting["delta"]`` may: at each t for itself, or, where
    ``valid`` is "all t at once", of the runs that are beyond it anywhere. ``Instance.expected`` is then the
    (1 − δ)-quantile.
    """

    title: str
    statement: str
    source: str
    assumes: tuple[Assumption, ...]
    output: str
    quantity: Quantity
    sense: Sense
    valid: Literal["every t >= 1", "all t at once", "at the horizon", "per step"]
    formula: str  # the bound in matplotlib mathtext, for legends
    rate: Rate | None
    instance: Instance
    log_bound: Callable[[Setting, int], float] | None = None
    log_step: Callable[[Setting, float], float] | None = None
    constants: tuple[str, ...] = ()  # names of the known constants that the bound reads
    kind: Literal["upper", "lower"] = "upper"
    given: Quantity | None = None

    def __post_init__(self) -> None:
        if (self.log_step is not None) != (self.valid == "per step") or (self.log_bound is None) == (
            self.log_step is None
        ):
            raise TypeError(f"{self.title}: 'per step' theorems define log_step, all others log_bound")
        if self.valid == "all t at once" and self.sense != "probability":
            raise TypeError(f"{self.title}: 'all t at once' is said of a probability")
