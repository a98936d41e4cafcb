from __future__ import annotations

from dataclasses import replace

from release.rollout.lives import RULES, Life, clock
from release.rollout.test_monitoring import finished

from evalgate.release.rollout.row_window import RowWindow, find_recent, find_window
from evalgate.release.rollout.traffic_rows import find_instant


def test_a_stage_needs_the_rows_since_it_began_with_the_scores_that_it_watches() -> None:
    life = Life()
    assert find_window(life.document, clock(5)) is None
    life.start(replace(RULES, staging_hours=24, floors={"polite": 0.5}), hours=1)
    assert find_window(life.document, clock(5)) == RowWindow(since=find_instant(clock(1)), scores=("polite",))
    life.advance(3)
    assert find_window(life.document, clock(5)) == RowWindow(since=find_instant(clock(3)), scores=("helpful",))


def test_of_what_evalgate_scores_it_needs_the_texts_and_no_scores() -> None:
    life = Life()
    rules = replace(RULES, scores={"helpful": 0.1, "polite": 0.1}, criteria={"polite": "a" * 64}, score_per_day=5000)
    life.start(rules)
    found = find_window(life.document, clock(5))
    assert found == RowWindow(since=find_instant(clock()), scores=("helpful",), texts=True)


def test_production_needs_the_last_days_after_its_rollout() -> None:
    document = finished().document
    monitoring = document.monitoring
    assert monitoring is not None
    ended = find_instant(monitoring["since"])
    assert find_window(document, clock(100)) == RowWindow(since=ended, scores=("helpful",))
    assert find_window(document, clock(1000)) == find_recent(clock(1000), ["helpful"])
    assert find_recent(clock(1000), ["helpful"]).since == find_instant(clock(1000 - 7 * 24))
