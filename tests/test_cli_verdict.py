"""`convlab explain --verdict RUN THEOREM`: what it prints, whom it names, and how it answers a mistake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from convlab.cli import main

ROOT = Path(__file__).resolve().parents[1]
WORDS = ("why", "numbers", "kind", "bound", "needs", "rate", "change")


def invoke(*arguments: str, columns: int = 100) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments], env={"COLUMNS": str(columns)})


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_each_ruling_gets_its_half_page() -> None:
    result = invoke("--verdict", "quickstart", "gd_smooth_convex")
    assert result.exit_code == 0, result.stderr
    first, second = result.stdout.split("\n\n")
    assert first.startswith("✓ holds  gd: gd_smooth_convex, Gradient descent, smooth convex\n")
    assert [line[:8].strip() for line in first.splitlines()[1:] if line[:1] != " "] == list(WORDS)
    assert "L = 3.3304 (upper bound), D = 2.42066 (computed), η = step_size = 1/L = 0.300264" in unfolded(first)
    assert second.startswith("✓ not applicable  optax.adam: ")
    assert "✗ the exact oracle, f_t = R" in second
    assert "\x1b" not in result.stdout


def unfolded(text: str) -> str:
    return " ".join(text.split())


def test_a_folder_and_a_cell_do_as_well() -> None:
    label = "gd, step_size = 2.1/L, on quadratic"
    result = invoke("--verdict", "results/gd_reaches_one_over_t", "gd_smooth_convex", "--cell", label)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"✓ not applicable  {label}: ")
    assert "step_size < 2/L = 2, and it applies" in result.stdout
    assert "holds" not in result.stdout


@pytest.mark.parametrize("columns", [40, 72, 200])
def test_it_fits_the_terminal_and_is_never_wider_than_a_page(columns: int) -> None:
    result = invoke("--verdict", "quickstart", "sgd_strongly_convex", columns=columns)
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= min(columns, 100)


def test_of_many_runs_it_lists_the_labels() -> None:
    result = invoke("--verdict", "step_size_beyond_two_over_l", "gd_smooth_convex")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "gd_smooth_convex was ruled on 274 times" in lines[0]
    assert "--cell LABEL" in lines[0]
    one = invoke("--verdict", "step_size_beyond_two_over_l", "gd_smooth_convex", "--cell", lines[1].strip())
    assert one.stdout.startswith("✓ holds  ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--verdict", "no_such_run", "gd_smooth_convex"), "no results of 'no_such_run' found"),
        (("--verdict", "quickstart", "gd_smoth_convex"), "did you mean 'gd_smooth_convex'?"),
        (("--verdict", "own_data", "polyak_smooth"), "'polyak_smooth' was not ruled on in own_data; "),
        (("--verdict", "quickstart", "gd_smooth_convex", "--cell", "dg"), "not ruled on for a run 'dg'; "),
        (("gd_smooth_convex", "--cell", "gd"), "--cell names a run of --verdict RUN, which is missing"),
    ],
)
def test_a_mistake_is_answered_in_one_line(arguments: tuple[str, ...], told: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = [line for line in result.stderr.splitlines() if line.lower().startswith("error: ")]
    assert told in line


def test_it_needs_neither_jax_nor_matplotlib_and_writes_nothing() -> None:
    program = (
        "import sys\nfrom click.testing import CliRunner\nfrom convlab.cli import main\n"
        "found = CliRunner().invoke(main, ['explain', '--verdict', 'quickstart', 'sgd_strongly_convex'])\n"
        "assert found.exit_code == 0, found.output\n"
        "assert not {'jax', 'matplotlib', 'optax'} & set(sys.modules), sorted(sys.modules)\n"
    )
    folder = ROOT / "results" / "quickstart"
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=ROOT)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
