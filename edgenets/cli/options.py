"""Options and output that commands share."""

from __future__ import annotations

import json
import math
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import click

from edgenets.files import Json
from edgenets.painter import colored, harmless, width_of

if TYPE_CHECKING:
    from edgenets.artifact import Precision
    from edgenets.converters.opened import OutputsAs
    from edgenets.converters.own.options import Preparation

F = TypeVar("F", bound=Callable[..., Any])

Shapes: TypeAlias = tuple[tuple[str, tuple[int, ...]], ...]  # of inputs, by name

# Names repeated from edgenets.artifact, whose import would bring NumPy to `--help`; a test
# holds them together.
FORMATS = ("tflite", "onnx", "openvino")
# What a model of one's own may become, compiled forms with it.
TARGETS = (*FORMATS, "edgetpu")
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "dynamic", "int8", "int16x8")
BACKENDS = ("tflite", "onnx", "openvino", "edgetpu", "tensorrt", "null")

Folder = click.Path(exists=True, file_okay=False, path_type=Path)
AnyData = click.Path(exists=True, path_type=Path)
AnyPath = click.Path(path_type=Path)


# Before click 8.4 a ParamType takes no type argument.
class Several(click.ParamType):  # type: ignore[type-arg]
    """A comma-separated list of known names."""

    name = "list"

    def __init__(self, known: Sequence[str]) -> None:
        self.known = known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """`a,b` to ("a", "b")."""
        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
        for name in names:
            if name not in self.known:
                self.fail(f"'{name}' is not one of {', '.join(self.known)}", param, ctx)
        return names or self.fail("at least one is needed", param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Complete the last name of the list."""
        from click.shell_completion import CompletionItem

        head, _, tail = incomplete.rpartition(",")
        prefix = f"{head}," if head else ""
        return [CompletionItem(prefix + n) for n in self.known if n.startswith(tail)]


class BundleName(click.ParamType):  # type: ignore[type-arg]
    """A bundle's path, or the name of a shipped one."""

    name = "bundle"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Complete shipped names, then files."""
        from click.shell_completion import CompletionItem

        zoo = Path(__file__).parent.parent / "zoo"
        names = sorted(p.stem for p in zoo.glob("*.edge") if p.stem.startswith(incomplete))
        return [CompletionItem(n) for n in names] or [CompletionItem(incomplete, type="file")]


class Seconds(click.FloatRange):
    """A length of time; neither endless nor no number, which a range lets pass."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A finite number in the range."""
        seconds = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value} is no length of time", param, ctx)
        return seconds


class Milliseconds(Seconds):
    """The same, shorter."""

    name = "milliseconds"


class _Shape(click.ParamType):  # type: ignore[type-arg]
    """`49,10` or `features=49,10`."""

    name = "shape"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name of an input, or nothing, and the sizes."""
        if isinstance(value, tuple):
            return value
        name, _, sizes = value.rpartition("=")
        try:
            shape = tuple(int(part) for part in sizes.split(","))
        except ValueError:
            shape = ()
        if not shape or min(shape) < 1:
            self.fail(f"'{sizes}' is no list of sizes, such as 49,10", param, ctx)
        return name, shape


def variant_option(function: F) -> F:
    """Add `--variant`."""
    return click.option(
        "--variant",
        type=click.Choice(("auto", "step", "whole")),
        default="auto",
        show_default=True,
        help="Frame by frame with a state, or all of an item at once.",
    )(function)


class Numbers(click.ParamType):  # type: ignore[type-arg]
    """One number, or one a channel, comma-separated."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """`1,2,3` to (1.0, 2.0, 3.0)."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(part) for part in value.split(","))
        except ValueError:
            self.fail(f"'{value}' is not a number, nor several by comma", param, ctx)


