"""The command line: every command helps, fails and completes in the same way."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import click
import pytest
from packaging.version import Version

from edgenets import backend, models, tasks, zoo
from edgenets.artifact import FORMATS, PRECISIONS
from edgenets.cli import options
from edgenets.cli.main import COMMANDS, cli, main
from edgenets.runtime.sinks import SINKS
from edgenets.runtime.sources import SOURCES
from edgenets.sound import features
from tests.bundles import fake_bundle
from tests.commands import PATIENCE, Call, call, python, spawn

__all__ = ["call", "fake_bundle"]  # fixtures

FRAMEWORKS = ("tensorflow", "keras", "onnx", "onnxruntime", "openvino", "ai_edge_litert",
    "tflite_runtime", "matplotlib", "soundfile", "sounddevice", "soxr")  # fmt: skip


# What they print is another program's, or for one; or they print nothing.
WITHOUT_JSON = (
    "recipe show", "recipe new", "twin build", "twin address", "twin ssh", "twin run", "twin cut",
    "twin on", "twin down", "twin reboot", "twin put", "twin see", "twin hear", "twin fail",
    "device logs", "device remove",
)  # fmt: skip


def command(name: str) -> click.Command:
    loaded: click.Command = importlib.import_module(COMMANDS[name][0]).command
    return loaded


def leaves(name: str) -> list[tuple[str, click.Command]]:
    """A command, or those of its group."""
    found = command(name)
    if not isinstance(found, click.Group):
        return [(name, found)]
    return [(f"{name} {word}", each) for word, each in found.commands.items()]


@pytest.mark.parametrize("name", COMMANDS)
class TestEveryCommand:
    def test_help(self, name: str, call: Call) -> None:
        done = call(name, "--help")
        assert done.code == 0 and done.err == ""
        assert call(name, "-h").out == done.out
        head, _, examples = done.out.partition("Examples:\n")
        assert f"  edgenets {name}" in examples
        assert f"Usage: edgenets {name}" in head
        assert max(map(len, done.out.splitlines())) <= 100

    def test_its_line_is_the_first_of_its_help(self, name: str) -> None:
        first = (command(name).help or "").strip().splitlines()[0]
        assert COMMANDS[name][1] == first

    def test_it_has_json(self, name: str) -> None:
        for path, each in leaves(name):
            if path not in WITHOUT_JSON:
                assert "--json" in {o for p in each.params for o in p.opts}, path

    def test_every_option_is_explained(self, name: str) -> None:
        for path, each in leaves(name):
            for param in each.params:
                if isinstance(param, click.Option):
                    assert param.help or param.show_default, f"{path} {param.opts}: no help"

    @pytest.mark.parametrize("wrong", ["--no-such-option", "--json=yes"])
    def test_wrong_usage(self, name: str, wrong: str, call: Call) -> None:
        done = call(name, wrong)
        assert done.code == 2 and done.out == ""
        assert "Error: " in done.err and "Traceback" not in done.err
        asked = call(name, "--no-such-option", "--json")
        assert asked.code == 2 and asked.json()["kind"] == "usage"


def test_help_lists_every_command(call: Call) -> None:
    done = call("--help")
    assert done.code == 0
    listed = done.out.partition("Commands:")[2]
    places = [listed.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places)
    assert all(text in " ".join(listed.split()) for _, text in COMMANDS.values())
    assert call("--version").out == "edgenets, version 0.1.0\n"
    # As click has it, which since 8.2 takes it for a mistake.
    assert call().code == (2 if Version(metadata.version("click")) >= Version("8.2") else 0)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("trian", "train"), ("bunddle", "bundle"), ("inspekt", "inspect"), ("self-test", "selftest")],
)
def test_a_command_nearly_right_is_hinted_at(typed: str, meant: str, call: Call) -> None:
    done = call(typed, "--json")
    assert done.code == 2 and f"Did you mean '{meant}'?" in done.json()["error"]
    assert done.err.count("Did you mean") == 1
    assert "Did you mean" not in call("xyzzy").err


IMPORTED = """
import sys
found = sorted({{name.partition(".")[0] for name in sys.modules}} & {names!r})
print(" ".join(found))
"""


def imported(code: str, *names: str) -> str:
    """Which of these modules are imported when some code has run."""
    return python(code + IMPORTED.format(names=set(names))).splitlines()[-1]


HELP = """
import contextlib, io
from edgenets.cli.main import COMMANDS, main
for arguments in ([], *([name] for name in COMMANDS)):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            main([*arguments, "--help"])
        except SystemExit as exc:
            assert not exc.code and "Usage" in out.getvalue()
