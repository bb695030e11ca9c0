"""The command line: what it prints, its exit codes, and what it does not import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import convlab.lab
from convlab.cli import LIST_KINDS, main
from convlab.lab.catalog import CATALOG
from tests.fake_api import WHY, FakeApi, FakeOutcome, results

EXPERIMENT = """\
title = "Gradient descent on Huber's function"
[problem]
name = "huber"
[[optimizer]]
name = "gd"
step_size = ["1/L", "2.1/L"]
[run]
horizon = [10, 100]
[[claim]]
theorem = "gd_smooth_convex"
where = { step_size = "1/L" }
[quick]
run.horizon = 5
"""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeApi:
    fake = FakeApi()
    for name in ("api", "review"):
        monkeypatch.setitem(sys.modules, f"convlab.lab.{name}", fake)
        monkeypatch.setattr(convlab.lab, name, fake, raising=False)
    monkeypatch.chdir(tmp_path)
    Path("exp.toml").write_text(EXPERIMENT)
    return fake


def invoke(*arguments: str, columns: int | None = None) -> Result:
    return CliRunner().invoke(main, arguments, env={"COLUMNS": None if columns is None else str(columns)})


def test_run_hands_the_experiment_over_and_sums_up(api: FakeApi) -> None:
    result = invoke(
        "run", "exp.toml", "--seeds", "3", "--horizon", "7,1_0", "--device", "cpu", "--force", "--out", "there"
    )
    assert result.exit_code == 0, result.output
    experiment, passed = api.calls[0][1]
    assert (experiment.seeds, experiment.horizons) == (3, (7, 10))
    assert experiment.overrides == ("run.seeds=3", "run.horizon=[7, 10]")
    assert (passed["device"], passed["force"], passed["out"]) == ("cpu", True, Path("there"))
    assert passed["compile_cache"] is True
    assert str(Path("results/x/summary.csv").resolve()) in result.stdout
    assert result.stdout.splitlines()[-1] == "1 ruling on claims: 1 as expected; 3 tasks run, 1 reused; 2.1 s"
    assert result.stderr == ""


def test_run_quick_and_set(api: FakeApi) -> None:
    assert invoke("run", "exp.toml", "--quick", "--set", "optimizer.0.step_size=1/L").exit_code == 0
    experiment = api.calls[0][1][0]
    assert (experiment.horizons, experiment.optimizers[0].parameters) == ((5,), {"step_size": "1/L"})


def test_run_without_compiled_programs_of_other_runs(api: FakeApi) -> None:
    assert invoke("run", "exp.toml", "--no-compile-cache").exit_code == 0
    assert api.calls[0][1][1]["compile_cache"] is False


def test_run_says_what_it_compiled(api: FakeApi) -> None:
    import jax
    import numpy as np

    def compile_two() -> FakeOutcome:
        for size in (3, 4):
            jax.jit(lambda x: x * 3.75)(np.ones(size))
        return FakeOutcome(results(("holds", "holds")))

    api.answer = compile_two
    result = invoke("run", "exp.toml", "--verbose")
    assert result.stderr.startswith("2 programs: 2 compiled in ")
    assert result.stderr.splitlines()[1] == "  jit(<lambda>) 2"
    assert invoke("run", "exp.toml").stderr == ""


def test_one_note_where_compiled_programs_cannot_be_kept(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    from convlab.lab import program_cache

    monkeypatch.setattr(program_cache, "_told", ["/cache: No space left on device"])
    result = invoke("run", "exp.toml")
    assert result.exit_code == 0
    assert result.stderr.startswith("note: compiled programs are not kept: /cache: No space left on device; CONVLAB_")
    assert result.stderr.count("\n") == 1


def test_a_claim_set_aside_is_told(api: FakeApi) -> None:
    assert (
        "note: claim 0 (gd_smooth_convex) is set aside"
        in invoke("run", "exp.toml", "--set", "optimizer.step_size=1").stderr
    )


@pytest.mark.parametrize(
    ("rulings", "failures", "code"),
    [
        ([("holds", "holds")], (), 0),
        ([("violated", "holds")], (), 1),
        ([("violated", "violated")], (), 0),
        ([("inconclusive", None)], (), 0),
        ([("violated", None)], (), 1),
        ([], (), 0),
        ([("holds", "holds")], ("task 3: out of memory",), 1),
    ],
)
@pytest.mark.parametrize("command", ["run", "judge"])
def test_exit_code(api: FakeApi, command: str, rulings: list[Any], failures: tuple[str, ...], code: int) -> None:
    api.answer = lambda: FakeOutcome(results(*rulings), failures=failures)
    result = invoke(command, "exp.toml")
    assert result.exit_code == code
    assert result.stderr.splitlines() == [f"error: {text}" for text in failures]


@pytest.mark.parametrize("columns", [80, 100, 160, None])
def test_the_table_is_readable_at_every_width(api: FakeApi, columns: int | None) -> None:
    api.answer = lambda: FakeOutcome(results(("holds", "holds"), ("violated", "not applicable")))
    text = invoke("run", "exp.toml", columns=columns).stdout
    body = text[: text.index(str(Path.cwd()))]
    assert max(len(line) for line in body.splitlines()) <= (columns or 120)
    for word in (
        "gd_smooth_convex",
        "✓ holds",
        "✗ violated",
        "expected not",
        "0.999",
        "1.00]",
        "against the bound",
        "1-2 measured/bound",
    ):
        assert word in body, word
    assert WHY in " ".join(body[body.index("1-2") :].split())
    assert "\x1b" not in text


@pytest.mark.parametrize("command", [["run", "exp.toml", "--force"], ["judge", "x"]])
def test_interrupted(api: FakeApi, command: list[str]) -> None:
    def interrupt() -> Any:
        raise KeyboardInterrupt

    api.answer = interrupt
    result = invoke(*command)
    assert result.exit_code == 130
    assert ("To go on: convlab run exp.toml\n" in result.stderr) == (command[0] == "run")


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (PermissionError(13, "Permission denied", "results"), 2, "error: Permission denied: results"),
        (RuntimeError("a\nb"), 70, "internal error: RuntimeError: a\\nb; please report"),
        (MemoryError(), 70, "internal error: MemoryError"),
        (RecursionError("deep"), 70, "internal error"),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_no_traceback(api: FakeApi, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, told: str) -> None:
    def fail() -> Any:
        raise error

    api.answer = fail
    result = invoke("run", "exp.toml")
    assert result.exit_code == code
    assert told in result.stderr
    assert result.stderr.count("\n") == bool(told)
    monkeypatch.setenv("CONVLAB_DEBUG", "1")
    assert ("Traceback" in invoke("run", "exp.toml").stderr) == (code not in (141,))


def test_mistakes_are_lines_on_stderr(api: FakeApi) -> None:
    Path("exp.toml").write_text(EXPERIMENT.replace("huber", "hubber").replace("horizon = [10, 100]", "horizon = 0"))
    for command in ("run", "check"):
        result = invoke(command, "exp.toml")
        assert result.exit_code == 2
        assert result.stdout == ""
        assert [line[:17] for line in result.stderr.splitlines()] == ["error: exp.toml:3", "error: exp.toml:8"]
    assert api.calls == []


@pytest.mark.parametrize(
    "arguments",
    [
        *(["run"], ["walk"], ["run", "exp.toml", "--seeds", "0"], ["run", "exp.toml", "--horizon", "1,x"]),
        *(["run", "exp.toml", "--device", "tpu"], ["run", "nothing"], ["check", "nothing.toml"], ["list", "theorem"]),
        *(
            ["explain", "gd_smoth_convex"],
            ["run", "exp.toml", "--horizon", "0"],
            ["run", "exp.toml", "--out", "exp.toml"],
        ),
    ],
)
def test_usage(api: FakeApi, arguments: list[str]) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stderr
    assert "Traceback" not in result.stderr


def test_judge_and_plot_pass_their_target_on(api: FakeApi) -> None:
    assert invoke("judge", "exp", "--out", "o").exit_code == 0
    result = invoke("plot", "exp", "--kind", "gap_curves")
    assert api.calls == [("judge", ("exp", Path("o"))), ("plot", ("exp", "gap_curves", None))]
    assert result.stdout == f"{Path('a.svg').resolve()}\n"


def test_doctor(api: FakeApi) -> None:
    result = invoke("doctor")
    assert result.exit_code == 1
    assert "✗ sums wrong" in " ".join(result.stdout.split())


def test_check(api: FakeApi) -> None:
    result = invoke("check", "exp.toml")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "ok: 1 problem, 2 optimizers, 4 cells, 1 claim"
    Path("exp.toml").write_text(EXPERIMENT.replace("horizon = 5", "horizn = 5"))
    assert (
        invoke("check", "exp.toml").stderr == "error: exp.toml:13: run.horizn: unknown key; did you mean 'horizon'?\n"
    )


def test_list_has_aligned_columns(api: FakeApi) -> None:
    text = invoke("list").stdout
    for kind in LIST_KINDS:
        assert f"\n{kind}\n" in f"\n{text}"
    for kind in ("problems", "optimizers", "outputs", "theorems"):
        for name in CATALOG.names(kind):
            assert any(line.split()[0] == name for line in invoke("list", kind).stdout.splitlines())


def test_every_command_says_what_it_does() -> None:
    assert isinstance(main, click.Group)
    for name, command in main.commands.items():
        assert command.help, name
        assert invoke(name, "--help").exit_code == 0
    assert invoke("--version").stdout.startswith("convlab ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list"],
        ["list", "theorems"],
        ["check", "exp.toml"],
        ["run", "x"],
        ["explain", "gd"],
        ["explain", "optax.adam"],
        ["explain", "gd_smooth_convex"],
    ],
)
def test_nothing_heavy_is_imported(api: FakeApi, arguments: list[str]) -> None:
    program = f"""
