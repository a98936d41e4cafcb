"""A reader for report files in evalgate's own layout: line by line, with one decoded result in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from evalgate.domain import Report, Result
from evalgate.domain.stored_result import StoredResult
from evalgate.store import report_json
from evalgate.store.codec import DecodeError

_LIST_STARTS = ('   "results": [\n', '   "confirmations": [\n')
_LIST_ENDS = ("   ]\n", "   ],\n")
_INDENT = "    "


def read(lines: Iterable[str], put: Callable[[Result, str], StoredResult]) -> Report | None:
    """Return the report, with the return value of `put` in place of each result.

    `put` gets the result and its line. Return None if the layout or the content differs in any byte from what evalgate
    writes: `report_json.read` then reads the file or reports the problem. It also reads every file that is read here.
    Raise the exceptions of `lines` and `put`, except for ValueError.

    Each result's line must equal the line that is written for the decoded result. Its numbers are therefore finite, and
    no key appears twice. The rest of the report is a small document in which a NaN replaces each list of results. A
    report contains no NaN, so one in the file is an additional NaN and is rejected.
    """
    try:
        around, lists = _split_results(lines, put)
        return report_json.render_around(around, lists) if lists else None
    except (DecodeError, ValueError, OverflowError, RecursionError):
        return None


def _split_results(
    lines: Iterable[str], put: Callable[[Result, str], StoredResult]
) -> tuple[str, list[tuple[StoredResult, ...]]]:
    """Return the rest of the report, with NaN in place of each list of results, and these lists in order."""
    rest = iter(lines)
    around: list[str] = []
    lists: list[tuple[StoredResult, ...]] = []
    for text in rest:
        if text not in _LIST_STARTS:
            around.append(text)
            continue
        # No valid JSON string contains a line break: so the name is a key, and the list after it is its value.
        found, closing = _read_list(rest, put)
        lists.append(found)
        around += [text.removesuffix("[\n"), "NaN", closing.removeprefix("   ]")]
    return "".join(around), lists


def _read_list(
    lines: Iterator[str], put: Callable[[Result, str], StoredResult]
) -> tuple[tuple[StoredResult, ...], str]:
    """Return the results of one list, at least one, and the line that closes it."""
    found: list[StoredResult] = []
    ends = ",\n"
    for text in lines:
        if ends == "\n" and text in _LIST_ENDS:
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
