"""Checks of a problem's numbers, answered in one line."""

from __future__ import annotations

from convlab.core.errors import ConvlabError


def positive(name: str, value: float) -> float:
    """The value as a float, if it is finite and > 0; else ConvlabError."""
    number = _finite(name, value)
    if number <= 0.0:
        raise ConvlabError(f"{name} = {value}; it must be positive")
    return number


def nonnegative(name: str, value: float) -> float:
    """The value as a float, if it is finite and >= 0; else ConvlabError."""
    number = _finite(name, value)
    if number < 0.0:
        raise ConvlabError(f"{name} = {value}; it must not be negative")
    return number


def _finite(name: str, value: float) -> float:
    number = float(value)
    if number != 0.0 and not 1e-150 <= abs(number) <= 1e75:  # (L D)^2 does not overflow, L is no denormal
        raise ConvlabError(f"{name} = {value}; it must be 0, or from 1e-150 to 1e75 in size")
    return number
