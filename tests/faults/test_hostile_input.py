"""Data files, experiment files and options that are wrong: one line each, exit code 2, nothing computed is lost."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from convlab.lab import environment, runner
from tests.faults.tiny import TOML, contents, convlab, one_mistake, told

GOOD = "a,b,y\n1,2,0\n2,1,1\n3,1,0\n2,2,1\n"
LOGISTIC = """\
title = "A file of the user's"
[problem]
name = "logistic"
data = "table.csv"
ridge = 0.1
[[optimizer]]
name = "gd"
step_size = "1/L"
[[optimizer]]
name = "sgd"
step_size = "1/(8*L_max)"
[run]
horizon = [6, 12]
seeds = 3
"""


class Trap:
    """Executes a command where it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch executed",)


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, **arrays)
    return buffer.getvalue()


FILES: dict[str, tuple[str, bytes, str]] = {  # case -> name of the file, content, what the line tells
    "empty": ("t.csv", b"", "is empty"),
    "a header alone": ("t.csv", b"a,b,y\n", "no rows"),
    "one column": ("t.csv", b"y\n1\n0\n", "two columns are needed"),
    "NaN": ("t.csv", b"a,y\n1,0\nnan,1\n", "line 3, column 'a': 'nan' is not a finite number"),
    "infinity": ("t.csv", b"a,y\n-inf,0\n1,1\n", "line 2, column 'a': '-inf' is not a finite number"),
    "an empty cell": ("t.csv", b"a,b,y\n1,,0\n1,1,1\n", "line 2, column 'b': the cell is empty"),
    "ragged rows": ("t.csv", b"a,b,y\n1,2,0\n2,1\n", "line 3: 2 cells, where the first row has 3"),
    "one class": ("t.csv", b"a,y\n1,1\n2,1\n", "two classes are needed"),
    "classes 0 and 2": ("t.csv", b"a,y\n1,0\n2,2\n", "0/1"),
    "three classes": ("t.csv", b"a,y\n1,0\n2,1\n3,2\n", "0/1"),
    "classes in words": ("t.csv", b"a,y\n1,no\n2,yes\n", "column 'y' holds text ('no', 'yes')"),
    "binary rubbish": ("t.csv", bytes(range(256)) * 4, "not UTF-8"),
    "zero bytes": ("t.csv", b"a,y\n\x00,0\n1,1\n", "line 2, column 'a'"),
    "numbers beyond all measure": ("t.csv", b"a,y\n1e300,0\n1,1\n", "rescale the columns"),
    "numbers that vanish": ("t.csv", b"a,y\n1e-200,0\n-1e-200,1\n", "rescale the columns"),
    "columns of zeros": ("t.csv", b"a,b,y\n0,0,0\n0,0,1\n", "all entries are 0"),
    "an unknown suffix": ("t.parquet", b"PAR1", "one of .csv"),
    "no suffix": ("table", b"1,0\n", "one of .csv"),
    "svmlight with a NaN": ("t.svm", b"1 1:2\n-1 1:nan\n", "line 2, index 1: 'nan' is not a finite number"),
    "svmlight out of hand": ("t.svm", b"1 999999999999:1\n" * 9, "over 2 GiB"),
    "no svmlight at all": ("t.txt", b"hello world\n", "line 1, label: 'hello' is not a number"),
    "no archive": ("t.npz", os.urandom(1) + bytes(300), "no npz file"),
    "a cut archive": ("t.npz", npz(X=np.ones((3, 2)), y=np.ones(3))[:-40], "no npz file"),
    "pickles": ("t.npz", npz(X=np.array([[Trap()], [Trap()]], dtype=object), y=np.arange(2)), "pickled objects"),
    "other shapes": ("t.npz", npz(X=np.ones((3, 2)), y=np.ones(4)), "wanted are shapes [n, d] and [n]"),
}


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mistakes are told before the first step."""
    monkeypatch.setattr(runner, "run_batch", None)


def write(text: str, old: str = "", new: str = "") -> None:
    assert old in text
    Path("e.toml").write_text(text.replace(old, new, 1) if old else text)


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize("case", FILES)
def test_a_bad_data_file(case: str) -> None:
    """One line for four cells that read it: the experiment's file and line, the data's file and line, no traceback."""
    name, content, told_ = FILES[case]
    Path(name).write_bytes(content)
    write(LOGISTIC, "table.csv", name)
    line = one_mistake(convlab("run", "e.toml"))
    assert line.startswith("error: e.toml:")
    assert "problem.0" in line
    assert name in line
    assert told_ in line
    assert not Path("executed").exists()


@pytest.mark.usefixtures("nothing_runs")
def test_data_that_is_no_file() -> None:
    Path("folder.csv").mkdir()
    Path("folder").mkdir()
    os.mkfifo("pipe.csv")
    for name in ("missing.csv", "folder.csv", "pipe.csv", "sub/missing.csv", "/dev/zero", "x" * 280 + ".csv"):
        write(LOGISTIC, "table.csv", name)
        line = one_mistake(convlab("run", "e.toml"))
        assert line.startswith("error: e.toml:4: problem.0.data: there is no file"), line
    write(LOGISTIC, "table.csv", "folder")
    assert "is no data set; allowed: breast_cancer" in one_mistake(convlab("run", "e.toml"))


@pytest.mark.usefixtures("unrendered")
def test_the_label_column_is_the_one_that_is_named() -> None:
    Path("table.csv").write_text("y,b,a\n1,2,5\n0,1,6\n1,1,7\n0,2,8\n")
    write(LOGISTIC, "ridge = 0.1", 'ridge = 0.1\nlabel = "z"')
    line = one_mistake(convlab("run", "e.toml"))
    assert "table.csv, line 1: no column 'z'; allowed: a, b, y" in line
    write(LOGISTIC, "ridge = 0.1", 'ridge = 0.1\nlabel = "a"')
    assert "it has 4 distinct values" in one_mistake(convlab("run", "e.toml"))
    write(LOGISTIC, "ridge = 0.1", 'ridge = 0.1\nlabel = "y"')
    told(convlab("run", "e.toml"), 0)


CONFIGS: dict[str, tuple[str, str, str]] = {  # case -> in TOML, replaced by, the line
    "typo in a key": ("step_size =", "stepsize =", "e.toml:11: optimizer.0.stepsize: unknown key of gd; did you mean"),
    "typo in a name": ('"gd"', '"gdd"', "e.toml:10: optimizer.0.name: unknown optimizer 'gdd'"),
    "typo in a theorem": ('"gd_smooth_convex"', '"gd_smoth_convex"', "e.toml:19: claim.0.theorem: unknown theorem"),
    "unknown name in an expression": (
        '["1/L", "1/(2*L)"]',
        '"1/Lmax"',
        "e.toml:11: optimizer.0.step_size: \"1/Lmax\": unknown name 'Lmax'; did you mean 'L_max'?",
    ),
    "wrong type": ("seeds = 3", 'seeds = "3"', "e.toml:17: run.seeds:"),
    "horizon 0": ("horizon = 12", "horizon = 0", "e.toml:16: run.horizon: 0 is out of range"),
    "horizon of floats": ("horizon = 12", "horizon = 12.0", "e.toml:16: run.horizon: 12.0 is not a whole number"),
    "a GPU by file": ("seeds = 3", 'seeds = 3\ndevice = "gpu"', "finds no gpu here"),
    "a batch larger than n": (
        '"1/(4*L_max)"',
        '"1/(4*L_max)"\noracle = { name = "minibatch", size = 13 }',
        "e.toml:15: optimizer.1.oracle: minibatch: size = 13, but problem 'least_squares' has 12 rows",
    ),
    "a name the problem lacks": ('"1/(4*L_max)"', '"1/G"', "G is not known for problem 'least_squares'"),
    "division by zero": ('"1/(4*L_max)"', '"1/(L-L)"', "its value is inf with L = 1; a hyperparameter is a finite"),
    "root of a negative number": ('"1/(4*L_max)"', '"(0-1)**0.5"', "its value is nan; a hyperparameter is a finite"),
    "overflow": ('"1/(4*L_max)"', '"1e308*10"', "its value is inf; a hyperparameter is a finite number"),
    "infinity": ('"1/(4*L_max)"', "inf", "e.toml:14: optimizer.1.step_size: the number is out of range"),
    "NaN": ('"1/(4*L_max)"', "nan", "e.toml:14: optimizer.1.step_size: the number is out of range"),
    "code": ('"1/(4*L_max)"', "\"__import__('os')\"", "unknown function '__import__'"),
    "foreign code": ('"gd"', '"os:system"', "only with --allow-code"),
    "an option of optax": (
        '"sgd"\nstep_size',
        '"optax.adam"\nlerning_rate',
        "'lerning_rate'; did you mean 'learning_ra",
    ),
    "a negative constant": ("noise = 0.1", "noise = -1.0", "noise = -1.0; it must not be negative"),
    "a constant near 0": ("condition = 4.0", "condition = 1e-300", "condition"),
}


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize("case", CONFIGS)
def test_a_bad_experiment_file(case: str) -> None:
    old, new, expected = CONFIGS[case]
    write(TOML, old, new)
    line = one_mistake(convlab("run", "e.toml"))
    assert expected in line


@pytest.mark.usefixtures("nothing_runs")
def test_all_mistakes_at_once() -> None:
    """Those of the file are told together, and so are those that only the data can tell."""
    text = TOML.replace("step_size = [", "stepsize = [").replace("horizon = 12", "horizon = 0")
    write(text.replace("seeds", "sedes"))
    lines = told(convlab("run", "e.toml"))
    assert [line.split(": ")[1] for line in lines if "missing" not in line] == ["e.toml:11", "e.toml:16", "e.toml:17"]
    write(TOML.replace('"1/L", "1/(2*L)"', '"1/G", "2/G"'), '"1/(4*L_max)"', '"0/(L-L)"')
    lines = told(convlab("run", "e.toml"))
    assert len(lines) == 3
    assert all(line.startswith("error: e.toml:1") for line in lines)


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--device", "gpu"], "--device gpu: jax finds no gpu here, only cpu"),
        (["--set", "run.horizon=0"], "--set run.horizon=0: run.horizon: 0 is out of range"),
        (["--horizon", "0"], "run.horizon: 0 is out of range"),
        (["--set", "optimizer.0.stepsize=1"], "did you mean 'step_size'"),
        (["--set", "optimizer.7.step_size=1"], "none of its elements, which are numbered 0 to 1"),
        (["--set", "nonsense"], "write KEY=VALUE"),
    ],
)
def test_a_bad_option(options: list[str], expected: str) -> None:
    write(TOML)
    assert expected in one_mistake(convlab("run", "e.toml", *options))


@pytest.mark.parametrize("error", [RuntimeError("Unable to initialize backend 'tpu':\nno"), AssertionError()])
def test_a_platform_that_does_not_start(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """JAX_PLATFORMS names one that is not there: jax raises the one error or the other."""

    def fail(*arguments: object) -> None:
        raise error

    write(TOML)
    monkeypatch.setenv("JAX_PLATFORMS", "tpu")
    monkeypatch.setattr(environment.jax, "devices", fail)
    for command in (["run", "e.toml"], ["run", "e.toml", "--device", "cpu"], ["doctor"]):
        assert "jax starts no device with JAX_PLATFORMS='tpu'" in one_mistake(convlab(*command))


@pytest.mark.usefixtures("unrendered")
def test_nothing_computed_is_lost_by_a_mistake() -> None:
    """Results stay as they are when the file, its data or an option turns bad, and are found again afterwards."""
    Path("table.csv").write_text(GOOD)
    write(LOGISTIC)
    told(convlab("run", "e.toml"), 0)
    before = contents(Path("results"))
    Path("table.csv").write_text("rubbish")
    one_mistake(convlab("run", "e.toml"))
    Path("table.csv").unlink()
    one_mistake(convlab("run", "e.toml"))
    Path("table.csv").write_text(GOOD)
    write(LOGISTIC, "gd", "gdd")
    one_mistake(convlab("run", "e.toml"))
    assert contents(Path("results")) == before
    Path("table.csv").write_text(GOOD)
    write(LOGISTIC)
    assert "0 tasks run, 4 reused" in convlab("run", "e.toml").stdout
    assert contents(Path("results")) == before


@pytest.mark.usefixtures("unrendered")
def test_other_data_overwrite_no_results() -> None:
    """The data's content is part of what was run: other data give other tasks, and the earlier verdicts are kept."""
    Path("table.csv").write_text(GOOD)
    write(LOGISTIC)
    told(convlab("run", "e.toml"), 0)
    before = contents(Path("results/e"))
    Path("table.csv").write_text(GOOD.replace("3,1", "3,2"))
    told(convlab("run", "e.toml"), 0)
    (earlier,) = Path("results/e/earlier").iterdir()
    tables = {name: content for name, content in before.items() if not name.startswith("tasks")}
    assert contents(earlier) == tables
    for name in before.keys() - tables.keys():
        assert Path("results/e", name).read_bytes() == before[name]