"""


def test_help_imports_neither_numpy_nor_a_framework() -> None:
    assert imported(HELP, "numpy", *FRAMEWORKS) == ""


@pytest.mark.parametrize("module", ["edgenets", "edgenets.runtime", "edgenets.cli.main"])
def test_importing_brings_no_framework(module: str) -> None:
    assert imported(f"import {module}", "numpy", *FRAMEWORKS) == ""


@pytest.mark.parametrize(
    "module",
    [
        "open",
        "run",
        "sound_run",
        "image_run",
        "line_run",
        "writing",
        "load",
        "evaluate",
        "bench",
        "selftest",
        "sinks",
        "sources",
        "backends",
    ],
)
def test_no_part_of_the_runtime_brings_a_framework(module: str) -> None:
    assert imported(f"import edgenets.runtime.{module}", *FRAMEWORKS) == ""


_TASKS = Path(tasks.__file__).parent
PIPELINES = sorted(
    path.relative_to(_TASKS).with_suffix("").as_posix().replace("/", ".")
    for path in _TASKS.rglob("*pipeline.py")
)


@pytest.mark.parametrize("module", PIPELINES)
def test_no_pipeline_of_a_task_brings_a_framework(module: str) -> None:
    """Nor a training module: a board imports what it runs."""
    code = f"import sys, edgenets.tasks.{module}; print(*sys.modules)"
    names = python(code).split()
    assert not {name.partition(".")[0] for name in names} & set(FRAMEWORKS)
    assert not [n for n in names if n.startswith(("edgenets.training", "edgenets.models"))]
    assert not [n for n in names if n.rpartition(".")[2].endswith("training")]


def test_a_run_needs_no_tensorflow(fake_bundle: Path) -> None:
    code = f"""
from edgenets.cli.main import main
try:
    main(["run", {str(fake_bundle)!r}, "null:1", "--backend", "null", "--json"])
except SystemExit as exc:
    assert exc.code == 0