import sys
from convlab.cli import main
try:
    main({arguments!r})
except SystemExit as end:
    code = end.code
print(code, [name for name in ("jax", "numpy", "matplotlib", "rich", "optax", "scipy") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    code = 2 if arguments[0] == "run" else 0
    assert done.stdout.splitlines()[-1] == f"{code} []"


def test_the_lab_draws_without_pyplot(tmp_path: Path) -> None:
    """The lab starts without matplotlib; what draws a figure loads its object API and canvases, never pyplot."""
    program = f"""
import sys
from convlab.lab import api, catalog
assert "matplotlib" not in sys.modules
from convlab.core.results import Results
from convlab.lab import review
from tests.fake_api import results
drawn = review.draw(results(("holds", "holds")), __import__("pathlib").Path({str(tmp_path)!r}), ["gap_curves"])
print(len(drawn), [name for name in ("matplotlib.figure", "matplotlib.pyplot") if name in sys.modules])
"""
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.splitlines()[-1] == "2 ['matplotlib.figure']"


def test_a_reader_that_goes_away_is_no_error(api: FakeApi) -> None:
    program = "from convlab.cli import main; main(['list'])"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_terminal_without_unicode_is_served(api: FakeApi) -> None:
    program = "from convlab.cli import main; main(['list'])"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
