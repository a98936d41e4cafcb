"""One case in four lines: what changed and why, its input, and the outputs of both versions around their difference."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from evalgate.report import case_selection
from evalgate.report.escape import prose
from evalgate.report.input_lines import make_input_lines

_CONTEXT = 40
_NAME = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLines:
    """The lines of one case, each at most as long as asked for and cut between words. Texts still need escaping.

    `why` begins with the criteria that the case is shown for. `rest` are the other lines, each a name and a text.
    """

    case: str
    why: str
    rest: tuple[tuple[str, str], ...]


def make_case_lines(shown: case_selection.ShownCase, most: int, *, critical: Collection[str] = ()) -> CaseLines:
    """Return the four lines of a case, each of about `most` characters. Of its tags only `critical` ones are named."""
    case = prose(shown.case, most=_NAME)
    found = make_input_lines(shown.inputs, most=1)[:1]
    texts = _cut_around_difference([_join_text(shown, side) for side in shown.sides], most - 14)
    rest = [(line.name, cut_words(line.text, most - len(line.name) - 4)) for line in found]
    rest += [(str(side.arm), text) for side, text in zip(shown.sides, texts, strict=True)]
    why = cut_words(_explain(shown, critical), max(20, most - len(case) - 2))
    return CaseLines(case=case, why=why, rest=tuple(rest))


def cut_words(text: str, most: int) -> str:
    """Return the text, or its first words with an ellipsis in at most `most` characters; a long word is cut."""
    if len(text) <= most:
        return text
    end = text.rfind(" ", most // 2, most - 3)
    return f"{text[: end if end > 0 else max(1, most - 4)]} ..."


def _explain(shown: case_selection.ShownCase, critical: Collection[str]) -> str:
    """Return the critical tags of a case, its criteria, and the reason of the first one."""
    names = [f"{name} ({word})" if word else name for name, word in case_selection.explain(shown)]
    side = shown.candidate or shown.baseline
    marks = {mark.criterion: mark for mark in side.marks} if side else {}
    first = marks.get(shown.criteria[0]) if shown.criteria else None
    reason = ""
    if first is not None:
        reason = f": {prose(first.reason)}" if first.reason else f": {first.score}"
    return f"{', '.join([*(tag for tag in shown.tags if tag in critical), *names])}{reason}"


def _join_text(shown: case_selection.ShownCase, side: case_selection.Side) -> str:
    if side.text == case_selection.ONLY_SCORES:
        return ", ".join(f"{prose(m.criterion)} {m.score}" for m in side.marks if m.criterion in shown.criteria)
    calls = f" {side.calls}" if shown.calls and side.calls else ""
    return prose(f"{side.text}{calls}", most=20_000)


def _cut_around_difference(texts: list[str], most: int) -> list[str]:
    """Cut each text to `most` characters; two texts begin shortly before their first difference if that comes late."""
    start = 0
    if len(texts) == 2 and texts[0] != texts[1]:
        same = next((i for i, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
        if same > most // 2:
            start = texts[0].rfind(" ", 0, max(0, same - min(_CONTEXT, most // 3))) + 1
    return [cut_words(f"... {text[start:]}" if start else text, most) for text in texts]