"""
    assert imported(code, *FRAMEWORKS) == ""


def test_names_that_are_repeated_are_the_same() -> None:
    assert options.FORMATS == FORMATS
    assert options.PRECISIONS == PRECISIONS
    assert tuple(backend.BACKENDS) == options.BACKENDS
    assert tuple(options.BACKENDS[:3]) == FORMATS


@pytest.mark.parametrize("name", backend.BACKENDS)
def test_every_backend_loads(name: str) -> None:
    module = importlib.import_module(backend.BACKENDS[name])
    assert {"null": None, "tensorrt": "onnx"}.get(name, name) == module.FORMAT
    assert callable(module.version) and callable(module.load)


@pytest.mark.parametrize(
    ("table", "attribute"),
    [(SINKS, "open_sink"), (SOURCES, "open_source"), (models.ARCHITECTURES, "build")],
)
def test_every_entry_of_a_table_loads(table: dict[str, str], attribute: str) -> None:
    for module in table.values():
        assert callable(getattr(importlib.import_module(module), attribute))


def test_every_extractor_is_there() -> None:
    for entry in features.EXTRACTORS.values():
        module, _, name = entry.partition(":")
        assert isinstance(getattr(importlib.import_module(module), name), type)


class TestUnexpected:
    @pytest.fixture(autouse=True)
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(name: str) -> None:
            raise ZeroDivisionError("no such thing")

        monkeypatch.setattr(zoo, "load", fail)

    def test_it_is_our_fault(self, call: Call) -> None:
        done = call("inspect", "x")
        assert done.code == 70 and "Traceback" not in done.err
        assert "internal error: ZeroDivisionError: no such thing" in done.err
        found = call("inspect", "x", "--json")
        assert found.json() == {"error": "no such thing", "kind": "ZeroDivisionError"}

    def test_debug_shows_where(self, call: Call) -> None:
        done = call("--debug", "inspect", "x")
        assert done.code == 70 and "Traceback" in done.err and "in fail" in done.err


def test_debug_of_an_expected_error(tmp_path: Path, call: Call) -> None:
    done = call("--debug", "inspect", tmp_path / "nothing")
    assert done.code == 2 and "Traceback" in done.err and "error: " in done.err


@pytest.mark.parametrize("stop", [KeyboardInterrupt, click.Abort])
def test_an_interruption(
    stop: type[BaseException], monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    def interrupted(name: str) -> None:
        raise stop

    monkeypatch.setattr(zoo, "load", interrupted)
    done = call("inspect", "x", "--json")
    assert done.code == 130 and "interrupted" in done.err and done.json()["kind"] == "interrupted"


@pytest.mark.parametrize("arguments", [("zoo",), ("zoo", "--json"), ("completion", "bash")])
def test_a_reader_that_leaves_is_no_error(arguments: tuple[str, ...]) -> None:
    running = spawn(*arguments)
    assert running.stdout is not None
    running.stdout.close()
    running.stdout = None
    _, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0 and err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [("zoo",), ("zoo", "--json"), ("--help",)])
def test_a_full_disk_is_the_users_to_mend(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        running = spawn(*arguments, stdout=full)
        _, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 2
    assert "No space left" in err and "Traceback" not in err and "Exception ignored" not in err


def test_a_place_that_cannot_be_written_is_the_users_to_mend(tmp_path: Path, call: Call) -> None:
    (tmp_path / "file").touch()
    done = call("words", "yes", "--out", tmp_path / "file" / "folder", "--json")
    assert done.code == 2 and done.json().keys() == {"error", "kind"}


def test_a_missing_package_is_said_with_its_command(
    monkeypatch: pytest.MonkeyPatch, fake_bundle: Path, call: Call
) -> None:
    for package in ("ai_edge_litert", "tflite_runtime"):
        monkeypatch.setitem(sys.modules, package, None)
        monkeypatch.setitem(sys.modules, f"{package}.interpreter", None)
    for arguments in (("run", fake_bundle, "null:1"), ("bench", fake_bundle)):
        done = call(*arguments, "--json")
        assert done.code == 2 and "pip install 'edgenets[tflite]'" in done.err


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_scripts(self, shell: str, call: Call) -> None:
        done = call("completion", shell)
        assert done.code == 0 and "_EDGENETS_COMPLETE" in done.out
        assert call("completion", shell, "--json").json() == {
            "shell": shell, "script": done.out.removesuffix("\n"),
        }  # fmt: skip

    def test_another_shell(self, call: Call) -> None:
        assert call("completion", "tcsh").code == 2

    @pytest.mark.parametrize(
        ("typed", "found"),
        [
            ("", set(COMMANDS)), ("se", {"selftest"}), ("run x y --prec", {"--precision"}),
            ("run x y --precision ", set(PRECISIONS)),
            ("convert x --precision fp", {"fp32", "fp16"}),
            ("convert x --precision int8,d", {"int8,dynamic"}),
            ("convert x --to o", {"onnx", "openvino"}),
            ("bench x --backend ", set(options.BACKENDS) - {"null"}), ("completion z", {"zsh"}),
            ("run ", set(zoo.shipped()) or {""}),
        ],
    )  # fmt: skip
    def test_words(self, typed: str, found: set[str]) -> None:
        assert completed("bash", typed) == found

    @pytest.mark.parametrize("shell", ["zsh", "fish"])
    def test_words_in_other_shells(self, shell: str) -> None:
        assert completed(shell, "se") == {"selftest"}
        assert completed(shell, "convert x --to o") == {"onnx", "openvino"}

    @pytest.mark.skipif(not Path("/bin/bash").exists(), reason="no bash here")
    def test_bash_takes_its_script(self, call: Call, tmp_path: Path) -> None:
        script = tmp_path / "edgenets.bash"
        script.write_text(call("completion", "bash").out)
        code = f"source {script} && complete -p edgenets"
        done = subprocess.run(["/bin/bash", "-c", code], capture_output=True, text=True)
        assert done.returncode == 0 and "_edgenets_completion" in done.stdout


def completed(shell: str, typed: str) -> set[str]:
    """What a shell is offered for a line."""
    *words, last = ["edgenets", *typed.split(" ")]
    env = {
        "_EDGENETS_COMPLETE": f"{shell}_complete", "COMP_WORDS": " ".join([*words, last]),
        "COMP_CWORD": last if shell == "fish" else str(len(words)),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "edgenets.cli.main"], env={**os.environ, **env},
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    if shell == "zsh":  # three lines an offer: its kind, itself, its help
        return set(lines[1::3])
    return {line.split(",", 1)[1].partition("\t")[0] for line in lines}


def test_python_and_the_command_line_are_one(call: Call, fake_bundle: Path) -> None:
    """`main` is the console script, and `cli` what completes."""
    with pytest.raises(SystemExit) as ended:
        main(["inspect", str(fake_bundle), "--json"])
    assert ended.value.code == 0 and isinstance(cli, click.Group)
    done = call("inspect", fake_bundle, "--json")
    shown: dict[str, Any] = done.json()
    assert shown["spec"]["labels"] == ["yes", "no", "_unknown_", "_silence_"]
    card = call("inspect", fake_bundle, "--card")
    assert card.out == "# A model\n\n" and json.dumps(shown)
