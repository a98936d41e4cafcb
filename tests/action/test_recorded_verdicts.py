"""A verdict that blocks is not drawn away: evalgate's own statuses record it where the store is lost."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any, Literal

import pytest
from action.gated_pull_request import BRIEF, Hub, worse
from chat_server import Reply
from decide.test_attempts import FAILS, MERGES, PASSES, decided
from gated_project import prompt
from hypothesis import given
from hypothesis import strategies as st

from evalgate.action import heads, recorded_verdicts
from evalgate.domain import GateReport, Level, Report, Verdict, digest
from evalgate.gate import reports
from evalgate.services.github_rows import CommitStatus

RUN = "https://github.test/acme/prompts/actions/runs/1/attempts/1"
STANDS = "FAIL: An earlier run decided FAIL at 2026-05-01T12:"
DISPATCH = {"repository": {"default_branch": "main"}}


def lose_store(hub: Hub) -> None:
    shutil.rmtree(hub.world.root / ".evalgate")


def fail(hub: Hub) -> None:
    """Let the pull request's content fail, then lose the store; from now on it passes."""
    good, hub.world.application = hub.world.application, worse
    hub.push()
    assert hub.run().code == 1
    lose_store(hub)
    hub.world.application = good


def last(hub: Hub) -> tuple[str, str]:
    _, state, description = hub.statuses[-1]
    return state, description


@pytest.mark.matrix
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("event", ["reopened", "retargeted", "dispatch", "queue", "review"])
def test_a_second_draw_of_a_commit_that_failed_does_not_pass(hub: Hub, event: str, strict: bool) -> None:
    if strict:
        hub.rule(attempts="strict")
    fail(hub)
    review = hub.pull() | {"action": "dismissed", "review": {"state": "dismissed"}}
    name, payload = {
        "reopened": ("pull_request_target", hub.pull() | {"action": "reopened"}),
        "retargeted": ("pull_request", hub.pull() | {"action": "edited", "changes": {"base": {}}}),
        "dispatch": ("workflow_dispatch", DISPATCH),
        "queue": ("merge_group", hub.group()),
        "review": ("pull_request_review", review),
    }[event]
    ran = hub.run(name, payload)
    assert (ran.code, ran.outputs["failed"]) == (1, "true")
    assert last(hub)[0] == "failure"
    assert last(hub)[1].startswith(STANDS)
    assert RUN in ran.log
    lose_store(hub)
    assert hub.run().code == 1, "what stands is recorded anew"


def test_a_later_commit_of_the_same_content_does_not_pass(hub: Hub) -> None:
    fail(hub)
    hub.push("", README="x\n")
    assert hub.run().code == 1
    assert last(hub)[1].startswith(STANDS)
    lose_store(hub)
    hub.world.repository.git("reset", "--quiet", "--hard", hub.base)
    hub.world.edit("1.1.0", f"  {BRIEF} ")
    hub.head = hub.world.repository.commit("the same but for white space")
    hub.server.force_push(7, hub.head)
    assert hub.run().code == 1, "also after a push by force"
    lose_store(hub)
    hub.push("1.2.0", "Be exact, and friendly.")
    assert hub.run().code == 0, "other content is decided by itself"


def test_a_gate_that_failed_stands_though_another_gate_is_edited(hub: Hub) -> None:
    text = (hub.world.root / "evalgate.yml").read_text()
    gate = text[text.index("  - name: support") : text.index("run:")]
    other = gate.replace("support", "other")
    hub.configure(gate, gate + other)
    hub.world.repository.git("switch", "--quiet", "main")
    hub.base = hub.world.repository.commit("other", **{"prompts/other.prompt.yml": prompt().replace("shop", "store")})
    hub.world.repository.git("switch", "--quiet", "work")
    hub.world.repository.git("merge", "--quiet", "--ff-only", "main")
    edited = prompt("1.1.0", "Be exact, and friendly.").replace("shop", "store")
    good, hub.world.application = hub.world.application, worse
    hub.push("1.1.0", **{"prompts/other.prompt.yml": edited})
    assert hub.run().code == 1
    lose_store(hub)
    hub.world.application = good
    hub.push("", **{"prompts/other.prompt.yml": prompt().replace("shop", "store")})
    assert hub.run().code == 1, "the gate of the other prompt is no longer part of the change"
    assert last(hub)[1].startswith(STANDS)


