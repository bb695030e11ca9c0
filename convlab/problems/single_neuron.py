"""R(w, v) = mean_i ½(v·tanh(w x_i) − y_i)²: one tanh neuron with two weights, whose product makes R nonconvex."""

from __future__ import annotations

import numpy as np

from convlab.core.errors import ConvlabError
from convlab.core.problem import Optimum, Problem
from convlab.core.setting import Known
from convlab.problems import _data, _neuron
from convlab.problems._parameters import nonnegative, positive

EXAMPLE = {"n": 8, "theta0": (0.5, 2.5), "data_seed": 1}
_NOT_THE_LEAST = "R(theta_bar) is the value at a certified stationary point, and need not be the infimum"


def single_neuron(
    n: int = 10,
    w: float = 1.5,
    v: float = 1.0,
    noise: float = 0.3,
    theta0: tuple[float, ...] = (0.5, 2.0),
    data_seed: int = 0,
) -> Problem:
    """R(θ) = mean_i ½(v·tanh(w x_i) − y_i)², θ = (w, v) an array [2], from ``theta0``.

    The ``n`` inputs x_i are standard normal and y_i = v̄·tanh(w̄ x_i) + noise·ε_i with standard normal ε_i from
    ``data_seed``; (w̄, v̄) are the arguments ``w`` and ``v``.

    No minimiser is known: R* lies in [0, R(θ̄)], where θ̄ is the stationary point that Newton's method reaches from
    (w̄, v̄), proven by Newton–Kantorovich in doubled precision and a strict local minimiser. What is measured in place
    of a gap is R(θ) − R(θ̄), and of a distance to a minimiser ‖θ − θ̄‖. −θ̄ is another one.
    R is smooth on no more than bounded sets, since v multiplies the slope of the neuron, so there is no L.

    Raises ConvlabError where a number is out of range, or no strict local minimiser could be certified.
    """
    rows, seed, start = int(n), int(data_seed), np.array(theta0, dtype=float)
    if not 2 <= rows <= 1 << 20:
        raise ConvlabError(f"n = {n}; it must be a whole number from 2 to 2^20")
    if seed < 0:
        raise ConvlabError(f"data_seed = {data_seed}; it must not be negative")
    if start.shape != (2,) or not np.all(np.isfinite(start)) or np.abs(start).max() > 1e3:
        raise ConvlabError(f"theta0 = {theta0}; write two numbers (w, v), at most 1000 in size")
    truth = np.array([positive("w", w), positive("v", v)])
    generator = np.random.Generator(np.random.PCG64(seed))
    x = generator.standard_normal(rows)
    y = truth[1] * np.tanh(truth[0] * x) + nonnegative("noise", noise) * generator.standard_normal(rows)
    found = _neuron.stationary_point(x, y, truth)
    if found is None:
        raise ConvlabError(
            f"n = {n}, noise = {noise} and data_seed = {data_seed}: no strict local minimiser could be certified near "
            f"({w:g}, {v:g}); take more rows, less noise, or another data_seed"
        )
    stationary, words = found
    at_start = 0.5 * float(np.mean((start[1] * np.tanh(start[0] * x) - y) ** 2)) * (1.0 + 1e-14)
    zero = np.zeros(())
    factors = "R is not convex: its weights multiply each other"
    unbounded = "v multiplies the slope of the neuron, so the Hessian grows without bound"
    return Problem(
        risk=_neuron.risk,
        theta0=start,
        optimum=Optimum(None, None, zero, stationary.risk_high, zero, zero),
        stationary=stationary,
        data=(x, y),
        name="single_neuron",
        known={"n": Known(float(rows), "exact"), "initial_gap": Known(at_start, "upper bound")},
        traits=frozenset({"twice differentiable", "certified stationary point"}),
        denied={
            "convex": f"{factors}. {_NOT_THE_LEAST}",
            "strongly convex": f"{factors}. {_NOT_THE_LEAST}",
            "Polyak-Lojasiewicz": f"R has several stationary points. {_NOT_THE_LEAST}",
            "has minimiser": _NOT_THE_LEAST,
            "smooth": unbounded,
            "Lipschitz Hessian": unbounded,
        },
        certificate=words,
        digest=_data.digest(x[:, None], y),
    )
