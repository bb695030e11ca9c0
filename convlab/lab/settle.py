"""Settling: from a cell as written to a problem, an oracle, a program and a Setting with every number known."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optax

from convlab.core.errors import ConvlabError, nearest
from convlab.core.expression import Expression
from convlab.core.optimizer import params_are_judged
from convlab.core.oracle import Oracle
from convlab.core.output import Output
from convlab.core.problem import Problem
from convlab.core.setting import EXACT_EXPECTATION, Hyper, Known, Setting
from convlab.lab import catalog, moments
from convlab.lab.building import build_problem, finite, load, real, signature_of
from convlab.lab.grid import Cell
from convlab.lab.program import Program
from convlab.lab.spec import EXACT, FROM_PROBLEM, Key, Part, output_parts


@dataclass(frozen=True)
class Settled:
    """A cell that is ready to run. ``hyper`` are the traced numbers: a float, or a schedule's names."""

    cell: Cell
    problem: Problem
    oracle: Oracle
    program: Program
    hyper: Mapping[str, Any]
    setting: Setting

    @property
    def random(self) -> bool:
        """Whether a run says less than its expectation, so that seeds are needed."""
        return not {"exact oracle", EXACT_EXPECTATION} & self.setting.traits


_RESTS_ON = {"L": "smooth", "L_max": "smooth", "mu": "strongly convex", "M": "Lipschitz Hessian", "G": "Lipschitz"}


class Misfit(ConvlabError):  # noqa: N818 - it is raised as an error and read as a place
    """A value that does not fit the problem; ``key`` is where the experiment file says it."""

    def __init__(self, key: Key, error: ConvlabError) -> None:
        super().__init__(str(error))
        self.key = key


@contextlib.contextmanager
def _said_at(*key: str | int) -> Iterator[None]:
    try:
        yield
    except Misfit:
        raise
    except ConvlabError as error:
        raise Misfit(key, error) from error


def settle(cell: Cell, files: Mapping[str, Path]) -> Settled:
    """Build everything the cell names. Raises Misfit in one line where a value does not fit the problem."""
    with _said_at("problem", cell.tables[0]):
        problem = build_problem(cell.problem, cell.horizon, files)
    with _said_at("optimizer", cell.tables[1], "oracle"):
        oracle = _build_oracle(cell.oracle, problem)
    facts = {**problem.known, **oracle.facts(problem)}
    known = {name: fact for name, fact in facts.items() if math.isfinite(fact.value)}  # L/mu may overflow: unknown
    implied, more = _implied(problem, oracle, known)
    known = {**more, **known}
    with _said_at("optimizer", cell.tables[1]):
        hyper, options = _hyperparameters(cell, problem, known)
        handed = _handed(cell, problem, hyper)
    build = load("optimizers", cell.optimizer.name)
    about = _speaks_for(cell.optimizer.name, build)
    traits = frozenset(getattr(about, "TRAITS", ()))
    if hasattr(about, "traits"):
        traits |= about.traits(hyper, {**options, **handed})
    with _said_at("optimizer", cell.tables[1]):  # what the optimizer itself refuses is told before anything runs
        build(**options, **{name: each.value if each.constant else each.at for name, each in hyper.items()})
    if cell.expectation == EXACT:
        with _said_at("run", "expectation"):
            moments.require_computable(problem, cell, traits)
        implied |= {EXACT_EXPECTATION}
    judged = getattr(about, "judged", params_are_judged)
    program, traced = _program(cell, build, judged, hyper, options, tuple(sorted(handed)))
    setting = Setting(
        problem=cell.problem.name,
        oracle=cell.oracle.name,
        optimizer=cell.optimizer.name,
        horizon=cell.horizon,
        traits=problem.traits | oracle.traits(problem) | traits | implied,
        known=known,
        hyper=hyper,
        options={**options, **handed},
        problem_parameters=dict(cell.problem.parameters),
        oracle_parameters=dict(cell.oracle.parameters),
        denied=dict(problem.denied),
        dtype=cell.dtype,
    )
    return Settled(cell, problem, oracle, program, traced, setting)


def _implied(problem: Problem, oracle: Oracle, known: Mapping[str, Known]) -> tuple[frozenset[str], dict[str, Known]]:
    """What follows from what is known: strong convexity implies the Polyak–Łojasiewicz inequality with μ, where R is
    minimised over all of space; of an exact oracle the gradients are bounded by G."""
    traits, more = set(), {}
    if {"strongly convex", "has minimiser"} <= problem.traits and "mu" in known and problem.project is None:
        traits.add("Polyak-Lojasiewicz")
        more["mu_PL"] = known["mu"]
    if "exact oracle" in oracle.traits(problem) and "Lipschitz" in problem.traits and "G" in known:
        more["G_expected"] = known["G"]
    return frozenset(traits), more


def _handed(cell: Cell, problem: Problem, hyper: dict[str, Hyper]) -> dict[str, Any]:
    """What the problem hands over to an optimizer that asks for it by name: its projection, its prox, its minimum."""
    asked = set(signature_of("optimizers", cell.optimizer.name) or {}) & set(FROM_PROBLEM)
    if problem.project is not None and "project" not in asked:
        raise ConvlabError(
            f"problem '{problem.name}' is minimised over a set, which '{cell.optimizer.name}' would leave; "
            "use an optimizer that projects, such as 'subgradient'"
        )
    if problem.simple is not None and "prox" not in asked:
        raise ConvlabError(
            f"problem '{problem.name}' is a smooth risk plus a simple part, which '{cell.optimizer.name}' would leave "
            "out; use an optimizer that takes its prox, such as 'proximal_gradient'"
        )
    if problem.simple is None and "prox" in asked:
        raise ConvlabError(
            f"'{cell.optimizer.name}' needs a prox, and problem '{problem.name}' has no simple part that brings one; "
            "without it the steps are those of 'gd' or 'nesterov'"
        )
    if "risk_star" in asked:
        optimum = problem.optimum
        if optimum is None or optimum.hi is None:
            raise ConvlabError(f"'{cell.optimizer.name}' needs the minimum, and none is certified for '{problem.name}'")
        hyper["risk_star"] = Hyper("R*", 0.5 * (float(optimum.risk_low) + float(optimum.risk_high)))
    has = {"project": problem.project is not None, "prox": problem.simple is not None}
    return {name: True for name, given in has.items() if given}


