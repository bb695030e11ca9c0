"""Which mode of autodiff is wrong, and how: what there is to compare, for `_check_explain`."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np

from convlab.calculus._check_explain import Compared, Side, explain
from convlab.calculus._check_findings import Findings
from convlab.calculus._check_judge import Judgement, unavailable
from convlab.calculus._check_names import Names
from convlab.calculus._check_samples import Claims
from convlab.calculus.differences import first_line

_REVERSE = "forward mode is right and reverse mode is wrong: look at the transpose, or the custom_vjp"


def explained(
    names: Names, x: Any, out: Any, V: np.ndarray, findings: Findings, claims: Claims, judgement: Judgement
) -> tuple[str, bool]:
    """The explanation, "" where there is none; and whether an entry is off that can be shown beside it."""
    forward, reverse = (off is not None and bool(off.any()) for off in (judgement.forward_off, judgement.reverse_off))
    failed = _failure(claims)
    if failed and forward and claims.forward is not None:
        told = _compared(names, x, out, V, findings, claims.forward, judgement)
        return f"{failed}; in forward mode {told or 'the derivative is wrong'}", True
    if failed and reverse and claims.reverse is not None and claims.rows is None:
        told = _compared(names, x, out, V, findings, claims.reverse, judgement)
        return f"{failed}; in reverse mode {told or 'the derivative is wrong'}", True
    if failed:
        return failed, False
    if forward and claims.forward is not None:
        told = _compared(names, x, out, V, findings, claims.forward, judgement)
        if reverse or claims.reverse is None:
            return told, True
        return f"reverse mode is right and forward mode is wrong{'; ' * bool(told)}{told}", True
    if reverse and claims.reverse is not None and claims.rows is None:
        told = _compared(names, x, out, V, findings, claims.reverse, judgement)
        if claims.forward is None:
            return told, True
        if not np.isfinite(claims.reverse).all():
            return f"forward mode is right, and in reverse mode {told}", True
        return f"{_REVERSE}{'; ' * bool(told)}{told}", True
    if reverse:
        return _REVERSE, False
    return "forward and reverse mode differ: look at the transpose, or the custom_vjp", False


def _failure(claims: Claims) -> str:
    """What a rule raised, in one line; "" where a mode is not there because JAX has none for f."""
    errors = {"forward mode": claims.forward_error, "reverse mode": claims.reverse_error}
    raised = {mode: error for mode, error in errors.items() if error is not None and not unavailable(error)}
    if len(raised) == 2 or (not raised and claims.forward_error and claims.reverse_error):
        return f"JAX finds no derivative, in neither mode: {first_line(claims.forward_error or ValueError())}"
    return next((f"{mode} fails: {first_line(error)}" for mode, error in raised.items()), "")


def _compared(
    names: Names, x: Any, out: Any, V: np.ndarray, findings: Findings, claim: np.ndarray, judgement: Judgement
) -> str:
    """The claimed Jacobian against the true one, entry by entry, or along the directions where inputs are many."""
    n = V.shape[1]
    coordinates = len(V) >= n and np.count_nonzero(V[:n]) == n
    rows, scale = (slice(0, n), V[:n].sum(axis=1)) if coordinates else (slice(None), np.ones(len(V)))
    parts = (claim[rows], findings.value[rows], judgement.tolerance[rows])
    wrong, true, tolerance = ((part / scale[:, None]).T for part in parts)
    if not np.isfinite(tolerance).all():
        return ""
    if np.isfinite(claim).all() and np.all(np.abs(wrong - true) <= tolerance):
        return "it is not linear in the direction, as a rule makes it that is not linear in the tangent"
    outputs = Side("output", [names.output(i) for i in range(len(true))], _shape(out, len(true)))
    inputs = Side("input", names.inputs, _shape(x, n)) if coordinates else None
    return explain(Compared(wrong, true, tolerance), outputs, inputs)


def _shape(tree: Any, size: int) -> tuple[int, ...]:
    """That of the only array, or (size,)."""
    leaves = jax.tree.leaves(tree)
    return np.shape(leaves[0]) if len(leaves) == 1 and math.prod(np.shape(leaves[0])) == size else (size,)
