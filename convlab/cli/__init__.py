"""The command line: ``convlab new | run | plot | judge | list | explain | check | calculus | doctor``, with no logic of
its own.

Nothing heavy is imported before a command needs it: ``--help``, ``list`` and ``check`` answer without jax, numpy or
matplotlib. Exit codes: 0 all well; 1 a ruling differs from what its claim expects, or a task failed; 2 a mistake in the
usage or an experiment file; 130 interrupted; 141 the reader of the output went away; 70 an error of convlab itself.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from convlab.cli.calculus import calculus
from convlab.cli.garbage import seldom_collected
from convlab.core.errors import ConvlabError

LIST_KINDS = ("problems", "oracles", "optimizers", "outputs", "theorems", "plots", "experiments")
ALL_WELL, NOT_AS_EXPECTED, MISTAKE, INTERNAL, INTERRUPTED, NO_READER = 0, 1, 2, 70, 130, 141


class _NoReaderError(Exception):
    """Who reads the output has gone away, as `convlab list | head -1` does."""


class _Program(click.Group):
    """A group of commands whose every end is an exit code and at most a few lines, never a traceback."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> NoReturn:
        arguments = list(sys.argv[1:] if args is None else args)
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")  # a terminal that knows no θ shows "?" instead of failing
        extra["standalone_mode"] = False
        with seldom_collected():
            code = self._exit_code(arguments, *rest, **extra)
        sys.exit(code)

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except BrokenPipeError as error:
            raise _NoReaderError from error  # else click ends with 1, which means a ruling here

    def _exit_code(self, arguments: list[str], *rest: Any, **extra: Any) -> int:
        try:
            code = super().main(arguments, *rest, **extra)
            sys.stdout.flush()
            return code if isinstance(code, int) else ALL_WELL
        except click.ClickException as error:
            error.show()
            return MISTAKE
        except ConvlabError as error:
            for line in str(error).splitlines():
                click.echo(f"error: {line}", err=True)
            return error.exit_code
        except click.Abort:
            click.echo("interrupted" + _how_to_resume(arguments), err=True)
            return INTERRUPTED
        except (BrokenPipeError, _NoReaderError):
            with contextlib.suppress(OSError):  # so that the flush at exit is silent
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return NO_READER
        except Exception as error:
            if os.environ.get("CONVLAB_DEBUG") == "1":
                import traceback

                traceback.print_exc()
            return _told_in_one_line(error)


def _told_in_one_line(error: Exception) -> int:
    from convlab.lab.faults import one_line

    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        click.echo(one_line(f"error: {error.strerror}{where}"), err=True)
        return MISTAKE
    told = one_line(f"{type(error).__name__}: {error}")
    click.echo(f"internal error: {told}; please report (CONVLAB_DEBUG=1 shows the traceback)", err=True)
    return INTERNAL


def _how_to_resume(arguments: list[str]) -> str:
    """The command that goes on: the same one, but a --force would start again."""
    if arguments[:1] != ["run"]:
        return ""
    again = [argument for argument in arguments if argument != "--force"]
    return f"; finished tasks are kept. To go on: {shlex.join(['convlab', *again])}"


def _version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from convlab import __version__

        click.echo(f"convlab {__version__}")
        context.exit()


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
def main() -> None:
    """Runs optimizers, and holds what was measured against what is proved.

    Start with `convlab run quickstart`.
    """


main.add_command(calculus)


