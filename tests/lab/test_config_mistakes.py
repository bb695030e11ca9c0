"""Every mistake in an experiment file is told with its line, all at once, and never as a traceback."""

from __future__ import annotations

import random
import re
import time

import pytest
from experiment_file import VALID, Loader

from convlab.core.errors import ConvlabError

# Each mistake: what is replaced by what, and the start (after the file's name) of the line that must answer it.
MISTAKES = [
    ('title = "Gradient descent reaches 1/T"\n', "", "1: title: is missing"),
    ("title", "titel", "1: titel: unknown key; did you mean 'title'?"),
    ('"Gradient descent reaches 1/T"', "3", "1: title: 3 is not one line of text"),
    ("[problem]", "[problme]", "2: problme: unknown key; did you mean 'problem'?"),
    ('name = "huber"', "", "2: problem.0: a name is missing"),
    ('"huber"', '"hubber"', "3: problem.0.name: unknown problem 'hubber'; did you mean 'huber'?"),
    ('"huber"', '"a.b:c"', "3: problem.0.name: 'a.b:c' is code from outside convlab; it is run only with --allow"),
    ("kink =", "knk =", "4: problem.0.knk: unknown key of huber; did you mean 'kink'?"),
    ('"D/(2*T+1)"', '"DD/T"', "4: problem.0.kink: \"DD/T\": unknown name 'DD'; did you mean 'D'?"),
    ('"D/(2*T+1)"', '"D/t"', '4: problem.0.kink: "D/t": t is not allowed here'),
    ('"D/(2*T+1)"', '"kink+1"', "4: problem.0.kink: \"kink+1\": unknown name 'kink'"),
    ('"D/(2*T+1)"', '"1/"', "4: problem.0.kink: '1/' is not an expression"),
    ('"D/(2*T+1)"', '"kink"\nD = "kink"\nkink2 = 3', "6: problem.0.kink2: unknown key"),
    ('"D/(2*T+1)"', '"D"\nD = "kink"', '4: problem.0.kink: "D" needs itself'),
    ('"D/(2*T+1)"', "true", "4: problem.0.kink: true is not a number"),
    ('"D/(2*T+1)"', "nan", "4: problem.0.kink: the number is out of range"),
    ('"D/(2*T+1)"', "1e400", "4: problem.0.kink: the number is out of range"),
    ('"D/(2*T+1)"', "9" * 30, "4: problem.0.kink: the whole number is out of range"),
    ('"D/(2*T+1)"', "9" * 5000, "4: a number of thousands of digits"),
    ('"D/(2*T+1)"', '"' + "9" * 400 + '"', "4: problem.0.kink: "),
    ('"D/(2*T+1)"', "2020-01-01", "4: problem.0.kink: 2020-01-01 is not a number"),
    ('name = "gd"', 'name = "gdd"', "6: optimizer.0.name: unknown optimizer 'gdd'; any optax"),
    ('"1/L", "2.1/L"', '"1/L", "1/Lmax"', "7: optimizer.0.step_size.1: \"1/Lmax\": unknown name 'Lmax'; did you"),
    ('["1/L", "2.1/L"]', "[]", "7: optimizer.0.step_size: an empty list"),
    ('["1/L", "2.1/L"]', '[\n"1/L",\n"1/L"]', '9: optimizer.0.step_size.1: "1/L" is given twice'),
    ('step_size = ["1/L", "2.1/L"]\n', "", "5: optimizer.0: 'step_size' of gd is missing"),
    ('"one row"', "7", "10: optimizer.1.label: 7 is not one line of text"),
    ("size = [1, 8]", "size = 0", "12: optimizer.1.oracle.size: 0 is too small"),
    ("size = [1, 8]", "size = 1.0", "12: optimizer.1.oracle.size: 1.0 is not a whole number (write 1)"),
    ("size = [1, 8]", "size = true", "12: optimizer.1.oracle.size: true is not a whole number"),
    ("size = [1, 8]", "siz = 1", "12: optimizer.1.oracle.siz: unknown key of minibatch; did you mean 'size'?"),
    ('"minibatch"', '"minibatches"', "12: optimizer.1.oracle.name: unknown oracle 'minibatches'; did you mean"),
    ('{ name = "minibatch", size = [1, 8] }', "3", "12: optimizer.1.oracle: 3 is not a table with a name"),
    ("[run]\nhorizon = [10, 1_000]", "[run]", "13: run: 'horizon' is missing"),
    ("[10, 1_000]", "0", "14: run.horizon: 0 is out of range"),
    ("[10, 1_000]", "-3", "14: run.horizon: -3 is out of range"),
    ("[10, 1_000]", "[10, 2_000_000_000]", "14: run.horizon.1: 2000000000 is out of range"),
    ("[10, 1_000]", "1e5", "14: run.horizon: 100000.0 is not a whole number (write 100000)"),
    ("[10, 1_000]", "[10, 10]", "14: run.horizon.1: 10 is given twice"),
    ("[10, 1_000]", "[]", "14: run.horizon: an empty list"),
    ('"last", "average"', '"lst"', "15: run.outputs.0: unknown output 'lst'; did you mean 'last'?"),
    ('"last", "average"', '"last", 3', "15: run.outputs.1: 3 is not a name in quotes"),
    ("seeds = 4", "seeds = 0", "16: run.seeds: 0 is out of range"),
    ("seeds = 4", "seeds = true", "16: run.seeds: true is not a whole number"),
    ("seeds = 4", "checkpoints = 1", "16: run.checkpoints: 1 is out of range"),
    ("seeds = 4", "every_step = 1", "16: run.every_step: 1 is not true or false"),
    ("seeds = 4", 'dtype = "float16"', '16: run.dtype: "float16" is no choice; allowed: float64, float32'),
    ("seeds = 4", 'device = "tpu"', '16: run.device: "tpu" is no choice; allowed: cpu, gpu'),
    ("seeds = 4", "seed = 4", "16: run.seed: unknown key; did you mean 'seeds'?"),
    (
        'theorem = "gd_smooth_convex"\nwhere = { o',
        'theorem = "gd_smoth"\nwhere = { o',
        "18: claim.0.theorem: unknown",
    ),
    ('theorem = "gd_smooth_convex"\nwhere = { o', "where = { o", "17: claim.0: 'theorem' is missing"),
    ('optimizer = "gd"', 'optimzer = "gd"', "19: claim.0.where.optimzer: unknown key; did you mean 'optimizer'?"),
    ('optimizer = "gd"', 'optimizer = "sgd"', '19: claim.0.where: no cell has all of optimizer = "sgd"'),
    ('where = { step_size = "2.1/L" }', 'where = { step_size = "2/L" }', "22: claim.1.where: step_size = "),
    ('"not applicable"', '"not aplicable"', '23: claim.1.expect: "not aplicable" is no ruling; did you mean'),
    ("expect =", "expects =", "23: claim.1.expects: unknown key; did you mean 'expect'?"),
    ("run.horizon = [10, 20]", "rn.horizon = 3", "25: quick.rn.horizon: there is no 'rn'; did you mean 'run'?"),
    ("optimizer.1.oracle", "optimizer.2.oracle", "26: quick.optimizer.2.oracle.size: '2' is none of its elements"),
    ("[run]", "[run", "13: not TOML"),
    ("seeds = 4", "horizon = 4", "16: not TOML: Cannot overwrite a value"),
    ("seeds = 4", "a" + ".a" * 5000 + " = 4", "16: a key of over 32 parts"),
    ("seeds = 4", "seeds = " + "[" * 20 + "]" * 20, "16: run.seeds"),
    ("seeds = 4", "seeds = " + "[" * 5000 + "]" * 5000, "1: tables or lists are nested too deeply"),
]


