"""`convlab calculus check MODULE:FUNCTION`: a user's own rules, right and wrong, and every mistake in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from convlab.cli import main

RULES = """
import jax, jax.numpy as jnp

@jax.custom_jvp
def softplus(x):
    return jnp.logaddexp(x, 0.0)
softplus.defjvp(lambda p, t: (softplus(p[0]), jax.nn.sigmoid(p[0]) * t[0]))

@jax.custom_jvp
def flipped(x):
    return jnp.sin(x)
flipped.defjvp(lambda p, t: (flipped(p[0]), -jnp.cos(p[0]) * t[0]))

@jax.custom_vjp
def norm2(x):
    return jnp.sum(x ** 2)
norm2.defvjp(lambda x: (norm2(x), x), lambda x, u: (x * u,))

def product(x):
    return x[0, 0] * x[1, 2]

def two(x, y):
    return x * y

def scaled(x, by=2.0):
    return by * x

def loud(x):
    raise RuntimeError("first line\\nsecond line")

def halfline(x):
    return jnp.log(x)

def nowhere(x):
    return jnp.log(-1.0 - x ** 2)

number = 3.0
"""


@pytest.fixture
def check(tmp_path: Path, monkeypatch: Any) -> Any:
    (tmp_path / "my_rules.py").write_text(RULES, encoding="utf-8")
    (tmp_path / "broken_rules.py").write_text("import jax (", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["calculus", "check", *arguments], env={"COLUMNS": "200"})

    return run


def test_a_right_rule_passes(check: Any) -> None:
    for arguments in (("my_rules:softplus",), ("my_rules:scaled",), ("my_rules:product", "--shape", "2x3")):
        found = check(*arguments)
        assert found.exit_code == 0, found.output
        assert "5 of 5 points correct" in found.output
        assert found.output.count(" correct ") >= 5
    assert "1 of 1 point correct" in check("my_rules:softplus", "--at", "-700.0").output


def test_random_points_are_those_where_the_function_is_finite(check: Any) -> None:
    found = check("my_rules:halfline", "--points", "4")
    assert found.exit_code == 0, found.output
    assert "4 of 4 points correct" in found.output
    assert "random points more were passed over: f is not finite there." in found.output


def test_a_wrong_rule_fails_and_is_explained(check: Any) -> None:
    found = check("my_rules:flipped", "--points", "3")
    assert found.exit_code == 1
    assert "0 of 3 points correct" in found.output
    assert "it has the wrong sign" in found.output
    found = check("my_rules:norm2", "--at", "[1.0, -2.0]")
    assert found.exit_code == 1
    assert "it is half the true one" in found.output
    assert "custom_vjp" in found.output  # there is no forward mode to compare with
    kink = check("jax.nn:relu", "--at", "0.0")
    assert kink.exit_code == 1
    assert "one-sided limits differ along e_1: 0 from the left, +1 from the right" in kink.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("my_rules",), "'my_rules' is no 'package.module:function'"),
        (("my_rules:softplu",), "'my_rules' has no 'softplu'; did you mean 'softplus'?"),
        (("nowhere:f",), "there is no module 'nowhere'"),
        (("broken_rules:f",), "'broken_rules' cannot be imported: SyntaxError"),
        (("my_rules:number",), "'my_rules:number' is a float, not a function"),
        (("my_rules:two",), "'my_rules:two' needs 2 arguments; it should be a function of one array"),
        (("my_rules:product",), "f fails at x, of shape (): IndexError"),
        (("my_rules:product",), "--shape 3 or --shape 2x3 tries arrays"),
        (("my_rules:nowhere",), "f(x) is NaN; x should lie where f is defined; it is so at 100 random points"),
        (("my_rules:halfline", "--at", "-1.0"), "f(x) is NaN; x should lie where f is defined"),
        (("my_rules:loud",), "f fails at x, of shape (): RuntimeError: first line"),
        (("my_rules:flipped", "--at", "[1.0, oops]"), "--at '[1.0, oops]' is no number or list of numbers"),
        (("my_rules:flipped", "--at", "[1e999]"), "should hold 1 to 10000 finite numbers"),
        (("my_rules:flipped", "--shape", "2xx"), "--shape '2xx' is no shape, such as 3 or 2x3"),
        (("my_rules:flipped", "--shape", "2", "--at", "1.0"), "give one of them"),
    ],
)
def test_a_mistake_is_one_line(arguments: tuple[str, ...], told: str, check: Any) -> None:
    found = check(*arguments)
    assert found.exit_code == 2
    assert told in found.output
    assert len(found.output.strip().splitlines()) == 1
