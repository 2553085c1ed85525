"""The keys of recipes as they are explained: all of them, as they are, and nothing else."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edgenets import tasks
from edgenets.cli.main import cli
from edgenets.errors import RecipeError, RecordError
from edgenets.limits import read_toml
from edgenets.recipe import RECIPES, load_recipe, parse, shipped
from edgenets.recipekeys import NEEDED, Key, example_of, keys_of, template

from .reference import REFERENCE, made


def _new(task: str) -> str:
    return template("mine", task, read_toml(example_of(task)))


@pytest.mark.parametrize("task", tasks.TASKS)
class TestContract:
    def test_every_key_has_a_meaning(self, task: str) -> None:
        silent = [key.path for key in keys_of(task) if not key.meaning]
        assert not silent

    def test_a_new_recipe_is_the_one_that_it_is_like(self, task: str) -> None:
        like = load_recipe(example_of(task))
        made = parse(tomllib.loads(_new(task)))
        assert made.name == "mine" and made.task == task
        for part in ("model", "data", "schedule", "decoding", "gate", "quantize"):
            assert getattr(made, part) == getattr(like, part)

    def test_every_default_is_the_default(self, task: str) -> None:
        """A recipe with every comment of a default taken away says the same."""
        text = _new(task)
        before = parse(tomllib.loads(text))
        bare = re.sub(r"^# (\w+ = (?!none$|…).*)$", r"\1", text, flags=re.MULTILINE)
        # Keys of tables that are left out stay with them.
        parts = re.split(r"(?m)^(?=#? ?\[)", bare)
        bare = "".join(part for part in parts if not part.startswith("# ["))
        assert parse(tomllib.loads(bare)) == before and len(bare) > 200

    def test_limits_are_those_that_hold(self, task: str) -> None:
        plain = read_toml(example_of(task))
        checked = 0
        for key in keys_of(task):
            if key.limits and key.kind in ("whole number", "number") and not key.optional:
                high = float(key.limits.partition(" to ")[2])
                with pytest.raises(RecordError):
                    parse(_with(plain, key, int(high * 2) + 1))
                checked += 1
        assert checked > 10


def _with(plain: dict[str, Any], key: Key, value: object) -> dict[str, Any]:
    made = {**plain}
    inner = made
    for part in key.table.split(".") if key.table else ():
        inner[part] = {**inner.get(part, {})}
        inner = inner[part]
    inner[key.name] = value
    return made


def test_the_reference_is_of_today() -> None:
    """Made by `make docs-recipes`."""
    assert REFERENCE.read_text(encoding="utf-8") == made()


def test_what_is_needed_is_said() -> None:
    found = {key.path: key for key in keys_of("speech")}
    assert found["data.symbols"].default == NEEDED


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_recipe_is_shown_as_it_is(name: str) -> None:
    shown = CliRunner().invoke(cli, ["recipe", "show", name])
    assert shown.output == (RECIPES / f"{name}.toml").read_text()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([("schedule.epochs", "7")], ("schedule", "epochs", 7)),
        ([("input.width", "120"), ("input.height", "90")], ("input", "height", 90)),
        ([("augment.scale", "[0.5, 2.0]")], ("augment", "scale", (0.5, 2.0))),
        ([("data.labels", "['a', 'b']")], ("data", "labels", ("a", "b"))),
        ([("bundle.licence", "MIT")], ("bundle", "licence", "MIT")),
    ],
)
def test_a_change_is_one(changes: list[tuple[str, str]], expected: tuple[str, str, Any]) -> None:
    table, key, value = expected
    assert getattr(getattr(load_recipe("image-classify", changes), table), key) == value


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("schedule.epoch", "7"), "schedule.epoch: unknown key; did you mean 'epochs'"),
        (("schedule.epochs", "many"), "schedule.epochs: .*many"),
        (("schedule.epochs", "0"), "epochs must be 1"),
        (("name.x", "1"), "name is no table"),
        (("shedule.epochs", "7"), "shedule: unknown key"),
    ],
)
def test_a_change_that_is_none(change: tuple[str, str], says: str) -> None:
    with pytest.raises((RecordError, RecipeError), match=says):
        load_recipe("image-classify", [change])


def test_a_recipe_needs_little() -> None:
    for task, architecture in (
        ("classify", "image-classify"), ("detect", "object-detect"), ("segment", "segment"),
    ):  # fmt: skip
        made = parse({"name": "x", "task": task, "model": {"architecture": architecture}})
        assert made.description == "" and made.decoding is not None


@pytest.mark.parametrize("arguments", [["--set", "epochs"], ["--set", "=3"], ["--set", "a="]])
def test_what_is_no_change_is_usage(arguments: list[str], tmp_path: Path) -> None:
    found = CliRunner().invoke(
        cli, ["train", "image-classify", "--data", str(tmp_path), *arguments]
    )
    assert found.exit_code == 2 and "KEY=VALUE is needed" in found.output
