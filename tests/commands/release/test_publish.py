"""Tests of `evalgate release publish`: what becomes a version, on which report, and what is refused."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from chat_server import Reply, error
from gated_project import Ended
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from release.documents import make_document, make_version
from release.failing_registry import FAILURES, DiedError, FailingRegistry, Failure
from release.memory_registry import MemoryRegistry
from shop_project import REGISTRY, Shop

from evalgate.commands.release import publish as verb
from evalgate.commands.release.publish import Publication, describe_lack, describe_publication
from evalgate.decide import policy
from evalgate.decide.sign_off import digest_subject
from evalgate.domain import SignOff
from evalgate.gate.options import Machine
from evalgate.gate.reports import load_report
from evalgate.release.document import ReleaseDocument, Variable
from evalgate.release.ledger import verify
from evalgate.release.promotion import Actor, find_missing
from evalgate.release.registry import RaceLostError, Registry, StoredDocument, make_bytes
from evalgate.store import report_json
from evalgate.store.store import Store

BRIEF = "Be brief, always and everywhere, please."


def assert_refused(ended: Ended, code: int, *words: str) -> None:
    assert ended.code == code, ended
    for word in words:
        assert word in ended.err, ended.err


def test_a_merged_prompt_becomes_a_version_once(shop: Shop) -> None:
    first = shop.publish("--by", "ada")
    assert first.code == 0, first.err
    assert first.out.startswith("support: published 1.0.0 (")
    commit = shop.merge(BRIEF, change="Shorter answers.")
    second = shop.publish("--by", "ada")
    assert second.code == 0, second.err
    version, document = shop.newest(), shop.document()
    assert document is not None and document.revision == 2 and document.labels == {}
    assert (version.version, version.level, version.reason) == ("1.1.0", "MINOR", "Shorter answers.")
    assert (version.git_sha, version.source) == (commit, "prompts/support.prompt.yml")
    assert version.author == "Test <test@example.invalid>"
    assert (version.model, version.parameters, version.canary_hours) == ("m", {"top_p": 0.5}, 48)
    assert version.evaluation.decision == "PASS" and version.evaluation.cases == 6
    assert version.evaluation.evaluated == version.digest and version.evaluation.scores["is_json"]["value"] == 1.0
    assert version.messages[1].parts == (Variable(name="query"),)
    calls = shop.calls
    again = shop.publish()
    assert again.code == 0 and "nothing to do: 1.1.0" in again.out
    assert shop.calls == calls and shop.document() == document


def test_a_dry_run_says_what_would_be_published_and_writes_nothing(shop: Shop) -> None:
    ended = shop.publish("--dry-run")
    assert ended.code == 0 and "would publish 1.0.0" in ended.out
    assert not (shop.root / "releases.db").exists()


def test_a_working_tree_is_never_published(shop: Shop) -> None:
    shop.write(BRIEF)
    assert_refused(shop.publish(), 2, "prompts/support.prompt.yml: the prompt is not that of", "git restore")
    (shop.root / "prompts/support.prompt.yml").unlink()
    assert_refused(shop.publish(), 2, "prompts/support.prompt.yml")
    assert_refused(shop.publish("--registry", REGISTRY), 2, "the prompt is not that of")
    assert shop.document() is None and shop.calls == 0


def test_a_commit_that_is_not_merged_is_not_published(shop: Shop) -> None:
    shop.world.repository.git("switch", "--quiet", "--create", "topic")
    shop.merge(BRIEF)
    assert_refused(shop.publish(), 2, "is not on main: a version is published after the merge")
    assert shop.document() is None and shop.calls == 0


def test_a_verdict_that_fails_is_refused_with_what_decides_it(shop: Shop) -> None:
    shop.merge("Be bad.")
    ended = shop.publish()
    assert_refused(ended, 1, "support: the gate's verdict is FAIL: ", "is_json")
    assert shop.document() is None
    calls = shop.calls
    assert shop.publish().code == 1
    assert shop.calls == calls, "the stored verdict is not drawn again"


def test_an_inconclusive_verdict_that_blocks_is_refused(shop: Shop) -> None:
    shop.configure(
        "[{type: is_json}]", "[{type: is_json, blocking: false}]\n    thresholds: {is_json: {max_drop: 0.05}}"
    )
    shop.merge(BRIEF)
    assert_refused(shop.publish(), 1, "support: the gate's verdict is INCONCLUSIVE: ")
    assert shop.document() is None


def test_a_run_that_cannot_evaluate_exits_with_3(shop: Shop) -> None:
    shop.merge(BRIEF)
    shop.world.application = lambda system, user: error(401, "wrong key")
    assert_refused(shop.publish(), 3, "wrong key")
    assert shop.document() is None


def test_a_configuration_without_a_registry_says_the_two_lines(shop: Shop) -> None:
    shop.configure(f'release: {{registry: "{REGISTRY}"}}\n', "")
    assert_refused(shop.publish(), 2, "names no registry", "release:\n  registry: sqlite:")
    assert shop.publish("--registry", "sqlite:releases.db").code == 0
    assert_refused(shop.publish("--gate", "other"), 2)


def test_a_registry_that_cannot_be_read_is_exit_code_3_before_any_call(shop: Shop) -> None:
    (shop.root / "releases.db").mkdir()
    assert_refused(shop.publish(), 3, "releases.db")
    assert shop.calls == 0


def test_what_no_document_can_say_is_refused_before_any_call(shop: Shop) -> None:
    text = (shop.root / "prompts/support.prompt.yml").read_text()
    shop.world.repository.write(
        "prompts/support.prompt.yml",
        text.replace("messages:", "template: jinja\nmessages:").replace("{{query}}", "{{query | upper}}"),
    )
    shop.world.repository.commit("logic")
    ended = shop.publish()
    assert_refused(ended, 2, "prompts/support.prompt.yml:7:15: the prompt cannot be published", "the filter upper")
    assert "can be gated, but not published" in ended.err and shop.calls == 0


@pytest.mark.parametrize(("change", "number"), [("Be  exact.", "1.0.1"), (BRIEF, "1.1.0")])
def test_the_number_follows_from_the_level(shop: Shop, change: str, number: str) -> None:
    assert shop.publish().code == 0
    shop.merge(change)
    ended = shop.publish()
    assert ended.code == 0, ended.err
    assert shop.newest().version == number


def test_a_number_at_or_below_the_published_one_is_refused_before_any_call(shop: Shop) -> None:
    shop.merge(BRIEF, version="1.5.0")
    assert shop.publish().code == 0
    calls = shop.calls
    shop.merge("Be kind.", version="1.4.0")
    assert_refused(shop.publish(), 1, "support: 1.4.0 is below 1.5.0", "declare a version above 1.5.0")
    shop.merge("Be kind and brief.", version="1.5.0")
    assert_refused(shop.publish(), 1, "support: 1.5.0 has another content")
    assert shop.calls == calls
    shop.merge(BRIEF, version="1.5.0")
    assert "nothing to do" in shop.publish().out, "a revert to a published content is not a new version"


def test_a_change_needs_a_reason(shop: Shop) -> None:
    shop.write(BRIEF)
    shop.world.repository.git("add", "--all")
    shop.world.repository.git("commit", "--quiet", "--allow-empty-message", "-m", "")
    assert_refused(shop.publish(), 1, "support: no reason says why", "--reason TEXT")
    assert_refused(shop.publish("--reason", "  "), 2, "--reason")
    assert shop.document() is None and shop.calls == 0
    assert shop.publish("--reason", "Customers want short answers.").code == 0
    assert shop.newest().reason == "Customers want short answers."


def test_the_reason_of_an_earlier_edit_does_not_count(shop: Shop) -> None:
    shop.merge(BRIEF, change="Shorter.")
    shop.merge("Be kind.", change="Shorter.", message="Kinder answers")
    shop.world.repository.commit("Something else", other="x")
    assert shop.publish().code == 0
    assert shop.newest().reason == "Kinder answers"


def test_a_white_space_variant_is_published_on_the_verdict_of_the_other(shop: Shop) -> None:
    shop.merge(BRIEF)
    assert shop.world.evalgate("run", "--head", "HEAD").code == 0
    calls = shop.calls
    shop.merge(f"{BRIEF}  ".replace(" brief", "  brief"))
    ended = shop.publish()
    assert ended.code == 0, ended.err
    version = shop.newest()
    assert version.evaluation.evaluated != version.digest
    assert shop.calls == calls


def test_a_report_on_a_white_space_variant_is_enough(shop: Shop) -> None:
    path = gate_change(shop, BRIEF)
    ran = load_report(path).gates[0].evidence.candidate
    shop.merge(BRIEF.replace(" brief", "  brief"))
    forget_verdicts(shop)
    calls = shop.calls
    ended = shop.publish("--report", str(path))
    assert ended.code == 0, ended.err
    version = shop.newest()
    assert ran is not None and version.evaluation.evaluated == ran.digest != version.digest
    assert shop.calls == calls


def gate_change(shop: Shop, manner: str, *options: str, version: str | None = None, number: str | None = None) -> Path:
    """Run the gate of an edit on a branch, as a pull request does, merge it, and return the report.

    It declares the `version`, and is compared with 1.0.0, or the `number`, and is compared with what is there.
    """
    path = shop.root / "report.json"
    if version is not None:
        shop.merge("Be exact.", version="1.0.0")
    shop.world.repository.git("switch", "--quiet", "--create", "topic")
    shop.write(manner, version=version or number)
    shop.world.repository.commit("edit")
    shop.world.evalgate("run", "--output", str(path), *options)
    shop.world.repository.git("switch", "--quiet", "main")
    shop.world.repository.git("merge", "--quiet", "--no-ff", "-m", "merge", "topic")
    return path


def forget_verdicts(shop: Shop) -> None:
    subprocess.run(["rm", "-r", str(shop.root / ".evalgate")], check=True)


def test_a_given_report_is_enough(shop: Shop) -> None:
    path = gate_change(shop, BRIEF)
    forget_verdicts(shop)
    calls = shop.calls
    ended = shop.publish("--report", str(path))
    assert ended.code == 0, ended.err
    assert shop.calls == calls
    version, report = shop.newest(), load_report(path)
    assert (version.evaluation.run_id, version.reason) == (report.run_id, "edit")
    assert version.evaluation.subject == digest_subject(report)


def test_a_given_report_is_decided_by_the_rules_of_now(shop: Shop) -> None:
    path = gate_change(shop, "Be bad.")
    assert load_report(path).exit_code == 1
    assert_refused(shop.publish("--report", str(path)), 1, "the gate's verdict is FAIL")
    edited = json.loads(path.read_text())
    edited["decision"], edited["exit_code"] = "PASS", 0
    path.write_text(json.dumps(edited))
    assert_refused(shop.publish("--report", str(path)), 2, "the file was edited")
    assert shop.document() is None


def test_a_report_that_passed_by_other_limits_is_refused(shop: Shop) -> None:
    limit = "\n    thresholds: {is_json: {min: 0.5}}"
    shop.configure("[{type: is_json}]", "[{type: is_json, blocking: false}]" + limit)
    shop.world.application = lambda system, user: "no" if "brief" in system and user[-1] == "0" else "{}"
    path = gate_change(shop, BRIEF)
    forget_verdicts(shop)
    report = load_report(path)
    assert report.exit_code == 0, report.gates[0].findings
    shop.configure("min: 0.5", "min: 0.9")
    assert_refused(shop.publish("--report", str(path)), 1, "support: the gate's verdict is")
    assert shop.document() is None


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (lambda shop: shop.merge("Be kind."), "is of another content"),
        (lambda shop: shop.configure("[{type: is_json}]", "[{type: is_json}, {type: not_contains, value: x}]"), ""),
        (lambda shop: shop.world.repository.commit("more", **{"cases.jsonl": '{"id": "a", "query": "b"}\n'}), "cases"),
        (lambda shop: shop.configure("model: m,", "model: other,"), "was answered by another model"),
        (lambda shop: shop.configure("top_p: 0.5", "top_p: 0.9, temperature: 2"), "was answered by another model"),
        (lambda shop: shop.configure("name: support", "name: help"), 'has no gate "help": it has support'),
    ],
)
def test_a_report_of_something_else_is_refused(shop: Shop, edit, why: str) -> None:  # type: ignore[no-untyped-def]
    path = gate_change(shop, BRIEF)
    edit(shop)
    calls = shop.calls
    ended = shop.publish("--report", str(path))
    assert_refused(ended, 1, "the report", why)
    assert shop.calls == calls and shop.document() is None


def test_a_report_that_decides_nothing_is_refused(shop: Shop) -> None:
    path = gate_change(shop, BRIEF, "--shard", "1/2")
    assert_refused(shop.publish("--report", str(path)), 1, "is that of a shard, which has no verdict")
    assert_refused(shop.publish("--report", str(shop.root / "none.json")), 2, "there is no such report")
    shop.world.evalgate("run", "--head", "HEAD")
    shop.world.evalgate("run", "--head", "HEAD", "--redraw", "all", "--output", str(path))
    assert_refused(shop.publish("--report", str(path)), 1, "drawn again after a verdict")
    rows = [{"case": "a", "arm": arm, "criterion": "c", "value": 1} for arm in ("candidate", "baseline")]
    (shop.root / "scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shop.world.evalgate("decide", "--scores", "scores.jsonl", "--output", str(path))
    assert_refused(shop.publish("--report", str(path)), 1, 'the report has no gate "support": it has scores')
    assert shop.document() is None


def sign(path: Path) -> None:
    report = load_report(path)
    given = SignOff(
        by="grace", at=report.created_at, kind="review", commit="0" * 40, subject=digest_subject(report), url=""
    )
    path.write_text(report_json.render(policy.apply_sign_off(report, given)))


def test_a_sign_off_of_the_report_is_written_into_the_version(shop: Shop) -> None:
    path = gate_change(shop, BRIEF, version="2.0.0")
    assert load_report(path).exit_code == 5
    sign(path)
    ended = shop.publish("--report", str(path))
    assert ended.code == 0 and "warning" not in ended.err, ended.err
    version, document = shop.newest(), shop.document()
    assert version.level == "MAJOR" and version.needs_sign_off
    assert version.sign_off is not None and version.sign_off.by == "grace"
    assert version.sign_off.subject == version.evaluation.subject
    assert document is not None and not any(
        "sign-off" in str(one) for one in find_missing(document, version, "production")
    )


def test_a_version_without_its_sign_off_is_published_with_a_warning(shop: Shop) -> None:
    path = gate_change(shop, BRIEF, version="2.0.0")
    ended = shop.publish("--report", str(path))
    assert ended.code == 0, ended.err
    assert "warning: support: 2.0.0" in ended.err and "has no sign-off" in ended.err
    version, document = shop.newest(), shop.document()
    assert version.sign_off is None and document is not None
    assert any("sign-off" in str(one) for one in find_missing(document, version, "production"))
    assert "warning" in shop.publish().err
    sign(path)
    assert_refused(shop.publish("--report", str(path)), 1, "was published without a sign-off")


def test_a_sign_off_of_other_rules_does_not_count(shop: Shop) -> None:
    path = gate_change(shop, BRIEF, version="2.0.0")
    sign(path)
    shop.configure("run: {attempts: 1}", "run: {attempts: 1}\npolicy: {alpha: 0.04}")
    ended = shop.publish("--report", str(path))
    assert ended.code == 0 and "has no sign-off" in ended.err, ended.err
    assert shop.newest().sign_off is None


SECOND = """  - name: second
    prompt: prompts/second.prompt.yml
    dataset: cases.jsonl
    checks: [{type: is_json}]
