"""What an import could not carry over, or carried over in another form: sentences with places in the foreign file."""

from __future__ import annotations

from dataclasses import dataclass, field

from evalgate.errors import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One sentence about a place of the foreign file."""

    text: str
    place: Place | None = None

    def __str__(self) -> str:
        return self.text if self.place is None else f"{self.place}: {self.text}"


@dataclass(slots=True)
class Remarks:
    """What an import has to tell, in three lists.

    `left_out` is missing in the result. `changed` is there in another form, so that it may decide differently. `open`
    is what the user has to fill in, such as a target that evalgate has no address for.
    """

    left_out: dict[Remark, None] = field(default_factory=dict)
    changed: dict[Remark, None] = field(default_factory=dict)
    open: dict[Remark, None] = field(default_factory=dict)

    def leave_out(self, text: str, place: Place | None = None) -> None:
        self.left_out[Remark(text=text, place=place)] = None

    def change(self, text: str, place: Place | None = None) -> None:
        self.changed[Remark(text=text, place=place)] = None

    def ask(self, text: str, place: Place | None = None) -> None:
        self.open[Remark(text=text, place=place)] = None
