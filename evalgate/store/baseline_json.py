"""The JSON format of a stored baseline; a file that was changed or cut is rejected."""

from __future__ import annotations

import datetime
import json
from typing import Any

from evalgate.domain import Arm, Result, Score, StoredBaseline, digest
from evalgate.domain.strict_json import JsonError, load
from evalgate.errors import InputError, Place
from evalgate.store import codec

FORMAT = 1
_FIELDS = tuple(name for name in codec.type_hints_of(StoredBaseline) if name != "results")
_KEYS = ("format", "key", *_FIELDS, "digest", "results")


def digest_results(stored: StoredBaseline) -> str:
    """Return the digest of the samples: two samplings of one version have the same key and different digests."""
    return _digest(stored.key, codec.encode(stored.results))


def render(stored: StoredBaseline) -> str:
    """Return the file's text in ASCII, with one result per line. Raise ValueError for a number that is not finite."""
    results = codec.encode(stored.results)
    head = {"format": FORMAT, "key": stored.key, **{name: codec.encode(getattr(stored, name)) for name in _FIELDS}}
    head["digest"] = _digest(stored.key, results)
    lines = [f" {json.dumps(name)}: {json.dumps(value, allow_nan=False)}" for name, value in head.items()]
    rows = ",\n".join(f"  {json.dumps(result, allow_nan=False)}" for result in results)
    return "{\n" + ",\n".join([*lines, f' "results": [\n{rows}\n ]']) + "\n}\n"


def read(text: str, path: str) -> StoredBaseline:
    """Return the samples that `render` wrote; `path` is for messages.

    Raise InputError for anything else: a later format, an incomplete file, a key or digest that does not match.
    """
    try:
        given = codec.expect(load(text), dict, "")
        if given.get("format") != FORMAT:
            raise codec.DecodeError("format", f"{given.get('format')!r} is not the {FORMAT} that this evalgate reads")
        given = codec.list_members(given, _KEYS, "")
        kinds = codec.type_hints_of(StoredBaseline)
        parts: dict[str, Any] = {name: codec.decode(kinds[name], given[name], name) for name in kinds}
        stored = StoredBaseline(**parts)
        if given["key"] != stored.key or given["digest"] != _digest(stored.key, given["results"]):
            raise codec.DecodeError("digest", "it does not match the samples: the file was edited or cut")
        if datetime.datetime.fromisoformat(stored.sampled_at).tzinfo is None:
            raise codec.DecodeError("sampled_at", "it has no time zone")
        _require_valid_samples(stored.results)
    except JsonError as error:
        what = "not JSON" if error.line else "not a stored baseline"
        place = Place(path=path, line=error.line, column=error.column)
        raise InputError(f"{what}: {error.problem}", place=place) from error
    except (codec.DecodeError, ValueError, RecursionError) as error:
        raise InputError(f"not a stored baseline: {error}", place=Place(path=path)) from error
    return stored


def _digest(key: str, results: Any) -> str:
    return digest([key, results])


def _require_valid_samples(results: tuple[Result, ...]) -> None:
    if len({(result.case, result.repeat) for result in results}) < len(results):
        raise codec.DecodeError("results", "it contains the same sample of a case twice")
    for result in results:
        if result.arm is not Arm.BASELINE or result.repeat < 0:
            raise codec.DecodeError("results", f"case {result.case} is not a sample of a baseline")
        if any(isinstance(score, Score) and not 0.0 <= score.value <= 1.0 for score in result.scores.values()):
            raise codec.DecodeError("results", f"a score of case {result.case} is outside [0, 1]")