@pytest.mark.parametrize("trouble", ["an outage", "no key"])
def test_a_run_that_did_not_measure_is_repeated(hub: Hub, monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    good = hub.world.application
    hub.push()
    with monkeypatch.context() as context:
        if trouble == "no key":
            context.delenv("API_KEY")
        hub.world.application = lambda system, user: Reply(status=503, body={"error": {"message": "busy"}})
        assert hub.run(missing_secrets="fail").code != 0
    assert last(hub)[0] != "success"
    hub.world.application = good
    shutil.rmtree(hub.world.root / ".evalgate", ignore_errors=True)
    assert hub.run().code == 0


def test_content_that_passed_first_may_pass_again(hub: Hub) -> None:
    hub.push()
    assert hub.run().code == 0
    lose_store(hub)
    good, hub.world.application = hub.world.application, worse
    hub.push("", README="x\n")
    assert hub.run().code == 1
    lose_store(hub)
    hub.world.application = good
    assert hub.run().code == 0


def test_a_status_of_another_login_records_nothing(hub: Hub) -> None:
    fail(hub)
    for status in hub.server.state["statuses"]:
        status["creator"] = "eve"
    assert hub.run().code == 0


def test_statuses_that_cannot_be_read_are_said(hub: Hub) -> None:
    fail(hub)
    hub.push("", README="x\n")
    hub.server.fault("/pulls/7/commits", method="GET", status=404, times=9, message="Not Found")
    ran = hub.run()
    assert "::warning title=evalgate::earlier verdicts: GitHub did not" in ran.log


def make_gate(differences: tuple[float, ...], key: str, level: Level = Level.MAJOR, **evidence: Any) -> GateReport:
    (gate,) = decided(differences, level=level).gates
    return replace(gate, evidence=replace(gate.evidence, verdict_key=key, **evidence))


def make_report(*gates: GateReport) -> Report:
    return reports.make_report(gates)


def status(
    number: int, state: Any, *, key: str = "", blocked: tuple[str, ...] = (), sign_off: Literal["", "asked"] = ""
) -> CommitStatus:
    address = heads.add_marks(RUN, key=key, blocked=blocked, sign_off=sign_off)
    return CommitStatus(
        id=number,
        state=state,
        context="evalgate",
        description="d",
        target_url=address,
        creator="bot",
        created_at=f"2026-05-01T12:00:{number:02}Z",
    )


def test_what_is_recorded_is_what_the_store_keeps() -> None:
    keys = [digest(name) for name in "abcd"]
    report = make_report(
        make_gate(FAILS, keys[0]),
        make_gate(MERGES, keys[1]),
        make_gate(PASSES, keys[2]),
        make_gate(MERGES, keys[3], Level.PATCH),
    )
    assert recorded_verdicts.list_blocked(report) == (f"f{keys[0][:12]}", f"i{keys[1][:12]}")
    unkept = make_report(make_gate(FAILS, None))  # type: ignore[arg-type]
    assert recorded_verdicts.list_blocked(unkept) == ()
    many = make_report(*(make_gate(FAILS, digest(n)) for n in range(60)))
    assert len(heads.add_marks(RUN, key="1" * 32, blocked=recorded_verdicts.list_blocked(many))) < 1_000


def test_a_fail_of_the_shown_text_stands_for_text_with_hidden_characters() -> None:
    shown, own = digest("shown"), digest("own")
    past = recorded_verdicts.find_recorded([status(1, "failure", blocked=(f"f{shown[:12]}",))])
    kept = recorded_verdicts._keep(make_gate(PASSES, own, shown_key=shown), past)
    assert kept.decision is Verdict.FAIL
    assert recorded_verdicts._keep(make_gate(PASSES, own), past).decision is Verdict.PASS


@given(st.lists(st.tuples(st.sampled_from(["success", "failure", "asked", "pending"]), st.sampled_from("ab"))))
def test_the_first_verdict_on_a_content_is_the_one_that_counts(told: list[tuple[str, str]]) -> None:
    statuses = []
    for number, (state, content) in enumerate(told):
        key, asked = content * 32, state == "asked"
        blocked = (f"f{content * 12}",) if state == "failure" else ()
        sent = "pending" if asked else state
        shown = "" if state == "pending" else key
        statuses.append(status(number, sent, key=shown, blocked=blocked, sign_off="asked" if asked else ""))
    found = recorded_verdicts.find_recorded(reversed(statuses))
    for content in "ab":
        decided_states = [(n, state) for n, (state, one) in enumerate(told) if one == content and state != "pending"]
        first = decided_states[0] if decided_states else (0, "")
        past = found.get(f"f{content * 12}")
        assert (past is not None) == (first[1] == "failure")
        if past is not None:
            assert (past.decision, past.at, past.page) == (Verdict.FAIL, f"2026-05-01T12:00:{first[0]:02}Z", RUN)


@given(
    st.sampled_from(["", "1" * 32]),
    st.sampled_from(["", "asked", "given"]),
    st.lists(st.from_regex("[fi][0-9a-f]{12}", fullmatch=True), max_size=4),
)
def test_marks_are_read_as_they_were_written(key: str, sign_off: Any, blocked: list[str]) -> None:
    address = heads.add_marks(RUN, key=key, sign_off=sign_off, blocked=blocked)
    found = CommitStatus(
        id=1, state="failure", context="c", description="d", target_url=address, creator="bot", created_at=""
    )
    assert (heads.read_key(found), heads.read_sign_off(found), heads.read_blocked(found)) == (
        key,
        sign_off,
        tuple(blocked),
    )
    assert heads.remove_marks(found) == RUN
