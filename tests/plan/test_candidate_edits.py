"""What no edit of the candidate changes: which cases are asked, how often, and in which order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.decide import evidence as evidences
from evalgate.decide import schedule
from evalgate.domain import (
    DEFAULT_LEVELS,
    Calls,
    Case,
    ChangeLevel,
    Evidence,
    Gate,
    GatePlan,
    GoldenDataset,
    Judge,
    Level,
    Message,
    Policy,
    PromptVersion,
    Rubric,
    Target,
    Usage,
)
from evalgate.plan.gate_plan import add_repeats, make_plan

POLICY = Policy(levels=DEFAULT_LEVELS)
MINOR = ChangeLevel(declared=None, minimum=Level.MINOR, effective=Level.MINOR)
TARGETS = {"api": Target(name="api", kind="openai", location="https://x/v1", identity="https://x/v1", model="m")}
RUBRIC = Rubric(
    name="r", version="1.0.0", path="r.md", instruction="Judge.", inputs=("query", "output"), minimum=1, maximum=5
)
GATE = Gate(
    name="g",
    prompt="p",
    dataset="d",
    candidate_target="api",
    baseline_target="api",
    judges=(Judge(name="judge", rubric=RUBRIC, target="api"),),
)

cases = st.lists(
    st.builds(
        lambda query, context, tag, cluster: {"query": query, "context": context, "tag": tag, "cluster": cluster},
        query=st.integers(0, 8),
        context=st.integers(0, 2),
        tag=st.sampled_from(["a", "b", ""]),
        cluster=st.sampled_from([None, None, "x", "y"]),
    ),
    min_size=2,
    max_size=30,
)
# white space, words, invisible characters, parameters, a model: whatever an author can try
edits = st.fixed_dictionaries({
    "words": st.text(max_size=12).filter(lambda text: "{" not in text and "}" not in text),
    "fields": st.sampled_from([("query", "context"), ("context", "query"), ("query",), ("context",)]),
    "version": st.sampled_from(["1.0.1", "1.1.0", "2.0.0"]),
    "parameters": st.dictionaries(st.sampled_from(["temperature", "seed"]), st.integers(0, 3)),
    "model": st.sampled_from([None, "m", "m-2"]),
})  # fmt: skip


def dataset(rows: list[dict[str, Any]]) -> GoldenDataset:
    made = (
        Case(
            id=f"c{number:02}",
            fields={"query": f"q{row['query']}", "context": f"t{row['context']}"},
            tags=(row["tag"],) if row["tag"] else (),
            cluster=row["cluster"],
        )
        for number, row in enumerate(rows)
    )
    return GoldenDataset(path="d", cases=tuple(made))


def prompt(
    *, words: str = "", fields: tuple[str, ...] = ("query", "context"), version: str = "1.0.0", **changes: Any
) -> PromptVersion:
    text = words + " ".join(f"{{{{{name}}}}}" for name in fields)
    message = Message(role="user", content=text)
    return PromptVersion(name="p", path="p", source="working tree", version=version, messages=(message,), **changes)


def planned(edit: dict[str, Any], rows: list[dict[str, Any]]) -> GatePlan:
    return make_plan(GATE, prompt(**edit), prompt(), dataset(rows), MINOR, TARGETS, POLICY)


def evidence(plan: GatePlan) -> Evidence:
    return evidences.make_evidence(plan, TARGETS, calls=Calls(), usage=Usage(), cost_usd=None)


@given(rows=cases, edit=edits, random=st.randoms(use_true_random=False))
def test_no_edit_of_the_candidate_changes_which_cases_are_asked_or_in_which_order(
    rows: list[dict[str, Any]], edit: dict[str, Any], random: Any
) -> None:
    """C4."""
    plain, edited = planned({}, rows), planned(edit, rows)
    assert edited.order == plain.order
    assert [(t.case.id, t.arm, t.repeat) for t in edited.trials] == [(t.case.id, t.arm, t.repeat) for t in plain.trials]
    wavering = random.sample(plain.order, len(plain.order) // 4)
    repeated = [add_repeats(plan, wavering, 3, TARGETS) for plan in (plain, edited)]
    assert len({tuple((t.case.id, t.arm, t.repeat) for t in plan.trials) for plan in repeated}) == 1
    if edited.requests == plain.requests:
        assert schedule.order_cases(evidence(edited)) == schedule.order_cases(evidence(plain))
        assert schedule.count_units(evidence(edited)) == schedule.count_units(evidence(plain))
        assert schedule.plan_looks(evidence(edited), {}, POLICY) == schedule.plan_looks(evidence(plain), {}, POLICY)
    else:
        # what the candidate asks alike is one observation, whatever the baseline asked
        assert schedule.count_units(evidence(edited)) <= schedule.count_units(evidence(plain))


@settings(max_examples=50)
@given(rows=cases, random=st.randoms(use_true_random=False))
def test_the_order_of_the_file_changes_nothing(rows: list[dict[str, Any]], random: Any) -> None:
    """C4."""
    given_order = dataset(rows)
    shuffled = list(given_order.cases)
    random.shuffle(shuffled)
    args = (GATE, prompt(words="new "), prompt())
    first = make_plan(*args, given_order, MINOR, TARGETS, POLICY)
    second = make_plan(*args, GoldenDataset(path="d", cases=tuple(shuffled)), MINOR, TARGETS, POLICY)
    assert first.order == second.order
    assert schedule.order_cases(evidence(first)) == schedule.order_cases(evidence(second))


def test_the_order_is_another_for_another_baseline_or_gate() -> None:
    rows = [{"query": number, "context": 0, "tag": "", "cluster": None} for number in range(30)]
    first = planned({}, rows).order
    other = make_plan(GATE, prompt(), prompt(words="Old. "), dataset(rows), MINOR, TARGETS, POLICY)
    assert other.order != first
    assert sorted(other.order) == sorted(first)


@pytest.mark.parametrize("tags", [2, 5])
def test_the_first_quarter_has_every_tag(tags: int) -> None:
    """C4."""
    rows = [{"query": n, "context": 0, "tag": f"tag {n % tags}", "cluster": None} for n in range(40)]
    made = planned({}, rows)
    by_id = {case.id: case for case in made.dataset.cases}
    seen = made.order[: schedule.plan_looks(evidence(made), {}, POLICY)[0].cases]
    assert {by_id[case].tags[0] for case in seen} == {f"tag {n}" for n in range(tags)}
