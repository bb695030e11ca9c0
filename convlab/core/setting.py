"""Setting: every fact of a run, as plain data. It is the only thing that a theorem may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from convlab.core.errors import Unknown
from convlab.core.expression import Expression

EXACT_EXPECTATION = "exact expectation"  # the trait of a run whose numbers are expectations, computed without seeds
How = Literal["exact", "computed", "upper bound", "lower bound", "estimated"]


@dataclass(frozen=True)
class Known:
    """A number and how it is known: "exact" (a float64), "computed" (to rounding), a proven bound, or "estimated".

    A computed number lies between ``low``, where that is told, and ``value``, both proven: what is an upper bound reads
    the value, what is a lower bound reads ``low``.
    """

    value: float
    how: How
    low: float | None = None

    def times(self, factor: float) -> Known:
        return Known(self.value * factor, self.how, None if self.low is None else self.low * factor)

    def to_json(self) -> dict[str, Any]:
        record: dict[str, Any] = {"value": self.value, "how": self.how}
        return record if self.low is None else {**record, "low": self.low}


@dataclass(frozen=True)
class Hyper:
    """A hyperparameter as the config wrote it and as the run used it.

    ``written`` is the text of the TOML (``"1/L"``); ``value`` its value, or None where it depends on t, in which case
    ``names`` holds what the expression's other names stood for. Theorems compare values, never texts.
    """

    written: str
    value: float | None = None
    names: Mapping[str, float] = field(default_factory=dict)

    def at(self, t: int) -> float:
        """The value used in step t (t = 0 is the first step)."""
        if self.value is not None:
            return self.value
        return float(Expression(self.written)({**self.names, "t": float(t)}))

    @property
    def constant(self) -> bool:
        return self.value is not None


@dataclass(frozen=True)
class Setting:
    """One cell of an experiment: what ran on what, and every constant that is known about it.

    ``setting["L"]`` is the value of a known constant and raises `Unknown` where there is none. ``hyper`` holds the
    optimizer's real-valued hyperparameters, ``options`` its other ones; ``problem_parameters`` and
    ``oracle_parameters`` are kept as written, for labels and records. ``traits`` are words that the problem, the oracle
    and the optimizer say of themselves ("convex", "has minimiser", "gradient step", "exact oracle", ...);
    ``denied`` maps a trait that is absent to the sentence that says why, when there is one.
    """

    problem: str
    oracle: str
    optimizer: str
    horizon: int
    traits: frozenset[str] = frozenset()
    known: Mapping[str, Known] = field(default_factory=dict)
    hyper: Mapping[str, Hyper] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    problem_parameters: Mapping[str, Any] = field(default_factory=dict)
    oracle_parameters: Mapping[str, Any] = field(default_factory=dict)
    denied: Mapping[str, str] = field(default_factory=dict)
    dtype: str = "float64"

    def __getitem__(self, name: str) -> float:
        if name not in self.known:
            raise Unknown(name)
        return self.known[name].value

    def low(self, name: str) -> float:
        """The lower end of a known constant: what a lower bound may read. Raises `Unknown` where there is none."""
        value, known = self[name], self.known[name]
        return value if known.low is None else known.low

    def step_size(self, t: int = 0) -> float:
        """η_t. Raises `Unknown` where the optimizer has no step size."""
        for name in ("step_size", "learning_rate"):
            if name in self.hyper:
                return self.hyper[name].at(t)
        raise Unknown("step_size")

    @property
    def constant_step(self) -> bool:
        """Whether the step size is one number during the run."""
        steps = [self.hyper[name] for name in ("step_size", "learning_rate") if name in self.hyper]
        return len(steps) == 1 and steps[0].constant

    def to_json(self) -> dict[str, Any]:
        """Plain data with sorted keys, from which `from_json` makes an equal setting."""
        return {
            "problem": self.problem,
            "oracle": self.oracle,
            "optimizer": self.optimizer,
            "horizon": self.horizon,
            "traits": sorted(self.traits),
            "known": {k: v.to_json() for k, v in sorted(self.known.items())},
            "hyper": {
                k: {"written": v.written, "value": v.value, "names": dict(sorted(v.names.items()))}
                for k, v in sorted(self.hyper.items())
            },
            "options": dict(sorted(self.options.items())),
            "problem_parameters": dict(sorted(self.problem_parameters.items())),
            "oracle_parameters": dict(sorted(self.oracle_parameters.items())),
            "denied": dict(sorted(self.denied.items())),
            "dtype": self.dtype,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Setting:
        values = dict(record)
        values["traits"] = frozenset(values["traits"])
        values["known"] = {k: Known(**v) for k, v in values["known"].items()}
        values["hyper"] = {k: Hyper(**v) for k, v in values["hyper"].items()}
        return cls(**values)
