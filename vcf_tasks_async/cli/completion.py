"""`vcf-tasks completion`: what a shell needs to complete our commands. The scripts are click's own."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from vcf_tasks_async.cli.running import fail

__all__ = ["completion"]


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    \b
    Examples:
      vcf-tasks completion bash > ~/.local/share/bash-completion/completions/vcf-tasks
      vcf-tasks completion zsh > ~/.zfunc/_vcf-tasks      # with fpath+=~/.zfunc before compinit
      vcf-tasks completion fish > ~/.config/fish/completions/vcf-tasks.fish
    """
    complete = get_completion_class(shell)
    if complete is None:
        fail(f"this click knows no completion for {shell}")
    root = ctx.find_root().command
    print(complete(root, {}, "vcf-tasks", "_VCF_TASKS_COMPLETE").source())
