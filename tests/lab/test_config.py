"""Experiment files: what they may say, and how they are found and changed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from experiment_file import VALID, Loader

from convlab.core.errors import ConvlabError
from convlab.core.verdict import RULINGS
from convlab.lab.claims import combinations, count, facts, matches
from convlab.lab.config import (
    check_experiment,
    checked_name,
    experiment_from,
    experiments,
    load_experiment,
    parse_value,
)
from convlab.lab.lines import lines_of
from convlab.lab.overrides import split_key
from convlab.lab.spec import EXPECTATIONS


def test_a_valid_file(load: Loader) -> None:
    found = load()
    assert found.name == "exp"
    assert found.problems[0].parameters == {"kink": "D/(2*T+1)"}
    gd, sgd = found.optimizers
    assert gd.axes == ("step_size",)
    assert gd.oracle.name == "exact"
    assert (sgd.label, sgd.oracle.name, sgd.oracle.axes) == ("one row", "minibatch", ("size",))
    assert (found.horizons, found.seeds, found.outputs) == ((10, 1000), 4, ("last", "average"))
    assert [claim.expect for claim in found.claims] == ["holds", "not applicable"]
    assert count(found) == 8 == len(list(combinations(found)))
    assert found.at("optimizer", 1, "oracle", "size") == "exp.toml:12: optimizer.1.oracle.size"
    assert json.loads(json.dumps(found.to_json())) == found.to_json()
    assert "exp.toml" not in json.dumps(found.to_json())


def test_defaults(load: Loader) -> None:
    found = load('title = "t"\nproblem.name = "huber"\n[optimizer]\nname = "sgd"\nstep_size = 1\n[run]\nhorizon = 5\n')
    assert (found.seeds, found.outputs, found.checkpoints, found.dtype) == (32, ("last",), 60, "float64")
    assert found.optimizers[0].oracle.parameters == {"size": 1}
    assert (found.every_step, found.device, found.claims) == (False, None, ())


def test_top_level_oracle_serves_all_optimizers_without_their_own(load: Loader) -> None:
    found = load(VALID.replace("[run]", '[oracle]\nname = "additive_noise"\nsigma = 0.5\n[run]'))
    assert [part.oracle.name for part in found.optimizers] == ["additive_noise", "minibatch"]
    assert found.at("optimizer", 0, "oracle", "sigma") == "exp.toml:15: optimizer.0.oracle.sigma"


def test_quick_and_overrides_in_this_order(load: Loader) -> None:
    assert load(quick=True).horizons == (10, 20)
    assert load(quick=True).optimizers[1].oracle.parameters["size"] == 2
    found = load(VALID, "run.horizon=[7]", "optimizer.0.step_size=1/L", "problem.kink=0.25", quick=True)
    assert (found.horizons, found.problems[0].parameters["kink"]) == ((7,), 0.25)
    assert found.to_json() != load(quick=True).to_json()
    assert found.at("problem", 0, "kink") == "--set problem.kink=0.25: problem.0.kink"


def test_a_claim_that_an_override_leaves_without_a_cell_is_set_aside(load: Loader) -> None:
    found = load(VALID, "optimizer.0.step_size=1/L")
    assert len(found.claims) == 1
    assert "claim 1 (gd_smooth_convex) is set aside" in found.notes[0]


def test_tuple_parameters_take_lists_and_axes_are_lists_of_lists(load: Loader) -> None:
    text = VALID.replace('name = "huber"\nkink = "D/(2*T+1)"', 'name = "quadratic"\nspectrum = {}')
    assert load(text.replace("{}", "[1, 0.1]", 1)).problems[0].axes == ()
    assert load(text.replace("{}", "[[1], [1, 2]]", 1)).problems[0].axes == ("spectrum",)
    assert '"a" in the list is not a number' in load.fault(text.replace("{}", '["a"]', 1))


def test_where_reaches_problems_oracles_and_defaults(load: Loader) -> None:
    where = """[claim.where]
        problem.kink = "D/(2*T+1)"
        "oracle.size" = [8, 9]
        horizon = 10
        optimizer.step_size = "1/(L*(t+1))"
    """
    text = VALID.replace('where = { step_size = "2.1/L" }\nexpect = "not applicable"', where)
    found = load(text)
    chosen = [c for c in combinations(found) if matches(found.claims[1], facts(c, load.catalog))]
    assert [(c.optimizer.name, c.optimizer.oracle.parameters["size"], c.horizon) for c in chosen] == [("sgd", 8, 10)]
    load(VALID.replace('{ step_size = "2.1/L" }', '{ "problem.L" = 1, label = "one row" }'))  # L has its default


def test_user_data_is_found_beside_the_file(load: Loader, tmp_path: Path) -> None:
    text = VALID.replace('name = "huber"\nkink = "D/(2*T+1)"', 'name = "logistic"\ndata = "rows.csv"')
    assert 'exp.toml:4: problem.0.data: there is no file "rows.csv"' in load.fault(text)
    untitled = load.fault(text.split("\n", 1)[1])
    assert "title: is missing; such as title = " in untitled
    assert 'exp.toml:3: problem.0.data: there is no file "rows.csv"' in untitled, "one mistake hides another"
    Path("rows.csv").write_text("1,2\n")
    found = load(text)
    assert found.files == {"rows.csv": Path("rows.csv").resolve()}
    assert found.problems[0].parameters["data"] == "rows.csv"


def test_same_facts_give_the_same_record(load: Loader) -> None:
    assert load(VALID).to_json() == load("# a comment\n" + VALID.replace("worst case", "")).to_json()
    assert load(b"\xef\xbb\xbf" + VALID.encode()).to_json() == load(VALID.replace("\n", "\r\n")).to_json()


def test_finding(load: Loader) -> None:
    load()
    Path("experiments").mkdir()
    Path("experiments/mine.toml").write_text(VALID)
    catalog = load.catalog
    assert load_experiment("mine", catalog=catalog).path == Path("experiments/mine.toml").resolve()
    assert "mine" in [listed.name for listed in experiments()]
    for wrong, told in (
        ("mnie", "no experiment 'mnie'; did you mean 'mine'?"),
        ("experiments", "is a folder"),
        ("nothing.toml", "no such file"),
        ("../../etc/passwd.toml", "no such file"),
        ("/dev/zero", "not a regular file"),
        ("a\0b", "names no experiment"),
        ("x" * 5000, "is not a file"),
        ("", "names no experiment"),
    ):
        with pytest.raises(ConvlabError, match=re.escape(told)):
            load_experiment(wrong, catalog=catalog)


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a b", "con", "NUL.x", "x" * 101, "é", "a\n", "a."])
def test_names_that_cannot_be_a_folder(name: str) -> None:
    with pytest.raises(ConvlabError, match="cannot name an experiment"):
        checked_name(name)


def test_a_theorems_instance_is_an_experiment_too(load: Loader) -> None:
    tables = {"problem": {"name": "huber"}, "optimizer": {"name": "gd", "step_size": "1/L"}, "run": {"horizon": 9}}
    found = experiment_from(tables, "gd_smooth_convex", load.catalog)
    assert (found.horizons, found.optimizers[0].oracle.name) == ((9,), "exact")


def test_words_that_stand_in_two_places_agree() -> None:
    assert EXPECTATIONS == RULINGS


def test_lines_of_every_kind_of_key() -> None:
    text = """a = 1 # [x]
