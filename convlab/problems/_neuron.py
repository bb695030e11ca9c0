"""R(w, v) = mean_i ½(v·tanh(w x_i) − y_i)² and a stationary point of it that is proven to be one.

With t = tanh(w x), s = 1 − t² and p = v t − y, the derivatives of one row are

    R_w = p v s x,   R_v = p t,   R_ww = (v s x)² − 2 p v t s x²,   R_wv = (v t + p) s x,   R_vv = t²,

and since |t| ≤ 1, |s| ≤ 1, |t s| ≤ 2/(3√3) and |tanh'''| ≤ 2, its third ones are, with P ≥ |p| and V ≥ |v|,

    |R_www| ≤ (2.4 V² + 2 P V)|x|³,   |R_wwv| ≤ (2.8 V + 0.8 P) x²,   |R_wvv| ≤ 0.8 |x|,   R_vvv = 0.

Newton–Kantorovich: where ‖∇²R(θ)⁻¹‖ ≤ β, ∇²R is K-Lipschitz around θ and h = β² K ‖∇R(θ)‖ ≤ ½, there is one zero of
∇R within 2β‖∇R(θ)‖ of θ. The gradient is evaluated in double-double, so ‖∇R(θ)‖ is some 1e-31.
Source: Kantorovich 1948; Ortega and Rheinboldt 1970, 12.6.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from convlab.core.problem import Stationary
from convlab.problems import _double as dd
from convlab.problems._certify import U

Array = npt.NDArray[np.float64]
_BALL = 1e-6  # radius around θ in which ∇²R's Lipschitz constant is bounded


def risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    """mean_i ½(v·tanh(w x_i) − y_i)², θ = (w, v)."""
    x, y = batch
    return 0.5 * jnp.mean(jnp.square(theta[1] * jnp.tanh(theta[0] * x) - y))


def stationary_point(x: Array, y: Array, start: Array) -> tuple[Stationary, str] | None:
    """The stationary point that damped Newton steps reach from ``start``, with its proof in words; None without one."""
    theta = _descended(x, y, start)
    H = _hessian(x, y, theta)
    if not np.linalg.eigvalsh(H)[0] > 0.0:
        return None
    best = dd.pair(theta)
    value, slope = _doubled(x, y, best)
    for _ in range(40):
        point = dd.add(best, dd.pair(np.asarray(-np.linalg.solve(H, slope))))
        again, gradient = _doubled(x, y, point)
        if not np.linalg.norm(gradient) < 0.5 * np.linalg.norm(slope):
            break
        best, value, slope = point, again, gradient
    w, v = (float(part) for part in best[0])
    size = float(np.mean((np.abs(v * x) + 1.0) * (abs(v) + np.abs(y))))
    g = float(np.linalg.norm(slope)) + 2.0**-96 * size  # tanh in double-double errs by 2^-97, absolutely
    K = _lipschitz(x, y, abs(v) + _BALL)
    blur = 60.0 * U * float(np.linalg.norm(H)) + 60.0 * U * size * (1.0 + float(np.max(np.abs(x)))) + K * _BALL**2
    least = float(np.linalg.eigvalsh(_hessian(x, y, best[0]))[0]) - blur
    if not least > 0.0 or not K * g / least**2 <= 0.5 or not 2.0 * g / least < _BALL:
        return None
    radius = 2.0 * g / least
    rounding = _rounding(x, y, w, v) + float(np.linalg.norm(H)) * U * math.hypot(w, v)
    words = (
        f"a stationary point near ({w:.6g}, {v:.6g}), not proven to be a minimiser: Newton-Kantorovich with "
        f"|grad R| <= {g:.1e}, least curvature >= {least:.3g} and Hessian constant {K:.3g}: "
        f"|theta - theta_bar| <= {radius:.1e}; R there is {value:.6g}"
    )
    numbers = (np.array(number) for number in (value, value, radius, rounding, least - K * radius))
    return Stationary(*best, *numbers), words


def _parts(x: Array, y: Array, theta: Array) -> tuple[Array, Array, Array]:
    t = np.tanh(theta[0] * x)
    return t, 1.0 - t**2, theta[1] * t - y


def _hessian(x: Array, y: Array, theta: Array) -> Array:
    v, (t, s, p) = theta[1], _parts(x, y, theta)
    both = np.mean((v * t + p) * s * x)
    return np.array([[np.mean((v * s * x) ** 2 - 2 * p * v * t * s * x**2), both], [both, np.mean(t**2)]])


def _descended(x: Array, y: Array, theta: Array) -> Array:
    """Newton steps with |∇²R|, halved until R falls, to the precision of float64."""
    for _ in range(200):
        t, s, p = _parts(x, y, theta)
        slope = np.array([np.mean(p * theta[1] * s * x), np.mean(p * t)])
        values, vectors = np.linalg.eigh(_hessian(x, y, theta))
        step = vectors @ ((vectors.T @ slope) / np.maximum(np.abs(values), 1e-8 * np.abs(values).max()))
        size, before = 1.0, float(np.mean(p**2))
        while size > 1e-9 and not np.mean(_parts(x, y, theta - size * step)[2] ** 2) <= before:
            size *= 0.5
        theta = theta - size * step
        if np.linalg.norm(step) <= 1e-15 * np.linalg.norm(theta):
            break
    return np.asarray(theta)


def _doubled(x: Array, y: Array, theta: dd.Pair) -> tuple[float, Array]:
    """R and ∇R at hi + lo in double-double, rounded."""
    n = np.full(len(x), float(len(x)))
    w, v = ((np.full(len(x), hi), np.full(len(x), lo)) for hi, lo in zip(*theta, strict=True))
    twice = dd.multiply(w, dd.pair(2.0 * x))
    sigma = dd.sigmoid(twice)
    t = dd.add((2.0 * sigma[0], 2.0 * sigma[1]), dd.pair(-np.ones(len(x))))
    s = dd.multiply((4.0 * sigma[0], 4.0 * sigma[1]), dd.sigmoid(dd.negative(twice)))
    p = dd.add(dd.multiply(v, t), dd.pair(-y))
    along_w = dd.multiply(dd.multiply(p, v), dd.multiply(s, dd.pair(x)))
    terms = (dd.multiply(p, p), along_w, dd.multiply(p, t))
    square, of_w, of_v = (float(dd.total(dd.divide(term, dd.pair(n)))[0]) for term in terms)
    return 0.5 * square, np.array([of_w, of_v])


def _lipschitz(x: Array, y: Array, V: float) -> float:
    """K: a bound on the Frobenius norm of D³R where |v| ≤ V."""
    P, size = V + np.abs(y), np.abs(x)
    cubic = float(np.mean((2.4 * V**2 + 2.0 * P * V) * size**3))
    mixed = float(np.mean((2.8 * V + 0.8 * P) * size**2))
    return math.sqrt(cubic**2 + 3.0 * mixed**2 + 3.0 * (0.8 * float(np.mean(size))) ** 2)


def _rounding(x: Array, y: Array, w: float, v: float) -> float:
    """A bound on the rounding error of ∇R in float64: of t 2u, and u|w x|s by w x; of p, s and each product 4u."""
    t, s, p = _parts(x, y, np.array([w, v]))
    of_t = 2.0 * np.abs(t) + np.abs(w * x) * s
    of_p = abs(v) * of_t + np.abs(v * t) + np.abs(p)
    along_w = np.abs(v * x) * (of_p * s + np.abs(p) * (2.0 * np.abs(t) * of_t + 5.0 * s))
    along_v = of_p * np.abs(t) + np.abs(p) * (of_t + 2.0 * np.abs(t))
    terms = np.hypot(along_w, along_v) + (1.0 + math.log2(len(x) + 1)) * np.hypot(np.abs(p * v * s * x), np.abs(p * t))
    return U * float(np.mean(terms))
