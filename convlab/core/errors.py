"""Errors that a user can act on: each says where, what was given, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ConvlabError(Exception):
    """A mistake in the input (exit code 2). Its text is one helpful line; no traceback reaches a user.

    Several mistakes found at once are several lines, in the order of the file.
    """

    exit_code = 2


class NothingFinished(ConvlabError):  # noqa: N818 - it is an outcome, not a mistake in the input
    """Every task failed, so there is nothing to judge; a line for each."""

    exit_code = 1


_SHOWN = 12  # names that an error line lists


class Unknown(KeyError):  # noqa: N818 - it names a fact, not a failure
    """A fact that the setting does not have. A theorem that asks for it is *not applicable*, never guessed."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"{self.name} is unknown"


def nearest(word: str, allowed: Iterable[str]) -> str:
    """The end of an error line: the nearest allowed name, or all of them (the nearest, of many) when none is near.

    >>> nearest("stepsize", ["step_size", "horizon"])
    "did you mean 'step_size'?"
    >>> nearest("zzz", ["b", "a"])
    'allowed: a, b'
    """
    names = sorted(set(allowed))
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    if len(names) > _SHOWN:
        some = difflib.get_close_matches(word, names, n=_SHOWN, cutoff=0.0)
        return f"allowed: {', '.join(sorted(some))}, and {len(names) - len(some)} more"
    return "allowed: " + ", ".join(names) if names else "nothing is allowed here"
