"""The page of a rollout: of our elements alone, whatever text is in it; all that its pictures show stands in tables."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from release.rollout.lives import RULES, Life, by, clock, finish
from report.pages import CHARTS, parsed, require_inert, require_ours

from evalgate.cli.render.rollout_html import render_drawn, render_rollouts
from evalgate.commands.release.status import LOOKS, DrawnRollout, draw_rollout, list_rollouts
from evalgate.domain.rollout import Stage
from evalgate.release.promotion import make_entry, make_following
from evalgate.release.registry import RegistryError
from evalgate.release.rollout import transitions

EVIL = "\x1b[31m</code><script>alert(1)</script>\" onload='x' \u202e"
AB = replace(RULES, stages=(Stage(share=5000, hours=24),))


def draw(life: Life, hours: float, rows: list[dict[str, Any]] | None = None) -> DrawnRollout:
    lines = None if rows is None else [json.dumps(row).encode() for row in rows]
    return draw_rollout(life.registry, "support", clock(hours), lambda: lines)


def render(life: Life, hours: float, rows: list[dict[str, Any]] | None = None) -> str:
    page = render_drawn(draw(life, hours, rows))
    require_ours(page, CHARTS)
    require_inert(page)
    return page


def read(page: str) -> str:
    return " ".join("".join(parsed(page).find("body").itertext()).split())


def count(page: str, kind: str) -> int:
    return page.count(f'class="{kind}"')


def test_a_stage_has_its_share_its_e_values_and_its_means() -> None:
    life = Life()
    life.start(slow=5.0)
    rows = life.make_rows(3000, 0.3, 10, drop=0.4)
    drawn = draw(life, 10, rows)
    page = render(life, 10, rows)
    assert drawn.found is not None and drawn.found.decision.action == "roll_back"
    text = read(page)
    assert text.startswith("ROLLS BACK support: 1.1.0 against 1.0.0 helpful: the canary's")
    watched = drawn.found.evidence.watched
    assert [one.name for one in watched] == ["helpful", "errors", "slow", "unscored"]
    assert count(page, "chart") == 1 + 2 * len(watched)
    assert page.count("<polyline") == 1 + 2 * len(watched)
    assert count(page, "dot control") == count(page, "dot candidate") == len(watched)
    assert page.count(">240</text>") == page.count(">20</text>") == len(watched)
    for one in watched:
        assert one.trace is not None
        assert len(one.trace.looks) == LOOKS
        (card,) = (card for card in parsed(page).iter("section") if card.find("h3/code") is not None
                   and card.find("h3/code").text == one.name)  # fmt: skip
        body = [[cell.text for cell in row] for row in card.iter("tr")][1:]
        assert len(body) == LOOKS and body[-1][1:3] == [f"{n:,}" for n in one.n]
        for mean in one.mean:
            assert f"{mean:.4f}" in text


def test_the_last_look_of_a_picture_is_on_the_side_of_the_bound_that_decides() -> None:
    life = Life()
    life.start()
    page = render(life, 10, life.make_rows(3000, 0.3, 10, drop=0.4))
    card = next(card for card in parsed(page).iter("section") if card.get("class") == "card")
    chart = next(card.iter("{http://www.w3.org/2000/svg}svg"), None)
    chart = next(card.iter("svg")) if chart is None else chart
    places = {line.get("class"): line for line in chart}
    worse = float(places["curve worse"].get("points").split()[-1].split(",")[1])
    assert worse < float(places["level worse"].get("y1")), "above the bound, as y grows downwards"


def test_a_rollout_that_is_over_is_shown_as_of_its_end() -> None:
    life = Life()
    life.start()
    rows = life.make_rows(3000, 0.3, 9, drop=0.4)
    sentence = life.tick(10, rows).sentence
    later = [{**row, "id": f"later-{row['id']}", "at": clock(20)} for row in rows]
    page = render(life, 5000, rows + later)
    assert read(page).startswith(f"ROLLED BACK support: 1.1.0 against 1.0.0 {sentence}")
    assert "Both versions, until the end of the rollout" in page
    assert sentence in read(page).partition("Share over time")[2]
    assert "ROLLED BACK" in render(life, 5000), "also without its rows"


def test_a_finished_rollout_is_compared_with_its_end_too() -> None:
    life = Life()
    life.start()
    finish(life)
    rows = [{**row, "version": "1.1.0", "digest": life.candidate.digest} for row in life.make_rows(500, 80, 90, seed=9)]
    text = read(render(life, 91, rows))
    assert text.startswith("FINISHED support: 1.1.0 against 1.0.0 stage 3 of 3 is proven")
    assert "with the end of its rollout, by the rows since" in text and "not proven worse than at the end" in text
    assert text.count("watchedlimit1.1.0e worse") == 1 and "100 %" in text


@pytest.mark.parametrize(("verb", "word"), [("pause", "PAUSED"), ("abort", "ENDED")])
def test_a_decision_by_a_person_is_the_headline(verb: str, word: str) -> None:
    life = Life()
    life.start()
    make = {"pause": transitions.pause_rollout, "abort": transitions.abort_rollout}[verb]
    life.append(lambda _: make(life.last, by(3), "complaints"))
    text = read(render(life, 5, life.make_rows(100, 0.3, 2)))
    assert text.startswith(f"{word} support: 1.1.0 against 1.0.0 complaints") and "ada: complaints" in text


def test_staging_has_one_arm_and_a_test_of_two_versions_both_sides() -> None:
    life = Life()
    life.start(replace(RULES, staging_hours=6, floors={"helpful": 0.5}))
    page = render(life, 6, life.make_rows(100, 0.3, 5.5))
    assert count(page, "dot control") == 0 and count(page, "curve fine") == 0 and "limit 0.5" in page
    life = Life()
    life.start(AB, kind="ab")
    page = render(life, 30, life.make_rows(600, 0.3, 20, drop=-0.12))
    assert count(page, "curve better") == 3 and count(page, "curve fine") == 0 and "e better (120)" in page


def test_a_page_without_rows_or_without_a_rollout_says_so() -> None:
    life = Life()
    assert read(render(life, 1)).startswith("NO ROLLOUT support: no rollout is in progress")
    assert "No rollout is in progress." in render_rollouts(list_rollouts(life.registry, clock(1)))
    life.start()
    assert "without its rows nothing is known" in render(life, 1)
    page = render(life, 1, [])
    assert read(page).startswith("HOLDS") and count(page, "chart") == 1 and "<h3>" not in page
    listed = render_rollouts(list_rollouts(life.registry, clock(1)))
    require_ours(listed, CHARTS)
    assert read(listed).startswith("IN PROGRESS support: the rollout of 1.1.0 against 1.0.0")


def test_a_damaged_rollout_has_no_page() -> None:
    life = Life()
    life.start()
    entry = make_entry("publish", "x", by(1), target=life.candidate.digest)
    life.append(
        lambda last: make_following(
            last,
            "support",
            entry,
            by(1),
            rollout={**life.document.rollout, "stage": 99},  # type: ignore[dict-item]
        )
    )
    with pytest.raises(RegistryError, match=r"the rollout of revision 5 cannot be read: .*stage"):
        draw(life, 2, [])


def test_hostile_names_and_reasons_stay_text() -> None:
    life = Life()
    life.append(
        lambda _: transitions.start_rollout(
            life.last, life.candidate, replace(RULES, scores={EVIL: 0.1}), by(0, EVIL.strip()), EVIL
        )
    )
    rows = [{**row, "scores": {EVIL: 0.5}} for row in life.make_rows(300, 0.3, 5)]
    page = render(life, 5, rows)
    assert "<script" not in page and "onload='" not in page and "\x1b" not in page and "\u202e" not in page
    assert "\\x1b[31m</code><script>alert(1)</script>" in read(page)