"b.c".d = '''
[no]
''' # = "
[t]
e = { f = 1, g = [2, { h = 3 }] }
i = [
  # ] comment
  "]",
  4,
]
[[l]]
k = 1
[[l]]
k = \"\"\"
x = \\\"\"\"\" 3\"\"\"
[l.m]
n = 1979-05-27T07:32:00Z
"""
    text = text.replace('\\"""" 3', '\\""" 3')
    found = lines_of(text)
    expected = {
        ("a",): 1,
        ("b.c", "d"): 2,
        ("t",): 5,
        ("t", "e", "f"): 6,
        ("t", "e", "g", 1, "h"): 6,
        ("t", "i"): 7,
        ("t", "i", 0): 9,
        ("t", "i", 1): 10,
        ("l", 0, "k"): 13,
        ("l", 1): 14,
        ("l", 1, "k"): 15,
        ("l", 1, "m"): 17,
        ("l", 1, "m", "n"): 18,
    }
    assert {key: found.get(key) for key in expected} == expected


def test_values_of_set() -> None:
    values = {"0.1": 0.1, "1/L": "1/L", "[1, 2]": [1, 2], "true": True, '"3"': "3", "1_000": 1000}
    assert {text: parse_value(text) for text in values} == values
    assert parse_value("1\n[run]") == "1\n[run]"
    assert parse_value("[" * 5000) == "[" * 5000
    assert split_key('a."b.c".0') == ["a", "b.c", "0"]


def test_shipped_experiments_are_well_formed() -> None:
    for listed in experiments():
        check_experiment(listed.path)
