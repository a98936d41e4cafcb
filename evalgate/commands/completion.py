"""`completion`: the script by which a shell completes verbs and options, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping

PLACES: Mapping[str, str] = {
    "bash": 'add to ~/.bashrc:  eval "$(evalgate completion bash)"',
    "zsh": 'add to ~/.zshrc, after compinit:  eval "$(evalgate completion zsh)"',
    "fish": "evalgate completion fish > ~/.config/fish/completions/evalgate.fish",
}
"""What a user of each shell does with the script."""


def add_instructions(shell: str, script: str) -> str:
    """Return the script with a comment that says where it goes."""
    return f"# {PLACES[shell]}\n{script.strip()}\n"
