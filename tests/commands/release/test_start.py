from __future__ import annotations

import json
from dataclasses import replace

import pytest
from release.documents import make_version
from release.rollout.lives import NEW, OLD, RULES, Life, by

from evalgate.commands.release.rollback import roll_back_production
from evalgate.commands.release.start import require_scores, start
from evalgate.errors import InputError
from evalgate.release.promotion import publish_version
from evalgate.release.registry import RefusedError
from evalgate.release.rollout.state import parse_state


def test_the_limits_are_those_of_production_before_the_start() -> None:
    life = Life()
    rows = life.make_rows(200, -30, -1)
    lines = [json.dumps({**row, "seconds": number / 100}).encode() for number, row in enumerate(rows)]
    lines += [json.dumps({**row, "id": f"later-{row['id']}", "at": "2026-03-01T00:00:00Z"}).encode() for row in rows]
    done = start(life.registry, "support", RULES, by(), "go", rows=lines)
    assert done.stored == life.last
    assert (life.state.slow, life.state.expensive) == (1.89, 0.01)


def test_the_highest_version_is_started_and_another_one_by_its_name() -> None:
    life = Life()
    third = make_version("1.2.0", "Hey, ")
    life.append(lambda last: publish_version(last, "support", third, by(-1)))
    planned = start(life.registry, "support", RULES, by(), "go", dry_run=True)
    state = parse_state(planned.document)
    assert state is not None and state.candidate == third.digest and life.document.rollout is None
    start(life.registry, "support", RULES, by(), "go", version="1.1.0")
    assert (life.state.candidate, life.state.control, life.state.slow) == (NEW.digest, OLD.digest, None)


def test_a_version_that_was_rolled_back_is_started_by_its_name_alone() -> None:
    life = Life()
    start(life.registry, "support", RULES, by(), "go")
    roll_back_production(life.registry, "support", by(1, "olga"), "complaints")
    with pytest.raises(RefusedError, match="olga rolled back from it"):
        start(life.registry, "support", RULES, by(2), "go")
    start(life.registry, "support", RULES, by(2), "go", version="1.1.0")
    assert life.list_verbs() == ["start", "rollback", "start"]
    for version in (None, "1.1.0"):  # the rollout in progress comes first, whatever the past of the version
        with pytest.raises(InputError, match="a rollout is in progress"):
            start(life.registry, "support", RULES, by(3), "go", version=version)


def test_no_score_at_all_has_to_be_written() -> None:
    require_scores(RULES, "support", is_written=False)
    require_scores(replace(RULES, scores={}), "support", is_written=True)
    with pytest.raises(InputError, match="no score is named"):
        require_scores(replace(RULES, scores={}), "support", is_written=False)
