"""A valid experiment file and the plug-ins that it names, for the tests that read such files."""

from __future__ import annotations

from pathlib import Path

import pytest

from convlab.core.errors import ConvlabError
from convlab.lab.catalog import Catalog
from convlab.lab.config import load_experiment
from convlab.lab.spec import Experiment

PLUG_INS = {
    "problems/huber.py": "def huber(L: float = 1.0, D: float = 1.0, kink: float = 0.1): ...",
    "problems/logistic.py": (
        "def logistic(data: str = 'breast_cancer', ridge: float = 0.0, intercept: bool = False,\n"
        "    rows: int | None = None, scale: Literal['none', 'unit'] = 'none', prox=None): ..."
    ),
    "problems/quadratic.py": "def quadratic(spectrum: tuple[float, ...], start: tuple[float, ...] | None = None): ...",
    "oracles/exact.py": "def exact(): ...",
    "oracles/minibatch.py": "def minibatch(size: int, replacement: bool = True): ...",
    "oracles/additive_noise.py": "def additive_noise(sigma: float): ...",
    "optimizers/gd.py": "def gd(step_size: ScalarOrSchedule): ...",
    "optimizers/sgd.py": "ORACLE = {'name': 'minibatch', 'size': 1}\ndef sgd(step_size: ScalarOrSchedule): ...",
    "optimizers/newton.py": (
        "def newton(step_size: ScalarOrSchedule = 1.0, ridge: float = 0.0, backtracking: bool = False): ..."
    ),
    "optimizers/proximal.py": "def proximal(step_size: ScalarOrSchedule, prox: Callable): ...",
    "outputs/last.py": "def last(): ...",
    "outputs/average.py": "def average(): ...",
    "theorems/gd_smooth_convex.py": "THEOREM = Theorem()",
}

VALID = """\
title = "Gradient descent reaches 1/T"
[problem]
name = "huber"
kink = "D/(2*T+1)"     # worst case
[[optimizer]]
name = "gd"
step_size = ["1/L", "2.1/L"]
[[optimizer]]
name = "sgd"
label = "one row"
step_size = "1/(L*(t+1))"
oracle = { name = "minibatch", size = [1, 8] }
[run]
horizon = [10, 1_000]
outputs = ["last", "average"]
seeds = 4
[[claim]]
theorem = "gd_smooth_convex"
where = { optimizer = "gd", step_size = "1/L" }
[[claim]]
theorem = "gd_smooth_convex"
where = { step_size = "2.1/L" }
expect = "not applicable"
[quick]
run.horizon = [10, 20]
optimizer.1.oracle.size = 2
"""


class Loader:
    """Loads a text as the file `exp.toml` of the current folder, with the plug-ins above below another one."""

    def __init__(self, root: Path) -> None:
        for name, text in PLUG_INS.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        self.catalog = Catalog(root)

    def __call__(
        self, text: str | bytes = VALID, *overrides: str, quick: bool = False, allow_code: bool = False
    ) -> Experiment:
        Path("exp.toml").write_bytes(text.encode() if isinstance(text, str) else text)
        return load_experiment("exp.toml", overrides, quick, allow_code, self.catalog)

    def fault(self, text: str | bytes, *overrides: str, quick: bool = False) -> str:
        """The lines that answer a mistake."""
        with pytest.raises(ConvlabError) as raised:
            self(text, *overrides, quick=quick)
        return str(raised.value)
