"""The rooms: every task of the table keeps the protocol, and stages know no task by name."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from edgenets import recipe, zoo
from edgenets.converters.families.family import FAMILIES, family_of
from edgenets.errors import ModelError, RecordError
from edgenets.recipeparts import Recipe
from edgenets.records import parse, to_plain
from edgenets.spec import ModelSpec
from edgenets.tasks import TASKS, sequence_task, task_of
from edgenets.tasks.task import SequenceTask, Task, Variant

ROOT = Path(__file__).parents[1]


def methods(protocol: type) -> set[str]:
    return {name for name, value in vars(protocol).items() if callable(value) and name[0] != "_"}


@pytest.mark.parametrize("name", TASKS)
class TestEveryTask:
    def test_it_has_all_of_the_protocol(self, name: str) -> None:
        task = task_of(name)
        for method in methods(Task):
            assert callable(getattr(task, method)), method
        if task.variant == "step":
            for method in methods(SequenceTask):
                assert callable(getattr(sequence_task(name), method)), method
        assert task.variant in get_args(Variant) and task.variant in FAMILIES

    def test_its_spec_and_recipe_say_its_name(self, name: str) -> None:
        task = task_of(name)
        for record in (task.spec, task.recipe):
            assert name in get_args(get_type_hints(record)["task"])

    def test_a_shipped_recipe_and_bundle_are_of_it(self, name: str) -> None:
        task = task_of(name)
        recipes = [r for r in map(recipe.load_recipe, recipe.shipped()) if r.task == name]
        assert recipes and all(isinstance(found, task.recipe) for found in recipes)
        bundles = [b for b in map(zoo.load, zoo.shipped()) if b.spec.task == name]
        # The one's weights are too large to ship; of the other everyone has his own sounds.
        assert bundles or name in ("translation", "sounds")
        for bundle in bundles:
            assert isinstance(bundle.spec, task.spec)
            assert parse(ModelSpec, to_plain(bundle.spec)) == bundle.spec
            assert family_of(bundle.spec)

    def test_golden_inputs_are_those_of_its_bundles(self, name: str) -> None:
        """What it would give a bundle today is what the shipped ones hold."""
        for bundle in map(zoo.load, zoo.shipped()):
            if bundle.spec.task == name:
                for member, content in task_of(name).golden(bundle.spec).items():
                    assert bytes(bundle.read(member)) == content, (bundle.path, member)


@pytest.mark.parametrize("base", [ModelSpec, Recipe])
@pytest.mark.parametrize("task", ["keyword", "", None, 3, ["speech"]])
def test_another_task_is_refused(base: type, task: object) -> None:
    with pytest.raises(RecordError, match=r"^task: .* is not one of keywords, speech"):
        parse(base, {"name": "x", "task": task})


def test_a_task_without_steps() -> None:
    with pytest.raises(ModelError, match="classify"):
        sequence_task("classify")


# Types of tasks' specs and inputs, and kinds of input, as they stand in the source.
_TYPES = re.compile(
    r"_?(Sound|Keyword|Embed|Speech|Language|Text|Translation|Forecast|Anomaly|Image)Spec|"
    r"(Audio|MicroFrontend|Text|Tokens|Series|Seasonal|Image)Input"
)
_KINDS = {*TASKS, "audio", "micro-frontend", "image", "text", "pieces", "series", "seasonal"}

# The number only ever goes down.
MOST_CHOICES = 25


def is_choice(node: ast.AST) -> bool:
    """Whether an expression chooses by task: by a spec's type, by a name, or in a table."""
    match node:
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, types]):
            return bool(_TYPES.search(ast.unparse(types)))
        case ast.Call(func=ast.Attribute(attr="get"), args=[key, *_]) | ast.Subscript(slice=key):
            return is_task(key)
        case ast.Compare(left=left, comparators=[right]):
            words = {n.value for n in ast.walk(right) if isinstance(n, ast.Constant)}
            return is_task(left) and bool(words & _KINDS)
    return False


def is_task(node: ast.AST) -> bool:
    """Whether an expression is a task's name, or the kind of a model's input."""
    match node:
        case ast.Attribute(attr="task"):
            return True
        case ast.Attribute(value=value, attr="kind"):
            return ast.unparse(value).rpartition(".")[2] in ("input", "frame")
        case ast.Name(id=name):
            return name == "task"
    return False


def places() -> list[str]:
    """Where the code outside of the tasks' folders chooses by task."""
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)[:70]}"
        for folder in ("edgenets", "converters", "runtime", "devices")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not path.is_relative_to(ROOT / "edgenets" / "tasks")
        for node in ast.walk(ast.parse(path.read_text()))
        if is_choice(node)
    ]


def test_stages_choose_by_no_task() -> None:
    found = places()
    assert len(found) <= MOST_CHOICES, "\n".join(found)
