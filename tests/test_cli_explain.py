"""`convlab explain` says what any plug-in is, and takes."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from convlab.cli import LIST_KINDS, main
from convlab.lab.catalog import CATALOG
from convlab.lab.spec import FROM_PROBLEM


def invoke(*arguments: str, columns: int | None = None) -> Result:
    return CliRunner().invoke(main, arguments, env={"COLUMNS": None if columns is None else str(columns)})


@pytest.mark.parametrize("name", CATALOG.names("theorems"))
def test_explain_a_theorem(name: str) -> None:
    result = invoke("explain", name)
    assert result.exit_code == 0, result.stderr
    for word in ("states", "needs", "constants", "source", "instance", "problem: name = "):
        assert word in result.stdout


def test_explain_tells_the_nearest() -> None:
    if "gd_smooth_convex" in CATALOG.names("theorems"):
        assert "did you mean 'gd_smooth_convex'?" in invoke("explain", "gd_smoth_convex").stderr


@pytest.mark.parametrize("kind", [kind for kind in LIST_KINDS if kind not in ("theorems", "experiments")])
def test_explain_a_plug_in(kind: str) -> None:
    for found in CATALOG.read_all(kind):
        result = invoke("explain", found.name, columns=80)
        assert result.exit_code == 0, result.stderr
        assert f"{found.name}: {kind[:-1]}\n" in result.stdout
        assert "".join(found.doc.split()) in "".join(result.stdout.split())
        assert str(found.path) in result.stdout
        assert ("oracle  " in result.stdout) == (kind == "optimizers")
        code = ("file  ", ">>>", "  ... ")  # what is not folded
        lines = [line for line in result.stdout.splitlines() if not any(mark in line for mark in code)]
        assert [line for line in lines if len(line) > 80] == []
        for parameter in found.parameters or () if kind != "plots" else ():
            assert f" {parameter.name}: " in result.stdout or parameter.name in FROM_PROBLEM


def test_explain_tells_parameters_defaults_and_the_oracle() -> None:
    text = invoke("explain", "sgd").stdout
    assert "step_size: a number or an expression like '1/L' or '2/(mu*(t+2))'; required" in text
    assert "oracle      minibatch, size = 1, unless" in text
    assert "traits      gradient step" in text
    text = invoke("explain", "quadratic").stdout
    assert "spectrum: 'linear' or 'logarithmic' or 'power law'; default \"logarithmic\"" in text
    assert "dimension: a whole number; optional" in text
    assert "https://optax" in invoke("explain", "optax.adam").stdout
    assert "did you mean 'optax.adam'?" in invoke("explain", "adam").stderr
    assert "Usage: main explain [OPTIONS] NAME" in invoke("explain", "--help").stdout
