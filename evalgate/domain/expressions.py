"""What all template syntaxes share: an expression in a text, and the error of a text that cannot be rendered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """An expression in a template, as written, with its position in the text. `name` is the name inside of it."""

    name: str
    written: str
    position: int


class RenderingError(ValueError):
    """A template that cannot be compiled or rendered: why, and the line of the text or of the included file."""

    def __init__(self, problem: str, line: int = 0, file: str | None = None, *, name: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.file = file
        self.name = name
        """The variable that the case lacks, if that is the fault."""
