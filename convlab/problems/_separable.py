"""Linear separability of labelled rows: found by a linear program, proven by exact signs."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from convlab.problems._double import two_product

Array = npt.NDArray[np.float64]


class Separation(NamedTuple):
    """A direction w with y_i x_i·w >= 0 for all rows and > 0 for some: along it the logistic risk falls for ever.

    ``margin`` is min_i y_i x_i·w/‖w‖ (0 where the separation is not strict), ``free`` the rows with y_i x_i·w = 0.
    """

    margin: float
    free: npt.NDArray[np.bool_]


def separation(A: Array) -> Separation | None:
    """A proven separation of the rows A_i = y_i x_i [n, d], or None where none was found.

    First max_w min_i A_i·w/‖A_i‖ over |w_j|·max_i|A_ij| <= 1; if that is 0, max Σ A_i·w subject to A w >= 0. Whatever
    the program answers counts only once the signs of all A_i·w are confirmed in exact arithmetic.
    """
    from scipy.optimize import linprog  # half a second to import

    n, d = A.shape
    columns = np.abs(A).max(axis=0)
    columns = np.exp2(np.ceil(np.log2(np.where(columns == 0.0, 1.0, columns))))  # powers of two scale without rounding
    B = A / columns
    lengths = np.linalg.norm(B, axis=1)
    B = B / np.where(lengths == 0.0, 1.0, lengths)[:, None]
    limits = [(-1.0, 1.0)] * d
    goal, table = np.append(np.zeros(d), -1.0), np.column_stack([-B, np.ones(n)])
    answer = linprog(goal, A_ub=table, b_ub=np.zeros(n), bounds=[*limits, (0.0, None)])
    if answer.status == 0 and answer.x[-1] > 1e-9:
        found = confirmed(A, answer.x[:-1] / columns)
        if found is not None:
            return found
    answer = linprog(-B.sum(axis=0), A_ub=-B, b_ub=np.zeros(n), bounds=limits)
    if answer.status != 0 or -answer.fun < 1e-7:
        return None
    # vertices of such programs are often round numbers, on which the zeros among the margins are exact
    return confirmed(A, np.round(answer.x, 9) / columns)


def confirmed(A: Array, w: Array) -> Separation | None:
    """The separation by w, if every sign of A_i·w is proven: products without error, sums correctly rounded (fsum)."""
    p, e = two_product(A, np.broadcast_to(w, A.shape))
    terms = np.abs(p[p != 0.0])
    lost = np.any((p == 0.0) & (A != 0.0) & (w != 0.0))
    if lost or (terms.size and not (terms.min() > 1e-250 and terms.max() < 1e250)):
        return None  # underflow: the products would not be exact
    margins = np.array([math.fsum(row) for row in np.concatenate([p, e], axis=1).tolist()])
    if margins.min() < 0.0 or margins.max() <= 0.0:
        return None
    return Separation(float(margins.min()) / float(np.linalg.norm(w)), margins == 0.0)
