"""`edgenets completion`."""

from __future__ import annotations

import click


@click.command(
    epilog="""\b
Examples:
  edgenets completion bash > ~/.local/share/bash-completion/completions/edgenets
  edgenets completion zsh > ~/.zfunc/_edgenets
  edgenets completion fish > ~/.config/fish/completions/edgenets.fish"""
)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(shell: str, as_json: bool) -> None:
    """Print the completion script of your shell."""
    from click.shell_completion import get_completion_class

    from edgenets.cli.main import cli
    from edgenets.cli.options import emit

    kind = get_completion_class(shell)
    assert kind is not None, "click has these three"
    source = kind(cli, {}, "edgenets", "_EDGENETS_COMPLETE").source()
    if as_json:
        emit({"shell": shell, "script": source})
    else:
        click.echo(source)
