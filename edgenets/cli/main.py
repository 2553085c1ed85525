"""`edgenets`: the group of commands, loaded one by one as they are called.

`edgenets --help` imports click and nothing else. One function turns errors into
exit codes: 0 well, 1 a gate failed, 2 usage or bad input, 3 a run lost results or inputs.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import sys
import threading
import warnings
from collections.abc import Sequence
from typing import TextIO

import click

from edgenets import __version__
from edgenets.cli.standard import discard_stdout, flush, open_standard_streams, say
from edgenets.cli.terminal import cleaned_streams
from edgenets.painter import color_setting
from edgenets.redaction import redacted

# Command → its module, and the line that `--help` shows, so that help loads no module.
COMMANDS = {
    "train": (
        "edgenets.cli.train",
        "Train a recipe's model on recordings, images, text or tables.",
    ),
    "convert": ("edgenets.cli.convert", "Convert a model to TFLite, ONNX and OpenVINO."),
    "batch": ("edgenets.cli.batch", "Convert many models side by side, and verify them."),
    "verify": ("edgenets.cli.verify", "Verify that artifacts equal their model: the gate."),
    "bundle": ("edgenets.cli.bundle", "Pack what passed the gate into one .edge file."),
    "build": ("edgenets.cli.build", "Train, convert, verify and bundle in one go."),
    "import": ("edgenets.cli.import_", "Make a bundle of a third-party model."),
    "recipe": ("edgenets.cli.recipe", "List, show and begin recipes, and explain their keys."),
    "data": (
        "edgenets.cli.data",
        "Look at sets of images, recordings, texts and tables before training.",
    ),
    "words": ("edgenets.cli.words", "Synthesize recordings of words of your choice."),
    "run": (
        "edgenets.cli.run",
        "Run a bundle on microphones, cameras, files, text or streams of readings.",
    ),
    "eval": (
        "edgenets.cli.eval",
        "Measure a bundle on labeled data, or by what it hears in streams.",
    ),
    "calibrate": (
        "edgenets.cli.calibrate",
        "Set a bundle's thresholds by what it hears in recordings.",
    ),
    "enrol": ("edgenets.cli.enrol", "Teach a bundle a word from a few recordings of it."),
    "bench": ("edgenets.cli.bench", "Measure latency, CPU and memory of a bundle on this machine."),
    "choose": ("edgenets.cli.choose", "Choose the best artifact for this machine, within limits."),
    "compare": ("edgenets.cli.compare", "Compare CNN and RNN models of one size on one task."),
    "attach": ("edgenets.cli.attach", "Put what an accelerator's compiler made into a bundle."),
    "inspect": ("edgenets.cli.inspect", "Show what is in a bundle."),
    "selftest": ("edgenets.cli.selftest", "Replay a bundle's golden inputs on this machine."),
    "device": ("edgenets.cli.device", "List, show and probe boards, and what is deployed to them."),
    "check": (
        "edgenets.cli.check",
        "Check whether a model fits a board: operators, memory, versions.",
    ),
    "preflight": (
        "edgenets.cli.preflight",
        "Check whether a bundle will run on a board.",
    ),
    "flash": ("edgenets.cli.flash", "Write an image to a card, and read every byte back."),
    "deploy": ("edgenets.cli.deploy", "Deploy a bundle to boards over SSH, and see it work there."),
    "fleet": ("edgenets.cli.fleet", "Deploy to many boards, canaries first, by Ansible."),
    "release": ("edgenets.cli.release", "Publish signed releases that boards fetch by themselves."),
    "twin": ("edgenets.cli.twin", "Emulated boards (device twins)."),
    "zoo": ("edgenets.cli.zoo", "List the recipes and bundles that come with edgenets."),
    "demo": (
        "edgenets.cli.demo",
        "Train, convert, verify and run keywords of your choice, in minutes.",
    ),
    "completion": ("edgenets.cli.completion", "Print the completion script of your shell."),
}

# Options that scripts of before call otherwise; they are understood, with a note.
_RENAMED = {"--colour": "--color", "--form": "--variant", "--mend": "--mixed-precision"}

GATE_FAILED, BAD_INPUT, INTERRUPTED, INTERNAL = 1, 2, 130, 70


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the pipeline."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a hint where a name is nearly right."""
        import difflib

        try:
            name, command, rest = super().resolve_command(ctx, args)
            return name, command, _today(command, rest)
        except click.UsageError as exc:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if not near:
                raise
            hint = f"{exc.format_message()} Did you mean '{near[0]}'?"
            raise click.UsageError(hint, ctx) from exc

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _today(command: click.Command | None, arguments: list[str]) -> list[str]:
    """Arguments of a command with today's names of its options."""
    known = set() if command is None else {o for p in command.params for o in p.opts}
    found: list[str] = []
    for number, word in enumerate(arguments):
        if word == "--":
            return [*found, *arguments[number:]]
        old, equals, value = word.partition("=")
        new = _RENAMED.get(old)
        if new in known and old not in known:
            click.echo(f"note: {old} is called {new} now", err=True)
            word = f"{new}{equals}{value}"
        found.append(word)
    return found


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with: edgenets demo    Then: edgenets run kws-gru mic:default",
)
@click.version_option(__version__, prog_name="edgenets")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def cli(debug: bool) -> None:
    """Train, quantize, convert, verify and run compact models on edge devices."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script."""
    # TensorFlow greets otherwise, and so does every process that is started here.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    open_standard_streams()
    warnings.showwarning = _show_warning
    threading.excepthook = _thread_failed
    with cleaned_streams():
        code = _run(sys.argv[1:] if arguments is None else list(arguments))
    flush()
    sys.exit(code)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning as one line, without the place in the source, which tells a user nothing."""
    say(f"{click.style('warning:', fg='yellow', bold=True)} {message}")


def _run(arguments: list[str]) -> int:
    from edgenets.errors import EdgenetsError, ReaderLeft

    wants_json = "--json" in arguments
    debug = "--debug" in arguments[:1]
    stdout = sys.stdout
    try:
        result = cli.main(
            arguments, prog_name="edgenets", standalone_mode=False, color=color_setting()
        )
    except click.ClickException as exc:
        usage = io.StringIO()
        exc.show(usage)
        say(usage.getvalue().rstrip("\n"))
        return _report(redacted(exc.format_message()), "usage", BAD_INPUT, wants_json)
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
        return _report("interrupted", "interrupted", INTERRUPTED, wants_json)
    except SystemExit:
        # `edgenets … | head`: click wraps stdout and ends with 1, which is a failed gate's here.
        if sys.stdout is stdout:
            raise
        sys.stdout = stdout
        discard_stdout()
        return 0
    except ReaderLeft as exc:
        discard_stdout()
        return exc.exit_code
    except (EdgenetsError, OSError) as exc:  # OSError: a full disk, a folder that is not ours
        if debug:
            _print_traceback()
        text = _of_system(exc) if isinstance(exc, OSError) else str(exc)
        say(f"{click.style('error:', fg='red', bold=True)} {text}")
        code = exc.exit_code if isinstance(exc, EdgenetsError) else BAD_INPUT
        return _report(text, type(exc).__name__, code, wants_json)
    except Exception as exc:
        name = type(exc).__name__
        if debug:
            _print_traceback()
        mismatch = _of_library(exc)
        if mismatch is not None:
            say(f"{click.style('error:', fg='red', bold=True)} {mismatch}")
            return _report(mismatch, "LibraryMismatch", BAD_INPUT, wants_json)
        say(
            f"{click.style('internal error:', fg='red', bold=True)} {name}: {exc}\n"
            f"This is a fault of edgenets. `edgenets --debug …` shows where it is."
        )
        return _report(str(exc), name, INTERNAL, wants_json)
    return result if isinstance(result, int) else 0


def _of_system(exc: OSError) -> str:
    """What the system refused, and of which file; of a rename, of what it was to become."""
    name = exc.filename2 or exc.filename
    return f"{name}: {exc.strerror}" if name and exc.strerror else str(exc)


def _of_library(exc: Exception) -> str | None:
    """What to say of a library that lacks a function, or None where the fault is ours."""
    if not isinstance(exc, AttributeError):
        return None
    from edgenets.extras import mismatch

    return mismatch(exc)


def _report(message: str, kind: str, code: int, wants_json: bool) -> int:
    """With --json, an error too is one object on stdout."""
    if wants_json:
        with contextlib.suppress(OSError):  # stdout may be what failed
            click.echo(json.dumps({"error": redacted(message), "kind": kind}))
    return code


def _print_traceback() -> None:
    import traceback

    say(traceback.format_exc().rstrip())


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    """A fault in a thread, as Python shows it, without secrets."""
    import traceback

    name = failed.thread.name if failed.thread is not None else "?"
    shown = traceback.format_exception(failed.exc_type, failed.exc_value, failed.exc_traceback)
    say(f"Exception in thread {name}:\n{''.join(shown).rstrip()}")


if __name__ == "__main__":
    main()