def image_options(function: F) -> F:
    """Add `--color`, `--resize`, `--antialias`, `--mean` and `--std`."""
    function = click.option(
        "--std", type=Numbers(), help="What they are divided by then; likewise."
    )(function)
    function = click.option(
        "--mean", type=Numbers(), help="Taken from pixels of 0 … 255; one, or one a channel."
    )(function)
    function = click.option(
        "--antialias/--no-antialias",
        default=None,
        help="Resize as Pillow and torchvision do, not as OpenCV does.",
    )(function)
    function = click.option(
        "--resize",
        type=click.Choice(("stretch", "letterbox", "crop")),
        help="How an image of another shape goes in.",
    )(function)
    return click.option(
        "--color", type=click.Choice(("rgb", "bgr", "grey")), help="Order of the channels."
    )(function)


def preparation_options(function: F) -> F:
    """Add what says how files become the input of a model of one's own."""
    function = image_options(function)
    function = click.option(
        "--layout",
        type=click.Choice(("frames-first", "numbers-first")),
        help="Of the input of a model of whole clips.",
    )(function)
    function = click.option(
        "--labels",
        type=click.Path(exists=True, dir_okay=False),
        help="One a line, in the order of the model's scores.",
    )(function)
    return click.option(
        "--front",
        metavar="FILE|NAME",
        help="How sound, texts or series go in: a TOML file, or a library's name.",
    )(function)


def preparation_of(said: Json) -> Preparation:
    """What `preparation_options` were given, taken out of what a command was."""
    from edgenets.converters.own.options import Preparation

    names = ("front", "color", "resize", "mean", "std", "antialias", "layout", "labels")
    given = {name: said.pop(name) for name in names}
    for name in ("front", "labels"):  # found again, from wherever
        if given[name] is not None and Path(given[name]).is_file():
            given[name] = str(Path(given[name]).resolve())
    return Preparation(**given)


def outputs_options(function: F) -> F:
    """Add what says how a model of images, or of labels, is read."""
    function = click.option("--most", type=click.IntRange(1, 10_000), help="Objects an image.")(
        function
    )
    function = click.option(
        "--iou", type=click.FloatRange(0, 1, min_open=True), help="Overlap of two boxes."
    )(function)
    function = click.option(
        "--detail",
        type=click.Choice(("none", "keypoints", "keypoints-xy", "rotation", "masks")),
        help="What comes with each box.  [default: by metadata, or a probe]",
    )(function)
    function = click.option(
        "--boxes",
        type=click.Choice(("grid", "list", "centred")),
        help="Every place with its scores, or what was found: corners, or middles and sizes.  "
        "[default: by metadata, or a probe]",
    )(function)
    return click.option(
        "--scores",
        type=click.Choice(("probabilities", "logits")),
        help="What the model gives for labels.  [default: by what makes it, or a probe]",
    )(function)


def outputs_of(said: Json) -> OutputsAs:
    """What `outputs_options` were given, taken out of what a command was."""
    from edgenets.converters.opened import OutputsAs

    return OutputsAs(
        **{name: said.pop(name) for name in ("scores", "boxes", "detail", "iou", "most")}
    )


def shape_option(function: F) -> F:
    """Add `--shape`."""
    return click.option(
        "--shape",
        type=_Shape(),
        multiple=True,
        metavar="[INPUT=]N,N,…",
        help="Size of one item of an input whose size is open.",
    )(function)


def table_options(function: F) -> F:
    """Add `--delimiter`, `--decimal` and `--time-format`."""
    function = click.option(
        "--time-format",
        metavar="FORMAT",
        help="Times of a table: iso, s, ms, us, ns (since 1970), or as strptime has it, such as "
        "'%d.%m.%Y %H:%M'.  [default: found from the table]",
    )(function)
    function = click.option(
        "--decimal",
        type=click.Choice((".", ",")),
        help="Decimal mark.  [default: found]",
    )(function)
    return click.option(
        "--delimiter",
        metavar="CHAR",
        help="Delimiter of a table: a character, or tab, space, comma, semicolon, pipe.  "
        "[default: found]",
    )(function)