def _horizons(context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    """``10,100,1_000`` as a TOML list, or one number."""
    if text is None:
        return None
    numbers = [part.strip() for part in text.split(",")]
    if not all(number.replace("_", "").isdecimal() for number in numbers):
        raise click.BadParameter(f"'{text}' is not a whole number, or several with commas between: 10,100,1000")
    values = [str(int(number.replace("_", "")[:30])) for number in numbers]
    return values[0] if len(values) == 1 else f"[{', '.join(values)}]"


_TARGET_HELP = "NAME is an experiment that has run, or a folder of results."
_out = click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write to.")
_set = click.option("--set", "sets", metavar="KEY=VALUE", multiple=True, help="Change a key of the file; repeatable.")
_code = click.option("--allow-code", is_flag=True, help="Allow 'package.module:name', code from outside convlab.")


@main.command(short_help="Run an experiment and rule on its claims.")
@click.argument("experiment", metavar="NAME|FILE")
@_set
@click.option("--device", type=click.Choice(["cpu", "gpu"]), help="Where to compute.")
@click.option("--seeds", type=click.IntRange(min=1), metavar="N", help="How many seeds.")
@click.option("--horizon", callback=_horizons, metavar="N[,N..]", help="How many steps; several are a sweep.")
@click.option("--force", is_flag=True, help="Run again what is already there.")
@_out
@click.option("--quick", is_flag=True, help="Apply the file's [quick] table: a small version of it.")
@click.option("--no-compile-cache", is_flag=True, help="Neither use nor keep compiled programs of other runs.")
@click.option("--verbose", is_flag=True, help="Say what was compiled, and in how many seconds.")
@_code
def run(
    experiment: str,
    sets: tuple[str, ...],
    device: str | None,
    seeds: int | None,
    horizon: str | None,
    force: bool,
    out: Path | None,
    quick: bool,
    no_compile_cache: bool,
    verbose: bool,
    allow_code: bool,
) -> int:
    """Run an experiment, and rule on its claims. What has run before is not run again.

    A later option wins over an earlier one, e.g. --set optimizer.0.step_size=0.1 --set run.outputs='["last"]'.
    """
    from convlab.lab.config import load_experiment

    short = [f"run.{key}={value}" for key, value in (("seeds", seeds), ("horizon", horizon)) if value is not None]
    wanted = load_experiment(experiment, (*sets, *short), quick=quick, allow_code=allow_code)
    for note in wanted.notes:
        click.echo(f"note: {note}", err=True)
    from convlab.lab.cache_folder import be_quiet

    be_quiet()
    from convlab.cli.progress import Bar
    from convlab.cli.tables import show_outcome
    from convlab.lab import api, compile_counts, program_cache

    device = device or wanted.device
    with compile_counts.counted() if verbose else contextlib.nullcontext() as compiled, Bar() as progress:
        cache = not no_compile_cache
        outcome = api.run(wanted, device=device, force=force, out=out, progress=progress, compile_cache=cache)
    if program_cache.trouble():
        advice = "CONVLAB_CACHE=DIR names another folder, --no-compile-cache does without"
        click.echo(f"note: compiled programs are not kept: {program_cache.trouble()}; {advice}", err=True)
    for line in compiled.lines() if compiled is not None else ():
        click.echo(line, err=True)
    return show_outcome(outcome)


@main.command(epilog=_TARGET_HELP, short_help="Rule again from the files of a run; nothing is run.")
@click.argument("target", metavar="NAME|DIR")
@_out
@_code
def judge(target: str, out: Path | None, allow_code: bool) -> int:
    """Rule again on an experiment's theorems from its files alone. Nothing is run."""
    from convlab.cli.tables import show_outcome
    from convlab.lab import review  # what needs no run needs no jax

    return show_outcome(review.judge(target, out, allow_code))


@main.command(epilog=_TARGET_HELP, short_help="Draw the figures of a run.")
@click.argument("target", metavar="NAME|DIR")
@click.option("--kind", metavar="PLOT", help="One kind of figure, as `convlab list plots` names it; else all.")
@_out
@_code
def plot(target: str, kind: str | None, out: Path | None, allow_code: bool) -> int:
    """Draw the figures of an experiment from its files."""
    from convlab.lab import review

    for path in review.plot(target, kind, out, allow_code):
        click.echo(Path(path).resolve())
    return ALL_WELL


@main.command("list", short_help="List what there is: plug-ins and experiments.")
@click.argument("kind", type=click.Choice(LIST_KINDS), required=False)
def list_(kind: str | None) -> int:
    """List what there is, all of it or one kind, with a line on each."""
    from convlab.cli.lists import show_list

    show_list((kind,) if kind else LIST_KINDS)
    return ALL_WELL


@main.command(short_help="Say what a plug-in is and takes; of a theorem, what it states.")
@click.argument("name", metavar="NAME")
@click.option("--verdict", "target", metavar="RUN", help="Tell how the theorem NAME was ruled on in this run, and why.")
@click.option("--cell", metavar="LABEL", help="Of several runs that --verdict finds, the one with this label.")
@_code
def explain(name: str, target: str | None, cell: str | None, allow_code: bool) -> int:
    """Say what anything in `convlab list` is.

    Of a problem, oracle, optimizer, output or plot: what it computes and which parameters it takes. Of a theorem: what
    it states and assumes, which constants it reads, its source, and the instance that attains it.

    With --verdict RUN, an experiment that has run or a folder of results, NAME is a theorem, and the whole story of its
    ruling there is told: the numbers, where the bound comes from, and what would change the ruling.
    """
    if target is not None:
        from convlab.cli.story import show_verdicts

        show_verdicts(target, name, cell, allow_code)
        return ALL_WELL
    if cell is not None:
        raise click.UsageError("--cell names a run of --verdict RUN, which is missing")
    from convlab.cli.explain import explain as show

    show(name, allow_code)
    return ALL_WELL


@main.command(short_help="Check an experiment file without running it.")
@click.argument("experiment", metavar="FILE|NAME")
@_set
@_code
def check(experiment: str, sets: tuple[str, ...], allow_code: bool) -> int:
    """Check an experiment file, its [quick] table too, without running it. All mistakes are told at once."""
    from convlab.lab.claims import counts
    from convlab.lab.config import check_experiment

    found = check_experiment(experiment, sets, allow_code)
    click.echo(f"{found.name}: {found.title}")
    numbers = (*counts(found), len(found.claims))
    parts = zip(numbers, ("problem", "optimizer", "cell", "claim"), strict=True)
    click.echo("ok: " + ", ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in parts))
    return ALL_WELL


@main.command(short_help="Write a commented experiment file to edit.")
@click.argument("name", metavar="NAME")
def new(name: str) -> int:
    """Write NAME.toml into the current folder: a small experiment that runs as it is, with a comment on every table."""
    from convlab.cli.new import show_new

    show_new(name)
    return ALL_WELL


@main.command(short_help="Look at versions, devices, precision and the sums that JAX computes.")
def doctor() -> int:
    """Look at versions, devices and precision, and run the sums that some versions of JAX get wrong."""
    from convlab.lab.cache_folder import be_quiet

    be_quiet()
    from convlab.cli.tables import show_doctor
    from convlab.lab import api

    return show_doctor(api.doctor())
