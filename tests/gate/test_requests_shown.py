"""Tests of the prompts that are kept for `evalgate show`; `tests/cli/test_show.py` has those of whole runs."""

from __future__ import annotations

from evalgate.domain import Arm, InputField
from evalgate.domain.sent_prompts import SentCase, SentMessage, SentPrompt
from evalgate.gate.requests_shown import withhold_prompts


def test_withheld_prompts_keep_their_shape_alone() -> None:
    prompt = SentPrompt(
        arm=Arm.CANDIDATE, messages=(SentMessage(role="user", content="private"),), settings={"model": "m"}
    )
    case = SentCase(gate="g", case="c", fields=(InputField(name="query", text="private"),), prompts=(prompt,))
    bare = withhold_prompts(case, "(gone)")
    assert "private" not in repr(bare)
    assert (bare.fields[0].name, bare.prompts[0].messages[0].role) == ("query", "user")
    assert bare.prompts[0].settings == {"model": "m"}
