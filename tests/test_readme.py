"""Every command and number in the README is tested here, or generated: `python -m tests.test_readme` writes it anew."""

from __future__ import annotations

import doctest
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from convlab.lab import pages, review

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- generated: (\w+) (\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def verdict_table(name: str) -> str:
    """The rulings of an experiment's committed results, as Markdown."""
    folder = ROOT / "results" / name
    return (
        pages.verdict_table(review.results_of(json.loads((folder / "index.json").read_text()), folder / "tasks")) + "\n"
    )


def generated(kind: str, name: str) -> str:
    if kind == "verdicts":
        return verdict_table(name)
    if kind == "file":
        return "```toml\n" + (ROOT / name).read_text(encoding="utf-8") + "```\n"
    raise ValueError(kind)


def renewed(text: str) -> str:
    return BLOCK.sub(lambda match: match[1] + generated(match[2], match[3]) + match[5], text)


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_what_is_generated_is_up_to_date() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(BLOCK.findall(text)) >= 3
    assert renewed(text) == text, "run `python -m tests.test_readme`"


def commands() -> list[str]:
    lines = [line.split("#")[0].strip() for block in code_blocks("sh") for line in block.splitlines()]
    lines = [line for line in lines if not line.startswith(". ")]
    inline = re.findall(r"`(convlab \w+ [^`]+|make \w+)`", README.read_text(encoding="utf-8"))
    return sorted({line for line in [*lines, *inline] if line})


@pytest.mark.parametrize("command", commands())
def test_every_command_exists(command: str) -> None:
    """A make target is one of the Makefile; a convlab command parses, and its experiment passes `check`."""
    program, *words = shlex.split(command)
    if program == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert words[0] in targets
        return
    from convlab.cli import main
    from convlab.lab.config import load_experiment

    assert program == "convlab"
    context = main.make_context("convlab", list(words), resilient_parsing=True)
    sub = main.get_command(context, words[0])
    assert sub is not None, command
    with sub.make_context(words[0], list(words[1:])) as parsed:
        if words[0] in ("run", "check") and len(words) > 1:
            named = parsed.params.get("experiment") or words[1]
            overrides = parsed.params.get("sets") or ()
            load_experiment(str(ROOT / named) if "/" in named else named, overrides=overrides)
    if words[0] in ("list", "explain", "check", "judge"):
        assert CliRunner().invoke(main, ["judge", *words[1:]] if words[0] == "judge" else words).exit_code == 0


def test_the_python_examples_run_and_print_what_they_say() -> None:
    programs = code_blocks("python")
    assert len(programs) == 2
    for program in programs:
        expected = [line.split("# ")[1] for line in program.splitlines() if line.startswith("print")]
        found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
        assert found.stdout.split("\n")[:-1] == expected


def test_every_link_and_picture_is_there() -> None:
    for document in (README, ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            assert (ROOT / target).is_file(), f"{document.name}: {target}"


def test_every_folder_of_the_map_is_there() -> None:
    table = README.read_text(encoding="utf-8").split("## The folders")[1].split("##")[0]
    for name in re.findall(r"`([\w/]+)`", table):
        assert (ROOT / name).is_dir() or (ROOT / "convlab" / name).is_dir(), name


def test_the_list_of_keys_is_an_experiment(tmp_path: Path) -> None:
    """The annotated file of experiments/README.md passes `check` as it stands, on a file that is there."""
    from convlab.lab.config import load_experiment

    text = (ROOT / "experiments" / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (tmp_path / "my.csv").write_text("x,target\n1,0\n2,1\n", encoding="utf-8")
    (tmp_path / "keys.toml").write_text(example, encoding="utf-8")
    experiment = load_experiment(str(tmp_path / "keys.toml"))
    assert experiment.optimizers[0].oracle.parameters == {"size": 8, "replacement": False}


def test_doctests() -> None:
    """The numbers in docstrings, in float64."""
    import importlib
    import pkgutil

    import jax

    import convlab

    tried = 0
    with jax.enable_x64(True):
        for module in pkgutil.walk_packages(convlab.__path__, "convlab."):
            result = doctest.testmod(importlib.import_module(module.name))
            assert result.failed == 0, module.name
            tried += result.attempted
    assert tried > 20


if __name__ == "__main__":
    README.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")
