"""Findings about the cases of a dataset: cases that measure nothing, little, or the same as another one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from evalgate.domain import Case, Check, Gate, GoldenDataset, Policy, PromptVersion, applies, as_text, normalize
from evalgate.domain.case_ids import OWN_KEYS
from evalgate.domain.field_paths import dig
from evalgate.domain.lists import name_some
from evalgate.domain.numbers import show_count
from evalgate.domain.placeholders import PLACEHOLDER, is_placeholder
from evalgate.domain.units import number_units
from evalgate.errors import Place
from evalgate.plan.asked_field import NOT_ASKED
from evalgate.plan.case_fields import AND_MORE, list_unused_fields
from evalgate.plan.near_duplicates import find_near_duplicates

_LEAST_ANSWER = 12
"""Characters of an answer that is searched for. A shorter one is in many texts by chance."""
_NAMED = 5
_LISTED = 20


Kind: TypeAlias = Literal[
    "near_duplicate", "leaked_answer", "small_tag", "always_passes", "unused_field", "placeholder", "empty_expected"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFinding:
    """One finding about cases, with its place and how to mend it. It decides nothing."""

    kind: Kind
    message: str
    place: Place
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRecord:
    """The cases that several versions answered with full scores in stored reports, and how many versions these are."""

    cases: frozenset[str]
    versions: int


def find_case_findings(
    dataset: GoldenDataset,
    gates: Sequence[Gate],
    versions: Sequence[PromptVersion],
    policy: Policy,
    *,
    least_in_tag: int,
    shown_drop: float,
    record: CaseRecord | None = None,
) -> Iterator[CaseFinding]:
    """Yield the findings about a dataset that these gates use, with the prompts of the gates.

    `least_in_tag` is the number of units below which a tag is not tested by itself, `shown_drop` the drop that so many
    units reliably show.
    """
    names = list_asked_fields(dataset, versions)
    yield from _find_placeholders(dataset)
    yield from _find_duplicates(dataset, names)
    yield from _find_leaks(dataset, gates, versions, names)
    yield from _find_empty(dataset, gates)
    yield from _find_small_tags(dataset, policy, names, least_in_tag, shown_drop)
    yield from _find_always_passing(dataset, record)
    yield from _find_unused(dataset, gates, versions)


def list_asked_fields(dataset: GoldenDataset, versions: Sequence[PromptVersion]) -> tuple[str, ...]:
    """Return the fields that the prompts send; without any, all fields but those with the id and the answer."""
    fields = dict.fromkeys(name for case in dataset.cases for name in case.fields)
    sent = {name for version in versions for name in version.variables} & set(fields)
    return tuple(name for name in fields if name in sent) or tuple(name for name in fields if name not in NOT_ASKED)


def number_case_units(cases: Sequence[Case], names: Sequence[str]) -> list[int]:
    """Return the unit of each case: cases of one cluster, or with equal fields of these names, are one unit."""
    order = [case.id for case in cases]
    clusters = {case.id: case.cluster for case in cases if case.cluster is not None}
    asked = {case.id: tuple(normalize(as_text(case.fields.get(name))) for name in names) for case in cases}
    return number_units(order, clusters, asked)


def _find_placeholders(dataset: GoldenDataset) -> Iterator[CaseFinding]:
    marked = [case for case in dataset.cases if any(is_placeholder(value) for value in case.fields.values())]
    for case in marked[:_LISTED]:
        names = [name for name, value in case.fields.items() if is_placeholder(value)]
        message = f'case {case.id}: {", ".join(names)} still has the text "{PLACEHOLDER}"'
        yield _make("placeholder", message, dataset, case.line, "write a case of your own")
    yield from _count_rest("placeholder", marked, dataset, "cases with placeholders")


def _find_duplicates(dataset: GoldenDataset, names: Sequence[str]) -> Iterator[CaseFinding]:
    cases = [case for case in dataset.cases if not any(is_placeholder(value) for value in case.fields.values())]
    texts = ["\n".join(as_text(case.fields.get(name, "")) for name in names) for case in cases]
    found = {
        position: first
        for position, first in find_near_duplicates(texts).items()
        if cases[position].cluster is None or cases[position].cluster != cases[first].cluster
    }
    for position, first in list(found.items())[:_LISTED]:
        case, other = cases[position], cases[first]
        is_equal = normalize(texts[position]) == normalize(texts[first])
        what = "asks what" if is_equal else "asks nearly what"
        count = ", and both count as one" if is_equal else ""
        message = f"case {case.id} {what} case {other.id} (line {other.line}) asks{count}"
        yield _make("near_duplicate", message, dataset, case.line, "remove one, or give both the same `cluster`")
    yield from _count_rest("near_duplicate", [cases[position] for position in found], dataset, "near-duplicates")


def _find_leaks(
    dataset: GoldenDataset, gates: Sequence[Gate], versions: Sequence[PromptVersion], names: Sequence[str]
) -> Iterator[CaseFinding]:
    """Yield a finding for each answer that is in the prompt's own text or in what the case sends.

    An answer that many cases share is the name of a class, which the prompt has to say. A field with the answers of
    more than half of the cases is the source in which they are to be found.
    """
    answers = {case.id: _list_answers(case, gates) for case in dataset.cases}
    common = Counter(answer for found in answers.values() for answer in set(found))
    own = [(version.path, _flatten(message.content)) for version in versions for message in version.messages]
    inside: dict[str, list[Case]] = {}
    holding: Counter[str] = Counter()
    leaks: list[CaseFinding] = []
    hint = "take the answer out of the prompt, or replace the case"
    for case in dataset.cases:
        sought = [answer for answer in answers[case.id] if len(answer) >= _LEAST_ANSWER and common[answer] < 3]
        paths = dict.fromkeys(path for path, text in own if any(answer in text for answer in sought))
        if paths:
            message = f"the expected answer of case {case.id} is in the prompt {', '.join(paths)}"
            leaks.append(_make("leaked_answer", message, dataset, case.line, hint))
        for name in names if answers[case.id] else ():
            text = _flatten(as_text(case.fields.get(name, "")))
            holding[name] += any(answer in text for answer in answers[case.id])
            if any(answer in text for answer in sought):
                inside.setdefault(name, []).append(case)
    hint = "ask without the answer; if it is to be found there, the case is in order"
    for name, cases in inside.items():
        if 2 * holding[name] <= sum(map(bool, answers.values())):
            for case in cases:
                message = f"the expected answer of case {case.id} is in its own {name}"
                leaks.append(_make("leaked_answer", message, dataset, case.line, hint))
    yield from leaks[:_LISTED]
    if len(leaks) > _LISTED:
        message = f"and {show_count(len(leaks) - _LISTED, 'more leaked answer')}"
        yield _make("leaked_answer", message, dataset, leaks[_LISTED].place.line, hint)


def _list_answers(case: Case, gates: Sequence[Gate]) -> list[str]:
    """Return the expected texts of a case: its field `expected`, and the fields from which checks take theirs."""
    paths = {
        "expected",
        *(str(check.options["from"]) for check in _list_checks(gates, case) if "from" in check.options),
    }
    found: list[str] = []
    for path in paths:
        try:
            value = dig(case.fields, path)
        except LookupError:
            continue
        values = value if isinstance(value, list | tuple) else [value]
        found += [_flatten(one) for one in values if isinstance(one, str)]
    return [text for text in found if text]


def _list_checks(gates: Sequence[Gate], case: Case) -> list[Check]:
    return [each for gate in gates for check in gate.checks if applies(check, case) for each in check.nested]


def _flatten(text: str) -> str:
    return normalize(text).casefold()


def _find_empty(dataset: GoldenDataset, gates: Sequence[Gate]) -> Iterator[CaseFinding]:
    empty: list[tuple[Case, str, str]] = []
    for case in dataset.cases:
        reading = [(f"the check {check.name}", path) for check in _list_checks(gates, case) for path in check.fields]
        reading += [
            (f"the judge {judge.name}", name.removesuffix("?"))
            for gate in gates
            for judge in gate.judges
            if applies(judge, case)
            for name in judge.rubric.inputs
            if name != "output"
        ]
        for reader, path in reading:
            try:
                value = dig(case.fields, path)
            except LookupError:
                continue  # `validate` finds this fault
            if value is None or value == [] or (isinstance(value, str) and not normalize(value)):
                empty.append((case, path, reader))
    hint = "write the value, or leave the case out with a `when`"
    for case, path, reader in empty[:_LISTED]:
        message = f"case {case.id}: {path}, which {reader} reads, is empty"
        yield _make("empty_expected", message, dataset, case.line, hint)
    yield from _count_rest("empty_expected", [case for case, _, _ in empty], dataset, "empty fields")


def _find_small_tags(
    dataset: GoldenDataset, policy: Policy, names: Sequence[str], least: int, shown_drop: float
) -> Iterator[CaseFinding]:
    """Yield a finding for each tag that is not tested by itself. One case is enough for a critical tag."""
    units = number_case_units(dataset.cases, names)
    members: dict[str, set[int]] = {}
    first: dict[str, int] = {}
    for case, unit in zip(dataset.cases, units, strict=True):
        for tag in case.tags:
            members.setdefault(tag, set()).add(unit)
            first.setdefault(tag, case.line)
    for tag, found in sorted(members.items()):
        if len(found) >= least or tag in policy.critical_tags:
            continue
        blocks = "; it is a blocking tag, so that every change is undecided" if tag in policy.blocking_tags else ""
        message = f"the tag {tag} has {len(found)} of the {least} units that a test of its own needs{blocks}"
        hint = f"bring more cases with this tag: {least} units reliably show a drop of {shown_drop:.2f}"
        yield _make("small_tag", message, dataset, first[tag], hint)


def _find_always_passing(dataset: GoldenDataset, record: CaseRecord | None) -> Iterator[CaseFinding]:
    there = [case for case in dataset.cases if record is not None and case.id in record.cases]
    if record is None or record.versions < 2 or not there:
        return
    named = name_some([case.id for case in there], _NAMED, rest=AND_MORE)
    message = (
        f"{len(there)} of {show_count(len(dataset.cases), 'case')} {'has' if len(there) == 1 else 'have'} the full "
        f"scores with each of the {show_count(record.versions, 'version')} in stored reports, and show no difference: "
        f"{named}"
    )
    hint = "replace some by cases on which a version failed; keep those that guard against a known mistake"
    yield _make("always_passes", message, dataset, there[0].line, hint)


def _find_unused(
    dataset: GoldenDataset, gates: Sequence[Gate], versions: Sequence[PromptVersion]
) -> Iterator[CaseFinding]:
    """Yield a finding for each field that no gate reads. A function may read any field."""
    unused = [set(list_unused_fields(gate, versions, dataset)) for gate in gates]
    for name in sorted(set.intersection(*unused) - OWN_KEYS) if unused and versions else ():
        line = next(case.line for case in dataset.cases if name in case.fields)
        message = f"no prompt, rubric or check uses the field {name}"
        yield _make("unused_field", message, dataset, line, "remove the field, or correct its name")


def _make(kind: Kind, message: str, dataset: GoldenDataset, line: int, hint: str) -> CaseFinding:
    return CaseFinding(kind=kind, message=message, place=Place(path=dataset.path, line=line), hint=hint)


def _count_rest(kind: Kind, cases: Iterable[Case], dataset: GoldenDataset, what: str) -> Iterator[CaseFinding]:
    rest = list(cases)[_LISTED:]
    if rest:
        yield _make(kind, f"and {len(rest)} more {what}", dataset, rest[0].line, "mend these first, and lint again")