"""


def test_gates_are_independent_and_the_worst_exit_code_counts(shop: Shop) -> None:
    text = (shop.root / "prompts/support.prompt.yml").read_text().replace("Be exact.", "Be bad.")
    shop.world.repository.write("prompts/second.prompt.yml", text)
    shop.configure("run: {attempts", SECOND + "run: {attempts")
    ended = shop.publish()
    assert_refused(ended, 1, "second: the gate's verdict is FAIL")
    assert ended.out.startswith("support: published 1.0.0")
    assert shop.publish("--gate", "support").code == 0
    assert_refused(shop.publish("--gate", "second"), 1)


def test_a_new_prompt_is_decided_by_its_checks_alone(shop: Shop) -> None:
    text = (shop.root / "prompts/support.prompt.yml").read_text().replace("messages:", 'version: "3.0.0"\nmessages:')
    shop.world.repository.write("prompts/second.prompt.yml", text.replace("Be exact.", "Be kind."))
    shop.configure("run: {attempts", SECOND + "run: {attempts")
    ended = shop.publish("--gate", "second")
    assert ended.code == 0 and "second: published 3.0.0" in ended.out, ended.err


class RacingRegistry(MemoryRegistry):
    """A registry that calls `before_append` once, before the next document is written."""

    before_append: Callable[[], object] | None = None

    def append(self, document: ReleaseDocument) -> StoredDocument:
        hook, self.before_append = self.before_append, None
        if hook is not None:
            hook()
        return super().append(document)


def make_actor(who: str = "ada") -> Actor:
    return Actor(id=uuid.uuid4().hex, who=who, at="2026-11-29T12:00:00Z")


def publish_to(registry: Registry, who: str = "ada", **options: object) -> verb.Publication:
    path = Path("evalgate.yml")
    machine = Machine(environment=os.environ, store=Store(root=Path(".evalgate")), home=Path("models"))
    (one,) = verb.publish(path, registry, make_actor(who), verb.PublishOptions(**options), machine)  # type: ignore[arg-type]
    return one


def test_of_two_that_publish_the_same_at_once_one_has_nothing_to_do(shop: Shop) -> None:
    registry = RacingRegistry()
    registry.before_append = lambda: publish_to(registry, "bob")
    assert publish_to(registry).result == "unchanged"
    assert [one.document.revision for one in registry.documents["support"]] == [1]


def test_another_publication_in_between_raises_the_number(shop: Shop) -> None:
    registry = RacingRegistry()
    publish_to(registry)
    shop.merge(BRIEF)
    brief = publish_to(registry, dry_run=True).version
    assert brief is not None and brief.version == "1.1.0"
    other = replace(brief, digest="0" * 64)

    def publish_other() -> None:
        last = registry.read("support")
        registry.append(verb.publish_version(last, "support", other, make_actor("bob")))

    registry.before_append = publish_other
    done = publish_to(registry)
    assert done.result == "published" and done.version is not None and done.version.version == "1.2.0"


def test_a_second_lost_race_is_reported(shop: Shop) -> None:
    registry = RacingRegistry()
    publish_to(registry)
    shop.merge(BRIEF)
    planned = publish_to(registry, dry_run=True).version
    assert planned is not None
    numbers = iter(["1.1.0", "1.2.0"])

    def publish_other() -> None:
        number = next(numbers)
        other = replace(planned, digest=number[2] * 64, version=number)
        last = registry.read("support")
        registry.append(verb.publish_version(last, "support", other, make_actor("bob")))
        registry.before_append = publish_other if number == "1.1.0" else None

    registry.before_append = publish_other
    done = publish_to(registry)
    assert isinstance(done.error, RaceLostError) and done.admission == 3
    assert "bob was faster" in str(done.error)


@pytest.mark.matrix
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("at", [1, 2])
def test_after_the_end_of_a_command_the_next_one_completes_it(shop: Shop, at: int, failure: Failure) -> None:
    """After the first write the version is published; without it, nothing has changed."""
    registry = MemoryRegistry()
    failing = FailingRegistry(inner=registry, at=at, failure=failure)
    with contextlib.suppress(DiedError):
        publish_to(failing)
    is_published = (at, failure) != (1, "before")
    assert (registry.read("support") is not None) is is_published
    done = publish_to(registry)
    assert done.error is None and done.version is not None
    assert done.result == ("unchanged" if is_published else "published")
    (stored,) = registry.documents["support"]
    assert registry.versions == {("support", done.version.digest): stored.document.versions[done.version.digest]}
    assert verify(registry.history("support")) is None


def test_a_lost_race_leaves_no_version_behind(shop: Shop) -> None:
    """Two commands make the same version with other times: the registry keeps the one of the ledger."""
    registry = RacingRegistry()
    registry.before_append = lambda: publish_to(registry, "bob")
    done = publish_to(registry)
    assert done.version is not None and registry.versions == {("support", done.version.digest): done.version}


def test_a_reply_of_the_server_is_no_reason_to_publish(shop: Shop) -> None:
    """An endpoint that answers nothing gives no verdict."""
    shop.merge(BRIEF)
    shop.world.application = lambda system, user: Reply(body={"choices": []})
    assert shop.publish().code in (1, 3)
    assert shop.document() is None


STEPS = st.lists(
    st.sampled_from(["good 1", "good 2", "bad 1", "bad  1", "publish", "dry", "report", "run", "stale"]),
    min_size=3,
    max_size=7,
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_no_sequence_of_attempts_publishes_what_did_not_pass(shop: Shop, steps: list[str]) -> None:
    registry = MemoryRegistry()
    shop.world.repository.git("reset", "--quiet", "--hard", "main")
    good = {load_digest(shop)} if "bad" not in (shop.root / "prompts/support.prompt.yml").read_text() else set()
    for step in [*steps, "publish"]:
        if step.startswith(("good", "bad")):
            shop.merge(f"Be {step}.")
            good |= {load_digest(shop)} if step.startswith("good") else set()
        elif step == "run":
            shop.world.evalgate("run", "--head", "HEAD", "--output", "report.json")
        elif step in ("report", "stale"):
            if (shop.root / "report.json").exists():
                publish_to(registry, report=shop.root / "report.json")
        else:
            publish_to(registry, dry_run=step == "dry")
        published = {digest for stored in registry.documents.get("support", []) for digest in stored.document.versions}
        assert published <= good


def load_digest(shop: Shop) -> str:
    from evalgate.inputs.prompts import load_prompt
    from evalgate.inputs.tree import WorkTree

    return load_prompt(WorkTree(shop.root), "prompts/support.prompt.yml").digest


def test_a_published_version_is_the_baseline_once_it_is_production(shop: Shop) -> None:
    assert shop.publish().code == 0
    assert shop.world.evalgate("release", "promote", "support", "--to", "production").code == 0
    first = shop.newest()
    shop.world.repository.git("mv", "prompts/support.prompt.yml", "prompts/moved.prompt.yml")
    shop.configure("prompts/support.prompt.yml", "prompts/moved.prompt.yml")
    assert "nothing to do" in shop.publish().out
    text = (shop.root / "prompts/moved.prompt.yml").read_text()
    for manner in ("Be kind, always and everywhere, please.", BRIEF):
        shop.world.repository.commit("edit", **{"prompts/moved.prompt.yml": text.replace("Be exact.", manner)})
    shop.world.evalgate("run", "--head", "HEAD", "--output", "report.json")
    baseline = load_report(shop.root / "report.json").gates[0].evidence.baseline
    assert baseline is not None and baseline.digest == first.digest
    ended = shop.publish("--report", "report.json")
    assert ended.code == 0, ended.err
    assert shop.newest().source == "prompts/moved.prompt.yml"


def test_a_constant_and_a_text_without_a_field_are_published(shop: Shop) -> None:
    shop.world.repository.write("prompts.py", 'GREETING = """You answer. Be exact."""\n')
    shop.configure("prompt: prompts/support.prompt.yml", "prompt: prompts.py:GREETING")
    ended = shop.publish()
    assert ended.code == 0, ended.err
    version = shop.newest()
    assert version.source == "prompts.py"
    assert [(one.role, one.parts) for one in version.messages] == [
        ("system", ("You answer. Be exact.",)),
        ("user", (Variable(name="query"),)),
    ]


def test_a_publication_is_told_with_its_evidence() -> None:
    version = make_version("1.2.3")
    one = Publication(gate="support", result="published", version=version, stored=make_bytes(make_document(version), 7))
    assert describe_publication(one) == f"support: published {version} as revision 7: MINOR, PASS on 68 cases"
    single = replace(version, evaluation=replace(version.evaluation, cases=1))
    planned = Publication(gate="support", result="planned", version=single)
    assert describe_publication(planned).endswith("would publish " + f"{version}: MINOR, PASS on 1 case")


def test_only_a_missing_sign_off_is_a_lack() -> None:
    version = make_version("2.0.0")
    unsigned = replace(version, needs_sign_off=True, sign_off=None)
    assert "has no sign-off" in describe_lack(Publication(gate="support", result="published", version=unsigned))
    free = replace(version, needs_sign_off=False, sign_off=None)
    assert describe_lack(Publication(gate="support", result="published", version=free)) == ""
    assert describe_lack(Publication(gate="support", result="refused")) == ""


@pytest.mark.matrix
@pytest.mark.parametrize("given", ["with the text", "later", "by the registry"])
@pytest.mark.parametrize(("number", "level"), [("1.0.1", "PATCH"), ("1.1.0", "MINOR"), ("2.0.0", "MAJOR")])
def test_the_level_is_that_of_the_declared_number_against_the_published_one(
    shop: Shop, given: str, number: str, level: str
) -> None:
    """Wherever the published number comes from, the gate of the change and its publication say the same level."""
    if given != "by the registry":
        shop.merge("Be exact, please." if given == "with the text" else "Be exact.", version="1.0.0")
    assert shop.publish().code == 0
    assert shop.world.evalgate("release", "promote", "support", "--to", "production").code == 0
    path = gate_change(shop, "Be brief, please." if given == "with the text" else "Be brief.", number=number)
    gated = load_report(path).gates[0].evidence
    assert gated.level is not None and gated.level.effective.name == level
    assert gated.baseline is not None and gated.baseline.version == "1.0.0"
    forget_verdicts(shop)
    assert shop.publish().code == 0
    assert (shop.newest().version, shop.newest().level) == (number, level)


EDITS = [
    ("model: m,", "model: other,", "model m -> other"),
    ("top_p: 0.5", "top_p: 0.9", "top_p 0.5 -> 0.9"),
    ("{top_p: 0.5}", "{top_p: 0.5, seed: 1}", "seed (none) -> 1"),
]


@pytest.mark.parametrize(("old", "new", "told"), EDITS)
def test_a_change_of_the_target_never_rides_along_with_an_edit_of_the_text(
    shop: Shop, old: str, new: str, told: str
) -> None:
    assert shop.publish().code == 0
    assert shop.world.evalgate("release", "promote", "support", "--to", "production").code == 0
    shop.configure(old, new)
    calls = shop.calls
    assert_refused(shop.publish(), 1, "support: 1.0.0", told, "write the model and its parameters into")
    assert shop.calls == calls
    path = gate_change(shop, "Be exact, please.")
    gated = load_report(path).gates[0].evidence.level
    assert gated is not None and gated.effective.name == "MAJOR" and told in gated.reasons[0]
    assert shop.publish().code == 0
    assert (shop.newest().version, shop.newest().level, shop.newest().needs_sign_off) == ("2.0.0", "MAJOR", True)
    assert "nothing to do" in shop.publish().out
    shop.configure(new, old)
    assert_refused(shop.publish(), 1, "support: 2.0.0")


def test_a_prompt_that_names_its_model_is_a_version_of_its_own(shop: Shop) -> None:
    assert shop.publish().code == 0
    shop.configure("model: m,", "model: other,")
    text = (shop.root / "prompts/support.prompt.yml").read_text()
    shop.world.repository.write("prompts/support.prompt.yml", f"model: other\n{text}")
    shop.world.repository.commit("Take the other model")
    assert shop.publish().code == 0
    assert (shop.newest().version, shop.newest().model) == ("2.0.0", "other")


@pytest.mark.parametrize("merged", [False, True])
def test_an_older_commit_is_not_published_after_a_later_one(shop: Shop, merged: bool) -> None:
    """The workflow of an earlier merge may come late, and its number would be the highest."""
    assert shop.publish().code == 0
    repository = shop.world.repository
    if merged:
        gate_change(shop, BRIEF)
        older = repository.git("rev-parse", "HEAD")
        repository.git("branch", "--quiet", "--delete", "--force", "topic")
        gate_change(shop, "Be kind.")
    else:
        older = shop.merge(BRIEF)
        shop.merge("Be kind.")
    assert shop.publish().code == 0
    kind, calls = shop.newest(), shop.calls
    repository.git("checkout", "--quiet", older.strip())
    assert_refused(shop.publish(), 1, f"is older than {kind}, which was published from a later commit of main")
    assert shop.calls == calls and shop.newest() == kind
    repository.git("switch", "--quiet", "main")
    assert "nothing to do" in shop.publish().out
    shop.merge("Be exact, and kind.")
    assert shop.publish().code == 0 and shop.newest().version != kind.version


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 3), min_size=2, max_size=4))
def test_numbers_grow_in_the_order_of_the_commits(shop: Shop, order: list[int]) -> None:
    registry = MemoryRegistry()
    repository = shop.world.repository
    repository.git("switch", "--quiet", "main")
    commits = [shop.merge(f"Be kind {number}.", change=f"{uuid.uuid4()}") for number in range(4)]
    for position in order:
        repository.git("checkout", "--quiet", commits[position])
        publish_to(registry)
    repository.git("switch", "--quiet", "main")
    published = [stored.document for stored in registry.documents["support"] if stored.document.entry.verb == "publish"]
    made = [one.versions[one.entry.target or ""].git_sha for one in published]
    places = [commits.index(sha) for sha in made if sha in commits]
    assert places == sorted(places) and len(places) == len(set(places))