@pytest.mark.parametrize(("old", "new", "told"), MISTAKES, ids=[f"{m[0][:20]}->{m[1][:20]}" for m in MISTAKES])
def test_a_mistake_is_told_with_its_line(load: Loader, old: str, new: str, told: str) -> None:
    assert old in VALID
    lines = load.fault(VALID.replace(old, new, 1)).splitlines()
    assert any(line.startswith(f"exp.toml:{told}") for line in lines), lines
    assert all(re.match(r"exp\.toml(:\d+)?: ", line) for line in lines)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("run.hrizon=3", "--set run.hrizon=3: run.hrizon: unknown key; did you mean 'horizon'?"),
        ("rn.horizon=3", "--set rn.horizon=3: rn.horizon: there is no 'rn'; did you mean 'run'?"),
        ("optimizer.7.step_size=1", "'7' is none of its elements, which are numbered 0 to 1"),
        ("optimizer.step_size=1", "'step_size' is none of its elements"),
        (
            "optimizer.0.step_size=1/Q",
            "--set optimizer.0.step_size=1/Q: optimizer.0.step_size: \"1/Q\": unknown name 'Q'",
        ),
        ("run.horizon.x=1", "run.horizon.x: 'x' is none of its elements"),
        ("title.x=1", "has no keys"),
        ("run.seeds", "--set run.seeds: write KEY=VALUE"),
        ("=3", "write KEY=VALUE"),
        ("a..b=3", "write KEY=VALUE"),
        ("run.seeds=nan", "the number is out of range"),
        ("run.seeds=1\x1b[31m", "--set run.seeds=1\\x1b[31m"),
        ("problem=3", "problem: 3 is not a table, or a list of tables"),
    ],
)
def test_a_mistaken_override_is_told(load: Loader, override: str, told: str) -> None:
    assert told in load.fault(VALID, override)


