from __future__ import annotations

from dataclasses import replace

from release.documents import sign
from release.memory_registry import MemoryRegistry
from release.stories import ONE, TWO, make_actor, promote, publish, tell_story

from evalgate.cli.render.release_json import render_version as render_json
from evalgate.cli.render.release_text import render_prompts
from evalgate.cli.render.release_version import render_version
from evalgate.commands.release.rollback import roll_back_production
from evalgate.commands.release.show import list_prompts, show_version


def test_the_share_of_a_candidate_is_shown_over_time() -> None:
    registry = MemoryRegistry()
    tell_story(registry, ONE)
    publish(registry, TWO)
    last = promote(registry, TWO, "canary")
    for share in (100, 2_500):
        rollout = {"kind": "canary", "candidate": TWO.digest, "control": ONE.digest, "share": share, "salt": "s"}
        entry = replace(last.document.entry, id=f"share {share}", verb="rollout", label=None, origin=None)
        last = registry.append(replace(last.document, previous=last.digest, rollout=rollout, entry=entry))
    assert render_prompts(list_prompts(registry)).split("25 %")[1].startswith(" of the users get 1.1.0")
    roll_back_production(registry, "support", make_actor("bob"), "bad")
    shown = show_version(registry, "support@1.1.0")
    assert [(one.revision, one.share, one.kind) for one in shown.shares] == [
        (5, 100, "canary"),
        (6, 2_500, "canary"),
        (7, 0, "ended"),
    ]
    text = render_version(shown)
    assert "  7 2026-11-29T12:00:00Z the rollout ended; bob\n  6 2026-11-29T12:00:00Z 25 % (canary); ada\n" in text
    assert show_version(registry, "support@1.0.0").shares == ()
    assert '"share": 2500' in render_json(shown)


def test_a_sign_off_is_shown_with_its_report() -> None:
    signed = sign(replace(ONE, needs_sign_off=True, level="MAJOR", canary_hours=48), "grace")
    registry = MemoryRegistry()
    publish(registry, signed)
    text = " ".join(render_version(show_version(registry, "support")).split())
    assert f"by grace, 2026-11-29T12:00:00Z, review, commit {signed.git_sha}, subject" in text
    assert signed.sign_off is not None
    other = replace(signed, sign_off=replace(signed.sign_off, subject="0" * 64))
    registry = MemoryRegistry()
    publish(registry, other)
    text = " ".join(render_version(show_version(registry, "support")).split())
    assert "for another report" in text and "MAJOR: a canary of 48 hours and a sign-off before production" in text


def test_a_patch_needs_no_canary_and_its_scores_are_rounded() -> None:
    scores = {"facts": {"value": 0.823529411765, "low": 0.730994108259, "high": 1.0, "n": 68}}
    evaluation = replace(ONE.evaluation, scores=scores)
    registry = MemoryRegistry()
    publish(registry, replace(ONE, level="PATCH", canary_hours=0, evaluation=evaluation))
    shown = show_version(registry, "support")
    text = " ".join(render_version(shown).split())
    assert "PATCH: no canary and no sign-off before production" in text
    assert "facts 0.8235 [0.731, 1.0], n = 68" in text
    assert "0.823529411765" in render_json(shown)
