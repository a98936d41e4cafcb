"""The check that an output is XML: well-formed, without a document type, so that no entity is expanded or loaded."""

from __future__ import annotations

from xml.parsers import expat

from evalgate.domain import Case, Check, Output
from evalgate.score.examined import as_list, find_text
from evalgate.score.observation import Observation, join_texts, quote

MAX_DEPTH = 200


class _RefusedError(Exception):
    """A document with something that is not read."""


def check_xml(check: Check, case: Case, output: Output) -> Observation:
    """Require one well-formed XML document, and the elements whose paths the check names (`order/item`)."""
    text = find_text(check, output).strip()
    wanted = tuple(str(path).strip("/") for path in as_list(check.options.get("elements", [])))
    try:
        present = find_paths(text, frozenset(wanted))
    except ValueError as error:
        return Observation(False, "be XML", f"{error}, in {quote(text)}")
    missing = [path for path in wanted if path not in present]
    described = f"be XML{f' with {join_texts(wanted)}' if wanted else ''}"
    return Observation(not missing, described, f"no {join_texts(missing)}" if missing else quote(text))


def find_paths(text: str, wanted: frozenset[str] = frozenset()) -> set[str]:
    """Parse a text as one XML document, and return those of the wanted paths of elements that it has.

    Raises ValueError, with a phrase, for a text that is not well-formed, a document type (`<!DOCTYPE`), more than
    `MAX_DEPTH` elements inside each other, and a text that UTF-8 cannot encode. An encoding that the document declares
    is ignored: the text is decoded already.
    """
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a half of a surrogate pair") from None
    parser = expat.ParserCreate("utf-8")
    path: list[str] = []
    present: set[str] = set()
    deepest = max((each.count("/") + 1 for each in wanted), default=0)

    def start(name: str, attributes: dict[str, str]) -> None:
        path.append(name)
        if len(path) > MAX_DEPTH:
            raise _RefusedError(f"more than {MAX_DEPTH} elements inside each other")
        if len(path) <= deepest and (joined := "/".join(path)) in wanted:
            present.add(joined)

    def refuse(*declared: object) -> None:
        raise _RefusedError("a document type, which is not read")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda name: path.pop()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except _RefusedError as refusal:
        raise ValueError(str(refusal)) from None
    except expat.ExpatError as error:
        raise ValueError(f"{expat.ErrorString(error.code)} at line {error.lineno}, column {error.offset + 1}") from None
    return present