def test_all_mistakes_at_once_in_the_order_of_the_file(load: Loader) -> None:
    text = VALID.replace("title", "titel").replace("kink", "knk").replace("seeds = 4", "seeds = 0")
    text = text.replace('"gd"', '"dg"')
    lines = load.fault(text).splitlines()
    numbers = [int(line.split(":")[1]) for line in lines]
    assert len(lines) >= 5
    assert numbers == sorted(numbers)


def test_too_many_cells(load: Loader) -> None:
    many = ", ".join(str(number) for number in range(1, 5002))
    assert "make 10006 cells; at most 10000" in load.fault(VALID.replace('["1/L", "2.1/L"]', f"[{many}]"))


def test_parameters_from_the_problem_are_not_set_in_a_file(load: Loader) -> None:
    text = VALID.replace('"gd"', '"proximal"')
    assert load(text).optimizers[0].name == "proximal"
    text = text.replace("step_size", "prox = 1\nstep_size", 1)
    assert "optimizer.0.prox: comes from the problem" in load.fault(text)


def test_optax_is_checked_as_far_as_is_known(load: Loader) -> None:
    text = VALID.replace('"gd"', '"optax.adam"').replace('"sgd"', '"optax.sgd"')
    text = text.replace("step_size =", "learning_rate =")
    assert load(text).optimizers[0].axes == ("learning_rate",)
    assert "unknown name 'Q'" in load.fault(text.replace("2.1/L", "2/Q"))
    assert "is not a number" in load.fault(text.replace('"1/(L*(t+1))"', "{ a = 1 }"))


def test_foreign_code_where_allowed(load: Loader) -> None:
    text = VALID.replace('"gd"', '"mine.opt:walk"')
    assert load(text, allow_code=True).optimizers[0].name == "mine.opt:walk"


@pytest.mark.parametrize("content", [b"", b" \n", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"title", b"[" * 9999])
def test_no_experiment_at_all(load: Loader, content: bytes) -> None:
    assert load.fault(content).startswith("exp.toml:1: ")


def test_bad_bytes_have_a_line(load: Loader) -> None:
    assert load.fault(VALID.encode().replace(b"# worst", b"# \xff")) == "exp.toml:4: byte 0xff is not UTF-8"


def test_a_large_file_is_refused_unread(load: Loader) -> None:
    assert "larger than" in load.fault(b"#" * (2 << 20))


def _mutated(text: bytes, rng: random.Random) -> bytes:
    tokens = [b"nan", b"1e400", b"-0.0", b"[" * 600, b"{", b"}", b'"""', b"\xef\xbb\xbf", b"\xff", b"\0", b"\r", b"="]
    tokens += [b"9" * 25, b"[[claim]]\n", b"[run]\n", b'name = "exact"\n', b"true", b'"t"', b"[]", b"1979-05-27"]
    tokens += [b".", b"'", b"\\u0000", b"#"]
    lines = text.split(b"\n")
    for _ in range(rng.randint(1, 3)):
        match rng.randrange(6):
            case 0:
                at = rng.randrange(len(text) + 1)
                text = text[:at] + rng.choice(tokens) + text[at + rng.randrange(4) :]
            case 1:
                at = rng.randrange(len(text))
                text = text[:at] + bytes([rng.randrange(256)]) + text[at + 1 :]
            case 2:
                del lines[rng.randrange(len(lines))]
                text = b"\n".join(lines)
            case 3:
                lines.insert(rng.randrange(len(lines)), rng.choice(lines))
                text = b"\n".join(lines)
            case 4:
                text = re.sub(rb"= [^\n]*", lambda m: b"= " + rng.choice(tokens), text, count=rng.randint(1, 3))
            case _:
                text = text[: rng.randrange(len(text))]
        lines = text.split(b"\n") or [b""]
        text = text or b" "
    return text


@pytest.mark.parametrize("block", range(6))
def test_fuzzed_files_end_in_lines_of_error_only(load: Loader, block: int) -> None:
    for number in range(50 * block, 50 * (block + 1)):
        text = _mutated(VALID.encode(), random.Random(number))
        began = time.perf_counter()
        for quick in (False, True):
            told = "nothing to say"
            try:
                load(text, quick=quick)
            except ConvlabError as error:
                told = str(error)
            assert told, number
            assert all(line.isprintable() for line in told.split("\n")), (number, told)
        assert time.perf_counter() - began < 2, number
