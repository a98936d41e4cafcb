"""Every numeric option of the command takes a finite number, or refuses the text."""

from __future__ import annotations

import math
from collections.abc import Iterator

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.cli import root
from evalgate.cli.cache.prune import command as prune
from evalgate.cli.decide import Floor
from evalgate.cli.finite_range import FiniteRange
from evalgate.cli.run_options import ShardNumber
from evalgate.store import cache_admin
from evalgate.store.store import FOLDER

NUMBERS = st.one_of(
    st.sampled_from(["nan", "-nan", "inf", "-inf", "1e308", "1e400", "9" * 400, "9" * 5000, "-0", "1e-400", ""]),
    st.floats().map(repr),
    st.integers().map(str),
    st.text(),
)


def list_numeric(group: click.Command, name: str = "") -> Iterator[tuple[str, click.Parameter]]:
    if isinstance(group, click.Group):
        for verb in group.list_commands(click.Context(group)):
            command = group.get_command(click.Context(group), verb)
            assert command is not None
            yield from list_numeric(command, f"{name} {verb}".strip())
        return
    for option in group.params:
        kind = option.type
        own = type(kind).__module__.startswith("evalgate.")
        if own or isinstance(kind, click.types.IntParamType | click.types.FloatParamType):
            yield f"{name} {option.opts[0]}", option


OPTIONS = dict(list_numeric(root))


def test_the_options_are_found() -> None:
    assert {"cache prune --max-size", "cache prune --older-than", "aa --margin", "run --shard"} <= set(OPTIONS)
    assert {"decide --min", "decide --max-drop"} <= set(OPTIONS)
    assert not [name for name, option in OPTIONS.items() if type(option.type) is click.types.FloatRange]


@pytest.mark.parametrize("name", OPTIONS)
@given(NUMBERS)
def test_an_option_takes_a_finite_number_or_refuses_it(name: str, text: str) -> None:
    kind = OPTIONS[name].type
    try:
        value = kind.convert(f"q={text}" if isinstance(kind, Floor) else text, None, None)
    except click.UsageError:
        return
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, float):
            assert math.isfinite(number)
        if name.startswith("cache"):
            assert math.isfinite(number * max(1e6, cache_admin.DAY))


@pytest.mark.parametrize("text", ["nan", "inf", "1e308", "0.05", "9" * 400])
@pytest.mark.parametrize("option", ["--max-size", "--older-than"])
def test_prune_refuses_what_no_cache_has(option: str, text: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / FOLDER).mkdir()
    with pytest.raises(click.BadParameter):
        prune.main([option, text], standalone_mode=False)


def test_a_number_of_the_range_is_taken() -> None:
    assert FiniteRange(0, 1).convert("0.5", None, None) == 0.5
    assert ShardNumber().convert("3/8", None, None) == (3, 8)
