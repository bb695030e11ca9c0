"""The layers of the package, held by reading its imports. A message names the file, the import and the rule.

cli -> lab -> {problems, oracles, optimizers, outputs, theorems} -> core -> calculus -> jax, optax
cli -> plots -> core
cli -> lecture -> calculus, and the style of plots
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "convlab"
PLUG_INS = ("problems", "oracles", "optimizers", "outputs", "theorems", "plots")
FILES = sorted(path for path in PACKAGE.rglob("*.py"))
# What each part may import of the package, besides itself.
MAY = {
    "calculus": set(),
    "core": {"calculus"},
    **{kind: {"core", "calculus"} for kind in PLUG_INS},
    "lab": {"core", "calculus"},  # plug-ins come through the catalogue, by name
    "lecture": {"calculus", "plots"},
    "cli": {"core", "lab", "lecture"},
}
DIFFERENTIATE = ("lab/loop.py", "lab/minimize.py")  # f_t and a user's f; all else calls convlab.calculus
DERIVATIVES = {"grad", "value_and_grad", "hessian", "jacobian", "jacfwd", "jacrev", "jvp", "vjp", "linearize"}
DRAW = ("lab/review.py", "lab/solution.py")  # results on request
ONLY_HERE = {
    "matplotlib": ("plots/", "cli", "lecture/"),
    "tomllib": ("lab/config.py",),
    "click": ("cli",),
}


def imports(path: Path) -> list[tuple[int, str]]:
    """Every module that a file imports, with the line, those inside functions too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write imports from convlab, not relative ones"
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_what_its_layer_may(path: Path) -> None:
    part, own = part_of(path), path.relative_to(PACKAGE).as_posix()
    for line, module in imports(path):
        words = module.split(".")
        for package, places in ONLY_HERE.items():
            if words[0] == package:
                assert own.startswith(places), f"{own}:{line}: imports {module}; only {places} may"
        if words[0] != "convlab" or part in ("__init__", "cli"):
            continue
        target = words[1] if len(words) > 1 else ""
        if target == "__version__" or (own in DRAW and target == "plots"):
            continue
        allowed = MAY[part] | {part}
        assert target in allowed, f"{own}:{line}: imports {module}; {part} may import only {sorted(allowed)}"
        if part in PLUG_INS and target == part:
            sibling = words[2]
            assert sibling.startswith("_"), f"{own}:{line}: imports its sibling {module}; share it in a file _name.py"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_one_place_for_each_concern(path: Path) -> None:
    own = path.relative_to(PACKAGE).as_posix()
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    of_jax = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and getattr(n.value, "id", "") == "jax"}
    of_jax |= {module.removeprefix("jax.") for _, module in imports(path) if module.startswith("jax.")}
    if DERIVATIVES & of_jax:
        assert own.startswith("calculus/") or own in DIFFERENTIATE, f"{own}: differentiates"
    if "pickle" in text.split() or "import pickle" in text:
        pytest.fail(f"{own}: pickle executes what it reads")
    config = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "config"]
    touched = [node for node in config if isinstance(node.value, ast.Name) and node.value.id == "jax"]
    if touched:
        assert own in ("lab/environment.py", "lab/runner.py"), f"{own}:{touched[0].lineno}: touches jax.config"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_keep_their_size(path: Path) -> None:
    own = path.relative_to(PACKAGE)
    text = path.read_text(encoding="utf-8")
    plug_in = own.parts[0] in PLUG_INS[:5] and not own.stem.startswith("_")
    budget = 120 if plug_in else 300
    assert text.count("\n") <= budget, f"{own}: {text.count(chr(10))} lines; at most {budget}: it holds two concepts"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
            inner = node.body[1:] if ast.get_docstring(node) else node.body
            length = node.end_lineno - inner[0].lineno + 1 if inner else 0
            assert length <= 50, f"{own}:{node.lineno}: {node.name} has {length} lines; at most 50"


def test_the_loop_stays_small() -> None:
    lines = (PACKAGE / "lab" / "loop.py").read_text(encoding="utf-8").splitlines()
    tree = ast.parse("\n".join(lines))
    documented = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            first = node.body[0]
            documented += (first.end_lineno or first.lineno) - first.lineno + 1
    blank = sum(not line.strip() for line in lines)
    assert len(lines) - documented - blank < 100


def test_importing_convlab_changes_nothing_and_imports_little() -> None:
    program = (
        "import sys, convlab, convlab.lab.catalog, convlab.lab.config\n"
        "assert 'jax' not in sys.modules and 'matplotlib' not in sys.modules\n"
        "import jax\n"
        "before = dict(jax.config.values)\n"
        "import convlab.lab.api\n"
        "from convlab import gd, newton, logistic\n"
        "changed = {k for k, v in jax.config.values.items() if before.get(k, v) != v}\n"
        "assert not changed, changed\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
