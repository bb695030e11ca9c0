"""A network of one hidden layer on handwritten digits: tanh units, softmax, and the mean cross-entropy of the rows."""

from __future__ import annotations

import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.errors import ConvlabError, nearest
from convlab.core.problem import Optimum, Problem
from convlab.core.setting import Known
from convlab.problems import _bundled, _data

EXAMPLE = {"hidden": 3, "rows": 20}
_CLASSES = 10
_U = 2.0**-53
_BRIGHTEST = 16.0  # the grey levels of the digits are 0, …, 16


def _risk(theta: Any, batch: Any, constants: Any) -> jax.Array:
    X, Y = batch
    units = jnp.tanh(X @ theta["hidden"]["weights"] + theta["hidden"]["bias"][None, :])
    logits = units @ theta["output"]["weights"] + theta["output"]["bias"][None, :]
    return jnp.mean(jax.nn.logsumexp(logits, axis=1) - jnp.sum(Y * logits, axis=1))


def network(
    hidden: int = 8, data: Literal["digits"] = "digits", weights_seed: int = 0, rows: int | None = None
) -> Problem:
    """R(θ) = mean_i (log Σ_c exp z_ic − z_{i,y_i}), z_i = tanh(x_i W + b) V + c, for ten classes y_i.

    θ = {"hidden": {"weights": W [64, h], "bias": b [h]}, "output": {"weights": V [h, 10], "bias": c [10]}}, with
    h = ``hidden``. The x_i are scikit-learn's 8×8 digits (1797, or the first ``rows`` of them) with grey levels scaled
    to [0, 1]. θ0 has normal weights of variance 1/fan-in from ``weights_seed``, and biases 0.

    Neither a minimiser nor the infimum is known: R* lies in [0, R(θ0)], so only gradients can be judged, and neither
    is a Lipschitz constant of ∇R. Raises ConvlabError where a number is out of range or the data set is another.
    """
    if data != "digits":
        raise ConvlabError(f"data = '{data}' is no data set of the network; {nearest(data, ['digits'])}")
    h, seed = int(hidden), int(weights_seed)
    X, y = _bundled.bundled(data)
    n = len(X) if rows is None else int(rows)
    if not 1 <= n <= len(X):
        raise ConvlabError(f"rows = {rows}; data '{data}' has {len(X)} of them, write a number from 1 to that")
    if not 1 <= h <= 4096:
        raise ConvlabError(f"hidden = {hidden}; it must be a whole number from 1 to 4096")
    if seed < 0:
        raise ConvlabError(f"weights_seed = {seed}; it must not be negative")
    X, y = X[:n] / _BRIGHTEST, y[:n]
    Y = np.eye(_CLASSES)[y.astype(int)]
    theta0 = _start(X.shape[1], h, seed)
    initial, zero = _value(theta0, X, Y), np.zeros(())
    return Problem(
        risk=_risk,
        theta0=theta0,
        optimum=Optimum(None, None, zero, np.array(initial), zero, zero),
        data=(X, Y),
        name="network",
        known={"n": Known(float(n), "exact"), "initial_gap": Known(initial, "upper bound")},
        traits=frozenset({"twice differentiable"}),
        denied={
            "convex": "the layers multiply each other's weights",
            "strongly convex": "the layers multiply each other's weights",
            "smooth": "no global Lipschitz constant of the gradient is known",
            "Lipschitz Hessian": "no global Lipschitz constant of the Hessian is known",
            "has minimiser": "it is not known whether the infimum is attained",
        },
        certificate="R* lies in [0, R(theta0)]: a cross-entropy is not negative",
        digest=_data.digest(X, y),
    )


def _start(inputs: int, hidden: int, seed: int) -> dict[str, dict[str, np.ndarray]]:
    generator = np.random.Generator(np.random.PCG64(seed))

    def layer(wide: int, out: int) -> dict[str, np.ndarray]:
        return {"weights": generator.standard_normal((wide, out)) / wide**0.5, "bias": np.zeros(out)}

    return {"hidden": layer(inputs, hidden), "output": layer(hidden, _CLASSES)}


def _value(theta: dict[str, dict[str, np.ndarray]], X: np.ndarray, Y: np.ndarray) -> float:
    """An upper bound on R(θ0), where the biases are 0.

    A unit's argument errs by 66u Σ|x W|, and as |tanh'| <= 1, the unit by that and 8u; a logit by that through |V|, and
    by (h + 2)uΣ|V|. A row's loss moves by at most twice the largest error of its logits, and 40u of its terms.
    """
    W, V = theta["hidden"]["weights"], theta["output"]["weights"]
    units = np.tanh(X @ W)
    logits = units @ V
    blur = (66.0 * (np.abs(X) @ np.abs(W)) + 8.0 + (len(V) + 2.0)) @ np.abs(V)
    losses = np.log(np.sum(np.exp(logits), axis=1)) - np.sum(Y * logits, axis=1)
    errors = _U * (2.0 * blur.max(axis=1) + 40.0 * (1.0 + np.abs(losses) + 2.0 * np.abs(logits).max(axis=1)))
    return math.fsum((losses + errors).tolist()) / len(X) * (1.0 + 4 * _U)
