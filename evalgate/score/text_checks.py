"""Checks of a whole text: how it begins and ends, which text it is, how far it is from one, and whether it refuses."""

from __future__ import annotations

from evalgate.domain import Case, Check, Output, normalize
from evalgate.domain.numbers import show_count
from evalgate.score.examined import as_list, find_text, fold, read_expected, read_texts, read_value
from evalgate.score.json_output import is_equal
from evalgate.score.observation import NotScoredError, NoValueError, Observation, join_texts, quote
from evalgate.score.refusal_words import find_refusal

MAX_DISTANCE = 10_000
"""The largest limit of a distance, so that its time is linear in the length of the texts."""


def check_starts_with(check: Check, case: Case, output: Output) -> Observation:
    """Require a text at the start of the output, after white space: any of them if the field has several."""
    texts, text = read_texts(check, case), _read_visible(check, output)
    folded = fold(check, text)
    holds = any(folded.startswith(fold(check, wanted.strip())) for wanted in texts)
    return Observation(holds, f"start with {_list_any(texts)}", quote(text))


def check_ends_with(check: Check, case: Case, output: Output) -> Observation:
    """Require a text at the end of the output, before white space: any of them if the field has several."""
    texts, text = read_texts(check, case), _read_visible(check, output)
    folded = fold(check, text)
    holds = any(folded.endswith(fold(check, wanted.strip())) for wanted in texts)
    return Observation(holds, f"end with {_list_any(texts)}", quote(text[-60:]))


def check_one_of(check: Check, case: Case, output: Output) -> Observation:
    """Require one of several values, as `equals` compares each: texts without white space at both ends.

    With `at`, or if none of the values is a text, the output is read as JSON.
    """
    wanted = as_list(read_expected(check, case))
    if not wanted or any(value is None or (isinstance(value, str) and not normalize(value)) for value in wanted):
        raise NotScoredError(f"case {case.id}: there is no value to compare with, or an empty one")
    is_json = "at" in check.options or not any(isinstance(value, str) for value in wanted)
    found = read_value(check, output) if is_json else output.text
    if found is None:
        raise NoValueError(
            f"must have a value{f' at {place}' if (place := check.options.get('at')) else ''}; found null"
        )
    holds = any(_is_same(check, value, found) for value in wanted)
    return Observation(holds, f"be one of {join_texts(wanted)}", quote(found))


def check_levenshtein(check: Check, case: Case, output: Output) -> Observation:
    """Limit the edits (inserted, removed or replaced characters) between the output and the expected text.

    Texts are compared without white space at both ends. Of several expected texts, the nearest counts.
    """
    from rapidfuzz.distance import Levenshtein

    texts, text = read_texts(check, case), _read_visible(check, output)
    limit = int(str(check.options["max_distance"]))
    folded = fold(check, text)
    # beyond the limit the distance is not computed: the result is limit + 1
    distance = min(Levenshtein.distance(fold(check, each.strip()), folded, score_cutoff=limit) for each in texts)
    wanted = f"be at most {show_count(limit, 'edit')} from {_list_any(texts)}"
    return Observation(distance <= limit, wanted, f"{distance if distance <= limit else 'more'} in {quote(text)}")


def check_no_refusal(check: Check, case: Case, output: Output) -> Observation:
    """Forbid an answer that begins with one of the refusals of `refusal_words`, or of the check's own `phrases`."""
    phrases = [str(phrase) for phrase in as_list(check.options.get("phrases", []))]
    text = _read_visible(check, output)
    refusal = find_refusal(text, phrases)
    return Observation(refusal is None, "not begin with a refusal", quote(text) if refusal is None else quote(refusal))


def _read_visible(check: Check, output: Output) -> str:
    """Return the text that the check examines, without white space at both ends. An empty one passes no check."""
    text = find_text(check, output).strip()
    if not normalize(text):
        raise NoValueError("must have a text; found none that is visible")
    return text


def _is_same(check: Check, wanted: object, found: object) -> bool:
    if isinstance(wanted, str) and isinstance(found, str):
        return fold(check, wanted.strip()) == fold(check, found.strip())
    return is_equal(wanted, found)


def _list_any(texts: list[str]) -> str:
    return f"{'one of ' if len(texts) > 1 else ''}{join_texts(texts)}"
