"""`convlab new`: a file that is checked, runs as it is, and is never written over another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from convlab.cli import main
from convlab.lab import api
from convlab.lab.config import check_experiment, load_experiment


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_it_writes_a_file_that_is_checked_and_names_the_next_commands(here: Path) -> None:
    result = invoke("new", "mine")
    assert result.exit_code == 0, result.output
    first, *rest = result.stdout.splitlines()
    assert first == str(here / "mine.toml")
    for line in rest[1:]:
        convlab, command, file, *_ = line.split()
        assert (convlab, command in main.commands, file) == ("convlab", True, "mine.toml")
    assert invoke("check", "mine.toml").stdout.endswith("ok: 1 problem, 3 optimizers, 3 cells, 3 claims\n")
    assert [path.name for path in here.iterdir()] == ["mine.toml"]


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize("quick", [True, False])
def test_it_runs_as_it_is_and_its_claims_are_right(here: Path, quick: bool) -> None:
    invoke("new", "mine.toml")
    outcome = api.run(load_experiment("mine.toml", quick=quick), out=here / "out")
    assert outcome.well, repr(outcome)
    assert len(outcome.results.verdicts) == 3


def test_every_table_is_explained(here: Path) -> None:
    invoke("new", "mine")
    lines = Path("mine.toml").read_text().splitlines()
    for table in ("[problem]", "[[optimizer]]", "[[claim]]", "[quick]"):
        assert lines[lines.index(table) - 1].startswith("# "), table
    experiment = check_experiment("mine.toml")
    # What stands in a comment as an example must be right as well.
    text = Path("mine.toml").read_text()
    assert "# oracle = " in text
    Path("other.toml").write_text(text.replace("# oracle = ", "oracle = "))
    assert check_experiment("other.toml").optimizers[1].oracle.parameters == {"size": 8}
    assert check_experiment("mine.toml", ['optimizer.0.step_size="1/(L*sqrt(t+1))"']) != experiment
    assert len(check_experiment("mine.toml", ["problem.ridge=[0.01, 0.1]"]).problems[0].axes) == 1


def test_no_file_is_written_over(here: Path) -> None:
    Path("mine.toml").write_text("kept")
    Path("dangling.toml").symlink_to(here / "nowhere")
    for name in ("mine", "mine.toml", "dangling"):
        result = invoke("new", name)
        assert result.exit_code == 2
        assert result.stderr.startswith("error: ")
        assert "is there already and stays as it is" in result.stderr
        assert result.stderr.count("\n") == 1
    assert Path("mine.toml").read_text() == "kept"
    assert not (here / "nowhere").exists()


@pytest.mark.parametrize("name", ["a/b", "../a", "/tmp/a", "a\\b", "", ".toml", "nul", "a b", "a\nb", "x" * 200])
def test_a_name_is_one_plain_word(here: Path, name: str) -> None:
    result = invoke("new", name)
    assert result.exit_code == 2
    assert "cannot name an experiment" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(here.iterdir())


def test_it_needs_no_jax(here: Path) -> None:
    program = (
        "import sys\n"
        "from convlab.cli import main\n"
        "sys.argv = ['convlab', 'new', 'mine']\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        "assert not {'jax', 'numpy', 'matplotlib'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
