"""The names of the package `convlab.calculus`: all there, each from its file, none imported before it is asked for."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from convlab import calculus


def test_every_name_is_there_and_from_the_file_that_is_said() -> None:
    tree = ast.parse(Path(calculus.__file__).read_text(encoding="utf-8"))
    said = {
        (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("convlab.calculus.")
        for alias in node.names
    }
    assert sorted(name for _, name in said) == sorted(calculus.__all__)
    for module, name in said:
        assert getattr(calculus, name) is getattr(importlib.import_module(str(module)), name)
        assert calculus._FILES.get(name, "taylor") == str(module).removeprefix("convlab.calculus.")
    assert set(calculus.__all__) <= set(dir(calculus))


def test_a_name_that_is_not_there_is_answered_as_python_does() -> None:
    with pytest.raises(AttributeError, match="no attribute 'gradeint'"):
        calculus.gradeint  # noqa: B018
    assert not hasattr(calculus, "taylor.nowhere")
    with pytest.raises(ImportError):
        exec("from convlab.calculus import gradeint")


def test_a_run_imports_what_it_needs() -> None:
    """Before, an eighth of what `import convlab.lab.api` took went to files that no run reads."""
    program = (
        "import sys, convlab.lab.api\n"
        "there = {name for name in sys.modules if name.startswith('convlab.calculus.')}\n"
        "print(*sorted(name.removeprefix('convlab.calculus.') for name in there))\n"
        "from convlab import calculus\n"
        "assert callable(calculus.taylor) and callable(calculus.check_derivative)\n"
        "assert calculus.check.check_derivative is calculus.check_derivative  # files are there as well\n"
        "from convlab.calculus import *\n"
        "assert hessian is calculus.hessian\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    needed = set(done.stdout.split())
    assert not needed & {"check", "identities", "rules", "differences", "graph", "layers", "steepest", "_taylor_mode"}