def _speaks_for(name: str, build: Callable[..., Any]) -> Any:
    """What holds the TRAITS and `judged` of an optimizer: its file; or, for code from outside, the function itself.

    A file of ours holds one optimizer. A module from outside may hold many, and none may inherit another's traits.
    """
    if name in catalog.names("optimizers"):
        return catalog.CATALOG.load_module("optimizers", name)
    return build


def _build_oracle(part: Part, problem: Problem) -> Oracle:
    oracle: Oracle = load("oracles", part.name)(**part.parameters)
    fault = oracle.problem_fault(problem)
    if fault:
        raise ConvlabError(fault)
    return oracle


def _hyperparameters(
    cell: Cell, problem: Problem, known: Mapping[str, Known]
) -> tuple[dict[str, Hyper], dict[str, Any]]:
    """The optimizer's parameters, split into real numbers (traced) and options (part of the program)."""
    names = {name: fact.value for name, fact in known.items()} | {"T": float(cell.horizon)}
    hyper: dict[str, Hyper] = {}
    options: dict[str, Any] = {}
    for name, (value, is_real) in _arguments(cell.optimizer).items():
        with _said_at("optimizer", cell.tables[1], name):
            if not is_real:
                options[name] = value
            elif isinstance(value, str):
                hyper[name] = _written(Expression(value), names, f"'{value}'", problem)
            else:
                hyper[name] = Hyper(repr(value), finite(float(value), f"{name} of '{cell.optimizer.name}'"))
    return hyper, options


def _written(expression: Expression, names: Mapping[str, float], where: str, problem: Problem) -> Hyper:
    for name in sorted(expression.names - names.keys() - {"t"}):
        reason = problem.denied.get(_RESTS_ON.get(name, "has minimiser"))
        why = f" ({reason})" if reason else ""
        raise ConvlabError(
            f"{where}: {name} is not known for problem '{problem.name}'{why}; known: {', '.join(sorted(names))}"
        )
    used = {name: names[name] for name in sorted(expression.names - {"t"})}
    if "t" in expression.names:
        return Hyper(expression.text, None, used)
    value = expression(used)
    if not math.isfinite(value):
        given = " with " * bool(used) + ", ".join(f"{name} = {number:g}" for name, number in used.items())
        raise ConvlabError(f"{where}: its value is {value}{given}; a hyperparameter is a finite number")
    return Hyper(expression.text, float(value), used)


def _arguments(part: Part) -> dict[str, tuple[Any, bool]]:
    """Parameter → (value, whether it is a real number), defaults of our own optimizers included."""
    signature = signature_of("optimizers", part.name)
    if signature is None:
        return _optax_arguments(part)
    found = {}
    for name, parameter in signature.items():
        if name in FROM_PROBLEM:
            continue
        value = part.parameters.get(name, parameter.default)
        found[name] = (value, real(parameter) and value is not None)
    return found


def _optax_arguments(part: Part) -> dict[str, tuple[Any, bool]]:
    function = load("optimizers", part.name)
    accepted = inspect.signature(function).parameters
    for name in part.parameters:
        if name not in accepted:
            raise ConvlabError(f"optimizer '{part.name}' has no parameter '{name}'; {nearest(name, accepted)}")
    for name, parameter in accepted.items():
        if parameter.default is inspect.Parameter.empty and name not in part.parameters:
            raise ConvlabError(f"optimizer '{part.name}' needs a value for '{name}'")
    return {name: (value, _is_real(value, accepted[name].default)) for name, value in part.parameters.items()}


def _is_real(value: Any, default: Any) -> bool:
    if isinstance(value, bool) or isinstance(default, bool | str):
        return False
    if isinstance(value, str):
        return True
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(default, int))


def _program(
    cell: Cell,
    build: Callable[..., optax.GradientTransformation],
    judged: Callable[..., Any],
    hyper: Mapping[str, Hyper],
    options: Mapping[str, Any],
    handed: tuple[str, ...],
) -> tuple[Program, dict[str, Any]]:
    number = np.dtype(cell.dtype).type
    traced: dict[str, Any] = {}
    schedules = []
    for name, given in sorted(hyper.items()):
        if given.value is not None:
            traced[name] = number(given.value)
        else:
            traced[name] = {key: number(value) for key, value in {**given.names, "T": float(cell.horizon)}.items()}
            schedules.append((name, Expression(given.written)))
    has_step_size = bool({"step_size", "learning_rate"} & hyper.keys())
    wanted = [(name, _output(name)) for name in cell.outputs]
    outputs = tuple((name, output) for name, output in wanted if has_step_size or not output.needs_step_size)
    if not outputs:
        raise Misfit(
            ("run", "outputs"), ConvlabError(f"'{cell.optimizer.name}' has no step size, which {cell.outputs[0]} needs")
        )
    program = Program(build, judged, tuple(sorted(options.items())), tuple(schedules), outputs, handed)
    return program, traced


def _output(written: str) -> Output:
    name, argument = output_parts(written)
    output: Output = load("outputs", name)(*([] if argument is None else [argument]))
    return output
