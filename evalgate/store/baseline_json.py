"""A stored baseline as JSON and back: whole, and exactly as it was written, or refused."""

from __future__ import annotations

import datetime
import json
from typing import Any

from evalgate.domain import Arm, Result, Score, StoredBaseline, digest
from evalgate.domain.strict_json import JsonError, load
from evalgate.errors import InputError, Place
from evalgate.store import codec

FORMAT = 1
_OWN = tuple(name for name in codec.type_hints_of(StoredBaseline) if name != "results")
_KEYS = ("format", "key", *_OWN, "digest", "results")


def digest_results(stored: StoredBaseline) -> str:
    """What names these very samples: two samplings of one version have the same key and different digests."""
    return _digest(stored.key, codec.encode(stored.results))


def render(stored: StoredBaseline) -> str:
    """The file's text in ASCII, a result on each line. Raises ValueError for a number that is not finite."""
    results = codec.encode(stored.results)
    head = {"format": FORMAT, "key": stored.key, **{name: codec.encode(getattr(stored, name)) for name in _OWN}}
    head["digest"] = _digest(stored.key, results)
    lines = [f" {json.dumps(name)}: {json.dumps(value, allow_nan=False)}" for name, value in head.items()]
    rows = ",\n".join(f"  {json.dumps(result, allow_nan=False)}" for result in results)
    return "{\n" + ",\n".join([*lines, f' "results": [\n{rows}\n ]']) + "\n}\n"


def read(text: str, path: str) -> StoredBaseline:
    """The samples that `render` wrote; `path` is named in messages.

    Raises InputError for anything else: a later format, half a file, a key or a digest that is not of what it holds.
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
            raise codec.DecodeError("digest", "it is not that of the samples: the file was edited, or cut")
        if datetime.datetime.fromisoformat(stored.sampled_at).tzinfo is None:
            raise codec.DecodeError("sampled_at", "it has no time zone")
        _require_sound(stored.results)
    except JsonError as error:
        what = "not JSON" if error.line else "not a stored baseline"
        place = Place(path=path, line=error.line, column=error.column)
        raise InputError(f"{what}: {error.problem}", place=place) from error
    except (codec.DecodeError, ValueError, RecursionError) as error:
        raise InputError(f"not a stored baseline: {error}", place=Place(path=path)) from error
    return stored


def _digest(key: str, results: Any) -> str:
    return digest([key, results])


def _require_sound(results: tuple[Result, ...]) -> None:
    if len({(result.case, result.repeat) for result in results}) < len(results):
        raise codec.DecodeError("results", "one sample of a case stands twice")
    for result in results:
        if result.arm is not Arm.BASELINE or result.repeat < 0:
            raise codec.DecodeError("results", f"case {result.case} is no sample of a baseline")
        if any(isinstance(score, Score) and not 0.0 <= score.value <= 1.0 for score in result.scores.values()):
            raise codec.DecodeError("results", f"a score of case {result.case} lies outside [0, 1]")
