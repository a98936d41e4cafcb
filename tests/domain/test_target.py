from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Json, Target

NAMES = st.sampled_from(["temperature", "top_p", "max_tokens", "max_completion_tokens", "seed"])
PARAMETERS = st.dictionaries(NAMES, st.one_of(st.none(), st.integers(0, 9)), max_size=4)


@given(theirs=PARAMETERS, own=PARAMETERS)
def test_a_prompts_own_parameters_win(theirs: dict[str, Any], own: dict[str, Json]) -> None:
    target = Target(name="t", kind="openai", location="u", identity="i", parameters=theirs)
    merged = target.merge_parameters(own)
    for name, value in own.items():
        assert merged.get(name, "unset") == ("unset" if value is None and name in theirs else value)
    assert merged.keys() <= theirs.keys() | own.keys()
    limits = {"max_tokens", "max_completion_tokens"}
    if limits & own.keys():
        assert limits & merged.keys() <= own.keys()
    if not theirs:
        assert merged is own
