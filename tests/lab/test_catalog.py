"""The folder is the registry: names, signatures and first lines are read without importing; loading is by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from convlab.core.errors import ConvlabError
from convlab.lab import catalog
from convlab.lab.catalog import _WELL_KNOWN, CATALOG, FOREIGN_KINDS, KINDS, Catalog
from convlab.lab.signature import FUNCTION_KINDS, described, forms

OPTIMIZER = '''"""Module line."""
from nowhere import nothing_of_the_kind
ORACLE = {"name": "minibatch", "size": 1}
TRAITS = frozenset({"gradient step"})
EXAMPLE = {"step_size": 0.1}

def sgd(step_size: ScalarOrSchedule, momentum: float = -0.5, *, power: "int | None" = None, scale=math.inf):
    """One random row a step.

    More.
    """
'''


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """A package of plug-ins, `fake_plug_ins`, some of them broken."""
    files = {
        "optimizers/sgd.py": OPTIMIZER,
        "optimizers/_shared.py": "raise RuntimeError",
        "problems/broken.py": "def broken(:\n",
        "problems/misnamed.py": "def other(): ...\n",
        "problems/bytes.py": "\0",
        "outputs/last.py": '"""The last point."""\ndef last():\n    return 7\n',
        "theorems/gd_rate.py": 'THEOREM = Theorem(title="A rate", statement="s")\n',
        "theorems/empty.py": "",
        "plots/curves.py": '"""Curves."""\ndef plot(results):\n    return "figure"\n',
    }
    root = tmp_path / "fake_plug_ins"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return Catalog(root, "fake_plug_ins")


def test_private_files_are_no_plug_ins(tree: Catalog) -> None:
    assert tree.names("optimizers") == ["sgd"]


def test_an_entry_that_is_no_file_hides_no_other(tree: Catalog) -> None:
    before = tree.names("outputs")
    assert before
    (tree.root / "outputs" / "loop.py").symlink_to("loop.py")
    assert tree.names("outputs") == before


def test_signature_is_read_without_importing(tree: Catalog) -> None:
    sgd = tree.read("optimizers", "sgd")
    assert sgd.summary == "One random row a step."
    assert sgd.constants["ORACLE"] == {"name": "minibatch", "size": 1}
    assert sgd.constants["TRAITS"] == {"gradient step"}
    assert sgd.parameters is not None
    assert [(p.name, p.required, p.default) for p in sgd.parameters] == [
        ("step_size", True, None),
        ("momentum", False, -0.5),
        ("power", False, None),
        ("scale", False, "math.inf"),
    ]
    assert [form.kind for form in sgd.parameters[2].forms] == ["int", "none"]


def test_a_theorem_is_summed_up_by_its_title(tree: Catalog) -> None:
    assert tree.read("theorems", "gd_rate").summary == "A rate"


@pytest.mark.parametrize(
    ("kind", "name"), [("problems", "broken"), ("problems", "misnamed"), ("problems", "bytes"), ("theorems", "empty")]
)
def test_a_broken_file_says_why_and_breaks_nothing_else(tree: Catalog, kind: str, name: str) -> None:
    assert tree.read(kind, name).fault
    assert len(tree.read_all(kind)) >= 2
    with pytest.raises(ConvlabError, match="cannot be used"):
        tree.find(kind, name)


def test_load_by_kind(tree: Catalog) -> None:
    assert tree.load("outputs", "last")() == 7
    assert tree.load("plots", "curves")(None) == "figure"


@pytest.mark.parametrize("name", ["lst", "../outputs/last", "", "a" * 1000, "last.py", "_shared"])
def test_unknown_names_are_answered(tree: Catalog, name: str) -> None:
    with pytest.raises(ConvlabError, match=r"unknown output .*last"):
        tree.load("outputs", name)


def test_without_plug_ins_the_catalogue_is_empty(tmp_path: Path) -> None:
    empty = Catalog(tmp_path)
    assert [empty.names(kind) for kind in KINDS] == [[]] * len(KINDS)
    with pytest.raises(ConvlabError, match="nothing is allowed here"):
        empty.find("problems", "quadratic")


def test_code_from_outside_needs_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outside_code.py").write_text("def walk(step_size): return step_size\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for kind in FOREIGN_KINDS:
        with pytest.raises(ConvlabError, match="--allow-code"):
            CATALOG.load(kind, "outside_code:walk")
    assert CATALOG.load("optimizers", "outside_code:walk", allow_code=True)(3) == 3
    assert CATALOG.find("optimizers", "outside_code:walk", allow_code=True).parameters is None
    with pytest.raises(ConvlabError, match="did you mean 'walk'"):
        CATALOG.load("optimizers", "outside_code:wlk", allow_code=True)
    with pytest.raises(ConvlabError, match="cannot be imported"):
        CATALOG.load("optimizers", "no_such_module_here:x", allow_code=True)


@pytest.mark.parametrize("name", ["a:b:c", "os;x:y", ":x", "x:", "os.:x", "a b:c"])
def test_malformed_foreign_names(name: str) -> None:
    with pytest.raises(ConvlabError, match=r"package\.module:name"):
        CATALOG.find("optimizers", name, allow_code=True)


def test_optax_is_found_without_importing_and_loaded_by_name() -> None:
    assert CATALOG.find("optimizers", "optax.adam").parameters is None
    import optax

    assert CATALOG.load("optimizers", "optax.adam") is optax.adam
    with pytest.raises(ConvlabError, match=r"unknown optimizer 'optax.adamm'; did you mean 'optax.adam'\?"):
        CATALOG.load("optimizers", "optax.adamm")
    with pytest.raises(ConvlabError, match=r"optax has no 'zzzzzz'"):
        CATALOG.load("optimizers", "optax.zzzzzz")
    with pytest.raises(ConvlabError, match="no module"):
        CATALOG.load("optimizers", "optax.nothing.adam")
    with pytest.raises(ConvlabError, match="unknown problem"):
        CATALOG.find("problems", "optax.adam")


def test_an_optimizer_of_optax_is_understood_by_its_bare_name(tree: Catalog) -> None:
    for name, meant in (("adam", "optax.adam"), ("Adam", "optax.adam"), ("adamm", "optax.adam"), ("sgdd", "sgd")):
        with pytest.raises(ConvlabError, match=rf"did you mean '{meant}'\?"):
            tree.find("optimizers", name)
        with pytest.raises(ConvlabError, match=rf"did you mean '{meant}'\?"):
            tree.named(name)
    with pytest.raises(ConvlabError, match=r"any optax optimizer is 'optax.NAME'"):
        tree.find("optimizers", "zzzzzz")


def test_the_names_known_of_optax_exist() -> None:
    import optax

    assert [name for name in _WELL_KNOWN if not callable(getattr(optax, name, None))] == []


def test_a_plug_in_is_found_by_its_name_alone(tree: Catalog) -> None:
    (tree.root / "problems/sgd.py").write_text('def sgd():\n    """A namesake.\n\n    More.\n    """\n')
    assert [(found.kind, found.doc) for found in tree.named("sgd")] == [
        ("problems", "A namesake.\n\nMore."),
        ("optimizers", "One random row a step.\n\nMore."),
    ]
    assert tree.named("optax.contrib.sgd")[0].parameters is None
    with pytest.raises(ConvlabError, match="`convlab list` shows what there is"):
        tree.named("zzzzzz")


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ("float", "a number"),
        ("int | None", "a whole number"),
        ("Optional[bool]", "true or false"),
        ('Literal["a", 2]', "'a' or 2"),
        ("typing.Literal['a']", "'a'"),
        ("tuple[float, ...]", "a list, each element a number"),
        ("tuple[float, ...] | str", "a list, each element a number or a text in quotes"),
        ("core.optimizer.ScalarOrSchedule | None", "a number or an expression like '1/L' or '2/(mu*(t+2))'"),
        ("'float | None'", "a number"),
        ("jax.Array", "a value"),
        ("not ] python", "a value"),
    ],
)
def test_annotations_in_words(annotation: str, words: str) -> None:
    assert described(forms(annotation)) == words


@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_plug_ins_can_be_read(kind: str) -> None:
    for plug_in in CATALOG.read_all(kind):
        assert plug_in.fault is None, f"{plug_in.path}: {plug_in.fault}"
        assert plug_in.summary, f"{plug_in.path} has no first line to list it by"
        if kind in FUNCTION_KINDS:
            assert plug_in.parameters is not None
            unknown = [p.name for p in plug_in.parameters if p.annotation == "Any"]
            assert not unknown, f"{plug_in.path}: parameters without an annotation: {unknown}"


def test_module_functions_read_this_package() -> None:
    assert catalog.names("optimizers") == CATALOG.names("optimizers")
    for name in catalog.names("outputs"):
        assert catalog.read("outputs", name).name == name
