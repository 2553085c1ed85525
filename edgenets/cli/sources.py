"""Sources as arguments: `-?format=f32le` is standard input, not an option."""

from __future__ import annotations

import click

# What stands before a source until click has sorted out the options; no argument can hold it.
_MARK = "\0"


class SourceCommand(click.Command):
    """A command whose arguments may begin with `-?`, as standard input with options does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; values of options, and what stands after `--`, are left as they are."""
        valued = {
            name
            for option in self.params
            if isinstance(option, click.Option) and not (option.is_flag or option.count)
            for name in option.opts
        }
        marked: list[str] = []
        rest = iter(args)
        for word in rest:
            if word == "--":
                marked += [word, *rest]
            elif word in valued:
                marked += [word, *([value] if (value := next(rest, None)) is not None else [])]
            else:
                marked.append(f"{_MARK}{word}" if word.startswith("-?") else word)
        return super().parse_args(ctx, marked)


def unmarked(_: click.Context, __: click.Parameter, sources: tuple[str, ...]) -> tuple[str, ...]:
    """The sources as they were given."""
    return tuple(source.removeprefix(_MARK) for source in sources)
