"""Expressions compute what they say, and parse nothing else."""

from __future__ import annotations

import math

import pytest

from convlab.core.errors import ConvlabError
from convlab.core.expression import Expression

KNOWN = {"L": 4.0, "mu": 0.5, "T": 10.0, "t": 3.0, "D": 2.1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1/L", 0.25),
        ("2/(mu*(t+2))", 0.8),
        ("D/(2*T+1)", 0.1),
        ("-L + +1", -3.0),
        ("2**-1", 0.5),
        ("2**3**2", 512.0),
        ("sqrt(L)*min(T, 3)", 6.0),
        ("max(L, T) - log(1)", 10.0),
        ("  1e-3 ", 1e-3),
        ("1_000", 1000.0),
        ("7", 7.0),
    ],
)
def test_value(text: str, value: float) -> None:
    assert Expression(text)(KNOWN) == pytest.approx(value, rel=1e-15)


def test_names_exclude_functions() -> None:
    assert Expression("sqrt(L)/min(mu, t)").names == {"L", "mu", "t"}
    assert Expression("3").names == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "1/", "(1", "1)", "L L", "1,2", "[1]", "{}", "'L'", "L.x", "L[0]", "lambda: 1", "x := 1"),
        *("__import__('os')", "abs(L)", "sqrt()", "sqrt(1, 2)", "min(1)", "max(1, 2, 3)", "min(a=1, b=2)", "min(*L)"),
        *("L % 2", "L // 2", "L @ 2", "L & 1", "~1", "not L", "L < 1", "True", "None", "1j", "...", "f'{L}'", "1e400"),
        *("\0", "a;b", "L\nmu", "await L", "1 if t else 2", "1" + "+1" * 300, "1/L # half", "(1 #\n)", "L^2"),
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ConvlabError):
        _ = Expression(text).names


def test_unknown_name_tells_the_nearest() -> None:
    with pytest.raises(ConvlabError, match="unknown name 'muu'; did you mean 'mu'"):
        Expression("1/muu")(KNOWN)


def test_a_power_is_written_as_in_python() -> None:
    with pytest.raises(ConvlabError, match=r"'1/L\^2': write \*\* for powers"):
        _ = Expression("1/L^2").names


def test_unknown_function_tells_the_nearest() -> None:
    with pytest.raises(ConvlabError, match="unknown function 'sqr'; did you mean 'sqrt'"):
        _ = Expression("sqr(L)").names


@pytest.mark.parametrize(("text", "value"), [("1/0", math.inf), ("10**400", math.inf), ("log(0)", -math.inf)])
def test_overflow_is_infinite_as_in_arrays(text: str, value: float) -> None:
    assert Expression(text)({}) == value


@pytest.mark.parametrize("text", ["sqrt(-1)", "log(-1)"])
def test_outside_the_domain_is_nan(text: str) -> None:
    assert math.isnan(Expression(text)({}))


def test_equal_texts_are_equal_and_hash_alike() -> None:
    assert Expression("1/L") == Expression("1/L")
    assert len({Expression("1/L"), Expression("1/L"), Expression("2/L")}) == 2


def test_another_arithmetic_is_used_for_functions() -> None:
    class Recorded:
        sqrt = staticmethod(lambda x: ("sqrt", x))
        log = staticmethod(lambda x: ("log", x))
        minimum = staticmethod(lambda x, y: ("minimum", x, y))
        maximum = staticmethod(lambda x, y: ("maximum", x, y))

    assert Expression("min(L, 2)")(KNOWN, Recorded()) == ("minimum", 4.0, 2.0)
    assert Expression("sqrt(L)")(KNOWN, Recorded()) == ("sqrt", 4.0)
