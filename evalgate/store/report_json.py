"""The JSON format of a report: equal reports give equal bytes, and files that evalgate did not write are rejected."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from evalgate.domain import (
    RULE,
    Admission,
    Attempts,
    Evidence,
    GateReport,
    PolicyChange,
    Redrawn,
    Report,
    Result,
    SignOff,
    Usage,
    Verdict,
)
from evalgate.domain.stored_result import StoredResult
from evalgate.domain.strict_json import JsonError, load, refuse_constant
from evalgate.errors import InputError, Place
from evalgate.store import codec
from evalgate.store.codec import DecodeError

FORMAT = 1
_TOOL = "evalgate"
# The results come last, so that the verdict is at the beginning of the file.
_GATE_KEYS = (
    "name",
    "decision",
    "exit_code",
    "level",
    "candidate",
    "baseline",
    "dataset",
    "counts",
    "look",
    "units",
    "blocking",
    "constant_output",
    "flips",
    "tags",
    "comparisons",
    "findings",
    "requirements",
    "calls",
    "usage",
    "cost_usd",
    "notes",
    "criteria",
    "thresholds",
    "policy",
    "level_policy",
    "sequential",
    "redraws",
    "stored_baseline",
    "shard",
    "part",
    "verdict_key",
    "answering",
    "evaluated",
    "deterministic",
    "order",
    "clusters",
    "requests",
    "revert",
    "moved",
    "shown_key",
    "recorded",
    "replay",
    "prompt_change",
    "inputs",
    "similarity",
    "results",
    "confirmations",
)
_OPTIONAL: Mapping[str, Any] = {
    "part": None,
    "revert": None,
    "answering": None,
    "moved": (),
    "shown_key": None,
    "recorded": None,
    "replay": None,
    "inputs": {},
    "prompt_change": None,
    "similarity": None,
}
"""The keys of a gate that are only written if they have another value than this."""
_KEYS = (
    "format",
    "tool",
    "rule",
    "run_id",
    "created_at",
    "decision",
    "exit_code",
    "usage",
    "cost_usd",
    "warnings",
    "policy_changes",
    "sign_off",
    "attempts",
    "gates",
)
_OPTIONAL_KEYS = ("texts", "redrawn")
# Defaults for keys that reports of the first decision rule do not have, by their place.
_GATE_DEFAULTS: Mapping[str, Any] = {
    "units": 0,
    "blocking": [],
    "constant_output": None,
    "verdict_key": None,
    "evaluated": None,
    "deterministic": [],
    "requests": {},
}
_PART_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "comparisons": {"units": 0, "pairs": 0, "left_out": [], "broken": [], "fixed": [], "suspects": []},
    "criteria": {"strict": False},
    "dataset": {"kept": 0, "edited": 0},
    "policy": {"attempts": "note", "minor_words": 60},
}
# The depth of report > gates > gate > findings or results: down to there, each entry has its own line.
_MULTILINE_DEPTH = 4
_ENCODER = json.JSONEncoder(allow_nan=False)


def render(report: Report) -> str:
    """Return the report as JSON in ASCII, ending with a newline. Raise ValueError for a number that is not finite."""
    return "".join(pieces(report))


def pieces(report: Report) -> Iterator[str]:
    """Yield the text of `render` in short pieces, so that no second copy of a long report is in memory."""
    yield from _iterate_json(_encode_document(report, _encode_unless_tuple), 0)
    yield "\n"


def line(result: Result) -> str:
    """Return one result as its line in a report. Raise ValueError for a number that is not finite."""
    return result.line if isinstance(result, StoredResult) else _ENCODER.encode(codec.encode(result))


def result(line: str) -> Result:
    """Return the result that `line` wrote."""
    # not strict JSON: evalgate wrote the line in this run, or the caller compares it with `line` of the result
    found: Result = codec.decode(Result, json.loads(line), "")
    return found


def read(text: str, path: str) -> Report:
    """Return the report that `render` wrote; `path` is for messages. Raise InputError for anything else."""
    data = _parse(text, path)
    try:
        return _decode_report(data)
    except (DecodeError, OverflowError) as error:
        raise InputError(
            f"not a report of evalgate: {error}",
            place=Place(path=path),
            hint="give the file that `evalgate run --format json --output PATH` wrote, unchanged",
        ) from error


def render_around(text: str, lists: Iterable[tuple[StoredResult, ...]]) -> Report:
    """Return the report that `render` wrote. Each NaN in `text` stands for one of `lists`, the lists of its results.

    Raise ValueError, DecodeError, OverflowError or RecursionError for anything else.
    """
    left = iter(lists)

    def next_list(constant: str) -> tuple[StoredResult, ...]:
        found = next(left, None)
        if found is None:
            refuse_constant(constant)
        return found

    return _decode_report(load(text, on_constant=next_list))


def _decode_report(data: Any) -> Report:
    """Return the report for plain data. Lists of results that were decoded already are tuples in it."""
    if isinstance(data, dict) and "rule" not in data and data.get("format") == FORMAT:
        _add_defaults(data)
    report = _decode_document(data)
    _compare(data, _encode_document(report, _encode_unless_stored), "")
    return report


def _add_defaults(data: dict[str, Any]) -> None:
    """Add the keys that reports of the first decision rule do not have, with their default values.

    Data that is not a report is left unchanged: the later checks report the problem and its path.
    """
    data["rule"] = 1
    data.setdefault("attempts", None)
    gates = data.get("gates")
    for gate in gates if isinstance(gates, list) else ():
        if not isinstance(gate, dict):
            continue
        _add_missing(gate, _GATE_DEFAULTS)
        for name, added in _PART_DEFAULTS.items():
            entries = gate.get(name)
            for entry in entries if isinstance(entries, list) else [entries]:
                if isinstance(entry, dict):
                    _add_missing(entry, added)


def _add_missing(given: dict[str, Any], added: Mapping[str, Any]) -> None:
    given |= {key: value for key, value in added.items() if key not in given}


def _encode_unless_stored(value: Any) -> Any:
    """Encode a value, except for a tuple of stored results: their lines were compared one by one."""
    return value if isinstance(value, tuple) and value and isinstance(value[0], StoredResult) else codec.encode(value)


def _encode_unless_tuple(value: Any) -> Any:
    """Encode a value, except for a tuple: `_iterate_json` encodes its entries, which may be many, one by one."""
    return value if isinstance(value, tuple) else codec.encode(value)


def _encode_document(report: Report, encode: Callable[[Any], Any]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "tool": {"name": _TOOL, "version": report.tool_version},
        "rule": report.rule,
        "run_id": report.run_id,
        "created_at": report.created_at,
        "decision": codec.encode(report.decision),
        "exit_code": codec.encode(report.exit_code),
        "usage": codec.encode(sum((gate.evidence.usage for gate in report.gates), Usage())),
        "cost_usd": report.cost_usd,
        "warnings": codec.encode(report.warnings),
        "policy_changes": codec.encode(report.policy_changes),
        "sign_off": codec.encode(report.sign_off),
        "attempts": codec.encode(report.attempts),
        **({} if report.texts == "all" else {"texts": report.texts}),
        **({} if report.redrawn is None else {"redrawn": codec.encode(report.redrawn)}),
        "gates": [_encode_gate(gate, encode) for gate in report.gates],
    }


def _encode_gate(gate: GateReport, encode: Callable[[Any], Any]) -> dict[str, Any]:
    parts = {name: getattr(gate.evidence, name) for name in codec.type_hints_of(Evidence)}
    parts |= {name: getattr(gate, name) for name in codec.type_hints_of(GateReport) if name != "evidence"}
    written = [name for name in _GATE_KEYS if name not in _OPTIONAL or parts[name] != _OPTIONAL[name]]
    return {name: encode(parts[name]) for name in written}


def _decode_document(data: Any) -> Report:
    written = codec.expect(data, dict, "").get("format")
    if isinstance(written, int) and not isinstance(written, bool) and written > FORMAT:
        raise DecodeError("format", f"written by a newer evalgate (format {written}; this one reads {FORMAT})")
    given = codec.list_members(data, (*_KEYS, *(name for name in _OPTIONAL_KEYS if name in data)), "")
    rule = codec.expect(given["rule"], int, "rule")
    if rule > RULE:
        raise DecodeError("rule", f"written by a newer evalgate (rule {rule}; this one decides by rule {RULE})")
    if rule < 1:
        raise DecodeError("rule", f"{rule} is not the number of a rule")
    tool = codec.list_members(given["tool"], ("name", "version"), "tool")
    gates = codec.expect(given["gates"], list, "gates")
    admission = codec.decode(Admission, given["exit_code"], "exit_code")
    if given["policy_changes"] and admission.lets_merge and given["sign_off"] is None:
        raise DecodeError("exit_code", "0 is not valid: the policy was edited, and the edit was not signed off")
    return Report(
        run_id=codec.expect(given["run_id"], str, "run_id"),
        created_at=codec.expect(given["created_at"], str, "created_at"),
        tool_version=codec.expect(tool["version"], str, "tool.version"),
        decision=codec.decode(Verdict, given["decision"], "decision"),
        exit_code=admission,
        gates=tuple(_decode_gate(gate, f"gates[{i}]") for i, gate in enumerate(gates)),
        warnings=codec.decode(tuple[str, ...], given["warnings"], "warnings"),
        policy_changes=codec.decode(tuple[PolicyChange, ...], given["policy_changes"], "policy_changes"),
        sign_off=codec.decode(SignOff | None, given["sign_off"], "sign_off"),
        rule=rule,
        attempts=codec.decode(Attempts | None, given["attempts"], "attempts"),
        texts=codec.decode(codec.type_hints_of(Report)["texts"], given.get("texts", "all"), "texts"),
        redrawn=codec.decode(Redrawn | None, given.get("redrawn"), "redrawn"),
    )


def _decode_gate(data: Any, where: str) -> GateReport:
    names = [name for name in _GATE_KEYS if name not in _OPTIONAL or name in codec.expect(data, dict, where)]
    given = {
        **{name: codec.encode(value) for name, value in _OPTIONAL.items()},
        **codec.list_members(data, names, where),
    }
    of_gate = {name: kind for name, kind in codec.type_hints_of(GateReport).items() if name != "evidence"}
    evidence = Evidence(**_decode_members(codec.type_hints_of(Evidence), given, where))
    return GateReport(evidence=evidence, **_decode_members(of_gate, given, where))


def _decode_members(kinds: Mapping[str, Any], given: Mapping[str, Any], where: str) -> dict[str, Any]:
    return {
        # JSON has no tuples: a tuple is a list of results that were decoded already
        name: given[name] if isinstance(given[name], tuple) else codec.decode(kind, given[name], f"{where}.{name}")
        for name, kind in kinds.items()
    }


def _compare(given: Any, written: Any, where: str) -> None:
    """Raise DecodeError at the first difference between the file and what evalgate writes for its report.

    Examples are a wrong sum and an unknown key.
    """
    if isinstance(given, dict) and isinstance(written, dict):
        codec.list_members(given, written, where)
        for name in written:
            _compare(given[name], written[name], f"{where}.{name}" if where else name)
    elif isinstance(given, list) and isinstance(written, list) and len(given) == len(written):
        for i, pair in enumerate(zip(given, written, strict=True)):
            _compare(*pair, f"{where}[{i}]")
    elif given != written or isinstance(given, bool) is not isinstance(written, bool):
        raise DecodeError(where, f"expected {_shorten(written)}, found {_shorten(given)}")


def _shorten(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _iterate_json(value: Any, depth: int) -> Iterator[str]:
    if depth < _MULTILINE_DEPTH and value and isinstance(value, (dict, list, tuple)):
        is_object = isinstance(value, dict)
        yield "{" if is_object else "["
        for position, item in enumerate(value):
            yield f"{',' if position else ''}\n{' ' * (depth + 1)}"
            if is_object:
                yield f"{_ENCODER.encode(item)}: "
                yield from _iterate_json(value[item], depth + 1)
            elif isinstance(item, Result):
                yield line(item)
            else:
                yield from _iterate_json(codec.encode(item) if isinstance(value, tuple) else item, depth + 1)
        yield f"\n{' ' * depth}{'}' if is_object else ']'}"
    else:
        yield _ENCODER.encode(value)


def _parse(text: str, path: str) -> Any:
    try:
        return load(text)
    except JsonError as error:
        what = "not JSON" if error.line else "not a report of evalgate"
        place = Place(path=path, line=error.line, column=error.column)
        raise InputError(f"{what}: {error.problem}", place=place) from error
