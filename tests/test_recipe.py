"""Recipes: the shipped ones load, any other is read or refused with a hint."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets import recipe
from edgenets.errors import EdgenetsError, RecipeError, RecordError
from edgenets.metrics import metric_of
from edgenets.recipe import load_recipe
from edgenets.recipeparts import AugmentRecipe, GateRecipe, ModelRecipe
from edgenets.records import parse, to_plain
from edgenets.sound.input import AudioInput
from edgenets.tasks.keywords.recipe import DataRecipe, KeywordRecipe, ScheduleRecipe
from edgenets.tasks.keywords.spec import KeywordDecoding

MINIMAL = 'name = "a"\ndescription = "b"\n[model]\narchitecture = "kws-gru"\n'

fractions = st.floats(0, 0.49)
sizes = st.integers(1, 512)
lists = st.lists(sizes, min_size=1, max_size=4).map(tuple)
words = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8)

RECIPES = st.builds(
    KeywordRecipe,
    name=words,
    description=words,
    model=lists.flatmap(
        lambda channels: st.builds(
            ModelRecipe,
            st.sampled_from(("kws-gru", "kws-dscnn")),
            frames_per_step=st.integers(1, 4),
            stem=sizes,
            cell=st.sampled_from(("gru", "lstm", "rnn")),
            units=lists,
            channels=st.just(channels),
            dilations=st.just(channels),
            dropout=fractions,
        )
    ),
    seed=st.integers(0, 1 << 62),
    data=st.builds(
        DataRecipe,
        labels=st.none() | st.lists(words, unique=True, max_size=4).map(tuple),
        validation=fractions,
        test=fractions,
    ),
    features=st.builds(AudioInput, hop=st.integers(1, 480), mean=st.floats(-50, 50)),
    augment=st.builds(AugmentRecipe, noise=fractions, time_masks=st.integers(0, 9)),
    schedule=st.builds(ScheduleRecipe, epochs=sizes, learning_rate=st.floats(1e-6, 1)),
    decoding=st.builds(
        KeywordDecoding,
        smoothing=st.integers(1, 99),
        thresholds=st.dictionaries(words, st.floats(0.01, 1), max_size=3),
    ),
)


@pytest.mark.parametrize("name", recipe.shipped())
def test_every_shipped_recipe_loads(name: str) -> None:
    found = load_recipe(name)
    assert found.name == name and found.description
    assert recipe.parse(to_plain(found)) == found


def test_the_two_of_the_zoo_are_there() -> None:
    assert {"kws-gru", "kws-dscnn"} <= set(recipe.shipped())


@given(RECIPES)
def test_what_became_plain_becomes_the_same_again(one: KeywordRecipe) -> None:
    assert parse(KeywordRecipe, to_plain(one)) == one


def test_the_least_recipe(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(MINIMAL)
    assert load_recipe(path) == KeywordRecipe("a", "b", ModelRecipe("kws-gru"))
    assert load_recipe(str(path)).with_seed(7).seed == 7


def sections() -> list[tuple[str, str]]:
    """Every key of every section."""
    plain = to_plain(load_recipe("kws-gru"))
    return [(s, key) for s, keys in plain.items() if isinstance(keys, dict) for key in keys]


@pytest.mark.parametrize(("section", "key"), sections(), ids=lambda text: text)
def test_a_slip_of_the_pen_is_hinted_at(section: str, key: str) -> None:
    plain = to_plain(load_recipe("kws-gru"))
    plain[section][key + "x"] = plain[section].pop(key)
    with pytest.raises(RecordError, match=rf"^{section}\.{key}x: unknown key; did you mean '\w+'"):
        parse(KeywordRecipe, plain)


BROKEN: dict[str, tuple[bytes, str]] = {
    "no TOML": (b"name = ", "not valid TOML"),
    "no UTF-8": (b'name = "\xff"', "not valid TOML"),
    "many digits": (b"seed = " + b"9" * 5000, "not valid TOML"),
    "many digits in base 16": (MINIMAL.replace("[", "seed = 0x" + "f" * 5000 + "\n[", 1).encode(),
        "seed: an integer of more than 64 bits"),
    "deep": (b"a = " + b"[" * 5000 + b"]" * 5000, "not valid TOML"),
    "deep table": (b"[" + b"a." * 5000 + b"a]", "a: unknown key|not valid TOML"),
    "empty": (b"", "name: missing"),
    "a date": (MINIMAL.replace('"a"', "1979-05-27").encode(), "name: str is needed, found date"),
    "another section": ((MINIMAL + "[modle]\n").encode(), "modle: unknown key; did you mean 'mod"),
    "another architecture": (MINIMAL.replace("kws-gru", "kws-xxx").encode(), "not one of kws-gru"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_recipe_is_refused(kind: str, tmp_path: Path) -> None:
    raw, says = BROKEN[kind]
    path = tmp_path / "broken.toml"
    path.write_bytes(raw)
    with pytest.raises((RecipeError, RecordError), match=says) as caught:
        load_recipe(path)
    assert str(path) in str(caught.value) and len(str(caught.value)) < 500


BAD_VALUES: list[tuple[str, str, Any, str]] = [
    ("model", "units", [], "at least one"),
    ("model", "units", [0], "units must be 1 to"),
    ("model", "channels", [8], "one number a block each"),
    ("model", "frames_per_step", 0, "frames_per_step must be"),
    ("model", "dropout", 1.0, "dropout must be"),
    ("data", "test", 0.95, "leave no speaker"),
    ("data", "validation", -0.1, "validation must be"),
    ("data", "clip_seconds", 1e9, "clip_seconds must be"),
    ("augment", "speed", 1.0, "speed must be"),
    ("augment", "noise", 2.0, "noise must be"),
    ("augment", "noise_snr", [30.0, 0.0], "from the lower"),
    ("augment", "band_masks", -1, "band_masks must be"),
    ("schedule", "epochs", 0, "epochs must be"),
    ("schedule", "learning_rate", 0.0, "learning_rate must be"),
    ("quantize", "samples", 0, "samples must be"),
    ("quantize", "percentile", 101.0, "percentile must be"),
    ("gate", "stream_steps", 0, "stream_steps must be"),
    ("features", "bands", 300, "finer than"),
    ("features", "high_hz", 9000.0, "sample_rate / 2"),
    ("decoding", "smoothing", 0, "smoothing must be"),
]


@pytest.mark.parametrize(("section", "key", "value", "says"), BAD_VALUES)
def test_a_value_that_no_training_could_use(section: str, key: str, value: Any, says: str) -> None:
    plain = to_plain(load_recipe("kws-gru"))
    plain[section][key] = value
    with pytest.raises(RecordError, match=says) as caught:
        parse(KeywordRecipe, plain)
    assert str(caught.value).startswith(f"{section}:")


@pytest.mark.parametrize("name", ["", ".hidden", "a/b"])
def test_a_name_that_is_no_folder(name: str) -> None:
    with pytest.raises(RecordError, match="name is also"):
        parse(KeywordRecipe, {**to_plain(load_recipe("kws-gru")), "name": name})


@pytest.mark.parametrize(
    "source", ["nothing", "../recipes/kws-gru", "x" * 300, "a\0b", ".", "/proc"]
)
def test_neither_a_file_nor_a_name(source: str) -> None:
    with pytest.raises(EdgenetsError, match=r"neither a file|cannot be read"):
        load_recipe(source)


def test_records_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_recipe("kws-gru").seed = 2  # type: ignore[misc]


class TestGate:
    """One record for all tasks; names of before are read."""

    @pytest.mark.parametrize("name", recipe.shipped())
    @pytest.mark.parametrize(
        ("key", "value"),
        [("agreement", -5), ("metric_drop", 99), ("float_error", -1), ("samples", 0)],
    )
    def test_what_no_gate_can_be(self, name: str, key: str, value: float) -> None:
        plain = to_plain(load_recipe(name))
        plain["gate"][key] = value
        with pytest.raises(RecordError, match=f"^gate: {key} must be"):
            recipe.parse(plain)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ({"clips": 7}, {"samples": 7}), ({"images": 7}, {"samples": 7}),
            ({"accuracy_drop": 0.02}, {"metric_drop": 0.02}),
            ({"relative_loss": 0.1, "clips": 9}, {"metric_drop": 0.1, "samples": 9}),
            # As run folders of before hold it: both names, at least one at its default.
            ({"accuracy_drop": 0.005, "relative_loss": 0.02}, {}),
            ({"accuracy_drop": 0.02, "relative_loss": 0.02}, {"metric_drop": 0.02}),
        ],
    )  # fmt: skip
    def test_names_of_before(self, old: dict[str, float], new: dict[str, float]) -> None:
        assert parse(GateRecipe, old) == GateRecipe(**new)  # type: ignore[arg-type]

    def test_two_limits_of_one_thing(self) -> None:
        for extra in ({"relative_loss": 0.1}, {"metric_drop": 0.1}):
            with pytest.raises(RecordError, match="gate: say metric_drop once"):
                parse(GateRecipe, {"accuracy_drop": 0.1, **extra}, "gate")

    def test_the_limit_is_the_metrics(self) -> None:
        assert GateRecipe().limit(metric_of("accuracy")) == 0.005
        assert GateRecipe().limit(metric_of("MSE")) == 0.02
        assert GateRecipe(metric_drop=0.1).limit(metric_of("MSE")) == 0.1
        image = load_recipe("object-detect").gate
        assert isinstance(image, GateRecipe) and image.limit(metric_of("mAP50")) > 0