class Names(click.ParamType):  # type: ignore[type-arg]
    """A comma-separated list of names."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """`a,b` to ("a", "b")."""
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in value.split(","))
        if not all(names):
            self.fail("names, with commas between them, are needed", param, ctx)
        return names


def columns_option(function: F) -> F:
    """Add `--columns`."""
    return click.option(
        "--columns",
        type=Names(),
        metavar="TEXT,LABEL",
        help="Columns of a table, by name or by number from 1: texts and labels; time series: the "
        "columns to use.  [default: found]",
    )(function)


def json_option(function: F) -> F:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")(
        function
    )


# Keys that scripts read under other names before; both are written.
_OLD_KEYS = {
    "artifact": "artefact", "artifacts": "artefacts", "notices": "remarks", "route": "road",
    "reported": "told", "forecasts": "foreseen", "color": "colour",
}  # fmt: skip


def emit(data: object) -> None:
    """Print one JSON object on stdout, in ASCII: a file's name need not be text."""
    click.echo(json.dumps(_with_old_keys(data), allow_nan=False))


def _with_old_keys(data: object) -> object:
    """The same, with the keys of before beside those of today."""
    if isinstance(data, list):
        return [_with_old_keys(value) for value in data]
    # What has numbers alone is counted by labels, which are the model's own words.
    if not isinstance(data, dict) or all(isinstance(v, (int, float)) for v in data.values()):
        return data
    found = {key: _with_old_keys(value) for key, value in data.items()}
    return found | {
        old: found[key] for key, old in _OLD_KEYS.items() if key in found and old not in found
    }


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on stdout; numbers, which begin with a digit or a minus, go to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    width = width_of(sys.stdout)
    if width is not None and _least_width(columns, rows) > width:
        click.echo(_as_records(title, columns, rows, width))
        return
    grid = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    for i, column in enumerate(columns):
        side: Literal["left", "right"] = _side([row[i] for row in rows])
        grid.add_column(column, justify=side, no_wrap=i == 0, overflow="fold")
    for row in rows:
        grid.add_row(*row)
    # A pipe has no width; rows must not be broken for it.
    system: Literal["standard"] | None = "standard" if colored(sys.stdout) else None
    console = Console(width=width or 160, markup=False, color_system=system)
    with console.capture() as captured:
        console.print(grid)
    # By click, as all else: Rich ends the program itself where a reader of the pipe has left.
    click.echo(captured.get(), nl=False)


def _side(cells: Sequence[str]) -> Literal["left", "right"]:
    """Where the cells of a column stand."""
    numeric = bool(cells) and all(c[:1].isdigit() or c[:1] in "-–" for c in cells if c)
    return "right" if numeric else "left"


def _least_width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Columns of a terminal in which no word of a table is broken."""
    cells = zip(columns, *rows, strict=True)
    longest = [
        max(len(word) for cell in column for word in cell.split() or [""]) for column in cells
    ]
    names = max((len(row[0]) for row in rows), default=0)
    return max(longest[0], names) + sum(longest[1:]) + 2 * len(columns) + 2


def _as_records(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], width: int
) -> str:
    """A table for a narrow terminal: a block of lines a row."""
    lines = [title] if title else []
    for name, *cells in rows:
        lines += ["", *textwrap.wrap(name, width)]
        for column, cell in zip(columns[1:], cells, strict=True):
            if cell:
                text = f"{column}: {cell}" if column else cell
                lines += textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(lines)


def several(names: Sequence[str], most: int = 20) -> str:
    """Names in a row; of many, the first few and how many there are."""
    shown = [harmless(name) for name in names]
    if len(names) <= most:
        return ", ".join(shown)
    return f"{', '.join(shown[:5])} … {len(names)} in all"


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1024:,.1f} kB" if count < 1 << 20 else f"{count / (1 << 20):,.1f} MB"
