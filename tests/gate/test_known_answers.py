"""Tests of the answers that need no call; `plan` and the hook test them with a run's own cache."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from gated_project import World

from evalgate.domain import Output
from evalgate.gate import known_answers
from evalgate.gate.known_answers import KnownAnswers
from evalgate.gate.options import CallMode, Selection, open_for_run
from evalgate.gate.plans import make_plans, select_gates
from evalgate.store.store import Store


@pytest.mark.parametrize("judged", [True, False])
def test_a_judgement_is_known_where_the_reply_about_the_stored_output_is(world: World, judged: bool) -> None:
    """An output that is stored without its judgement, or that another run replaced, has no known judgement."""
    world.edit()
    assert world.evalgate("run").code == 0
    store, selection, calls = Store(root=Path(world.root / ".evalgate")), Selection(), CallMode()
    workspace = open_for_run(world.root / "evalgate.yml", selection, calls, environment={"KEY": "x"})
    plans = make_plans(workspace, select_gates(workspace, selection), selection, calls, store)
    with known_answers.open_known_answers(workspace.config, plans, workspace.tree, store) as known:
        shown = known if judged else forget_texts(known)
        for trial in plans[0].trials:
            assert known.has(trial.request)
            assert shown.has_judgement(plans[0].judges[0], trial) is judged
        assert not known.has(replace(plans[0].trials[0].request, model="another"))


def forget_texts(known: KnownAnswers) -> KnownAnswers:
    """Return the same answers with other texts, about which no judge was asked."""

    class Other:
        def get(self, key: str, max_age: float | None = None) -> Output | None:
            found = known.cache.get(key, max_age) if known.cache is not None else None
            if not isinstance(found, Output):
                return None
            return None if "score" in found.text else replace(found, text=json.dumps({"answer": "changed"}))

    return replace(known, cache=Other())  # type: ignore[arg-type]
