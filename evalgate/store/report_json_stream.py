"""A report as evalgate lays it out, read line by line: no more than one of its results is in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from evalgate.domain import Report, Result
from evalgate.domain.stored_result import StoredResult
from evalgate.store import report_json
from evalgate.store.codec import DecodeError

_OPENS = ('   "results": [\n', '   "confirmations": [\n')
_CLOSES = ("   ]\n", "   ],\n")
_INDENT = "    "


def read(lines: Iterable[str], put: Callable[[Result, str], StoredResult]) -> Report | None:
    """The report with what `put` gives for each of its results, which gets the result and how it is written.

    None for whatever is not laid out, or not sound, to the last byte: `json.read` then says what is wrong, or reads it.
    What is read here, `json.read` reads too. Raises what `lines` or `put` raise, but for ValueError.

    Every result's line has to be the very one that is written for the result it tells of, so its numbers are finite and
    no key of it is there twice. Around the lists of results stands a small document. There each of these lists is
    replaced by a NaN, which no report holds: one that was in the file is one too many.
    """
    try:
        around, lists = _split_results(lines, put)
        return report_json.render_around(around, lists) if lists else None
    except (DecodeError, ValueError, OverflowError, RecursionError):
        return None


def _split_results(
    lines: Iterable[str], put: Callable[[Result, str], StoredResult]
) -> tuple[str, list[tuple[StoredResult, ...]]]:
    """What stands around the lists of results, with NaN for each of them, and these lists in their order."""
    rest = iter(lines)
    around: list[str] = []
    lists: list[tuple[StoredResult, ...]] = []
    for text in rest:
        if text not in _OPENS:
            around.append(text)
            continue
        # No line begins within a string, or `around` is no JSON: the name is a key, and what follows it is its value.
        found, closes = _list(rest, put)
        lists.append(found)
        around += [text.removesuffix("[\n"), "NaN", closes.removeprefix("   ]")]
    return "".join(around), lists


def _list(lines: Iterator[str], put: Callable[[Result, str], StoredResult]) -> tuple[tuple[StoredResult, ...], str]:
    """The results of one list, of which there is one at the least, and the line that closes it."""
    found: list[StoredResult] = []
    ends = ",\n"
    for text in lines:
        if ends == "\n" and text in _CLOSES:
            return tuple(found), text
        if ends == "\n" or not text.startswith(_INDENT):
            break
        ends = ",\n" if text.endswith(",\n") else "\n"
        line = text.removeprefix(_INDENT).removesuffix(ends)
        result = report_json.result(line)
        if report_json.line(result) != line:
            break
        found.append(put(result, line))
    raise DecodeError("", "its results are not laid out as evalgate writes them")
