"""A first experiment file, to edit: every table with a comment on what may stand there."""

from __future__ import annotations

from pathlib import Path

from convlab.core.errors import ConvlabError
from convlab.lab.config import checked_name


def new_experiment(name: str, folder: Path) -> Path:
    """Writes NAME.toml into the folder and returns its path. ConvlabError where there is one, or the name is none."""
    path = folder / f"{checked_name(name.removesuffix('.toml'))}.toml"
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise ConvlabError(f"{path.name}: is there already and stays as it is; choose another name") from None
    return path


TEMPLATE = """\
# An experiment is a hypothesis: problems, optimizers, and what theorems are expected to say about their runs.
# `convlab list` shows what there is, `convlab explain NAME` what a name means.

title = "Ridge logistic regression: are the theorems right about gradient descent and SGD?"

# What is minimised: R(theta), a mean over the rows of the data. Several are several [[problem]] tables.
[problem]
name = "logistic"
data = "breast_cancer"      # a bundled set, or a file beside this one: .csv .npz .svm .libsvm .svmlight .txt
# label = "target"          # of your own file: the column to explain
rows = "standardised"       # each column with mean 0 and variance 1; also "as they are", "unit norm"
ridge = 0.01                # a list is an axis: [0.01, 0.1] runs everything for both

# How theta moves: a table for each optimizer, one of ours or any of optax.
# A number may be an expression: + - * / **, sqrt log min max, the problem's known constants (L, L_max, mu, kappa, n),
# the horizon T, and for a step size the step t, as in "1/(L*sqrt(t+1))".
[[optimizer]]
name = "gd"
step_size = "1/L"           # L bounds the curvature of R

[[optimizer]]
name = "sgd"                # it sees one random row a step, unless it is told otherwise:
step_size = "1/(8*L_max)"   # L_max bounds the curvature of a single row's loss
# oracle = { name = "minibatch", size = 8 }

[[optimizer]]
name = "optax.adam"         # no theorem here speaks of it; its curve is drawn all the same
learning_rate = 0.03

[run]
horizon = 1_000             # T, the number of steps; a list is a sweep, a fresh run for each
seeds = 32                  # runs of every random method; one without randomness runs once

# What is expected. Without claims every theorem is tried, and a ruling "violated" is an error.
# where: the runs that the claim is about, by optimizer, problem, horizon, label, or a parameter; left out: all of them.
# expect: "holds" (left out: this), "violated", "inconclusive", "not applicable".
[[claim]]
theorem = "gd_strongly_convex_gap"
where = { optimizer = "gd" }

[[claim]]
theorem = "sgd_smooth_convex_average"
where = { optimizer = "sgd" }

[[claim]]
theorem = "gd_smooth_convex"
where = { optimizer = "optax.adam" }
expect = "not applicable"

# What --quick changes, for a first look: keys as --set takes them.
[quick]
run.horizon = 200
run.seeds = 32
"""
