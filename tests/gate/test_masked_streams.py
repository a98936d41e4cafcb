"""What a function of the user's prints holds no secret, and is not a command in the action."""

from __future__ import annotations

import logging
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalgate.action import __main__ as action
from evalgate.console.escaped_streams import escape_streams
from evalgate.domain.masking import in_force
from evalgate.mask import Mask

PRINTABLE = st.characters(min_codepoint=33, max_codepoint=126)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=st.text(PRINTABLE, min_size=12, max_size=60), around=st.text("\u03b1 \n", max_size=5))
def test_what_is_printed_meanwhile_holds_no_secret(
    capsys: pytest.CaptureFixture[str], secret: str, around: str
) -> None:
    with escape_streams({}), in_force(Mask([secret])):
        print(f"{around}{secret}{around}")  # noqa: T201 - as a function of the user would
        sys.stderr.writelines([around, secret])
        logging.getLogger("masked").addHandler(handler := logging.StreamHandler())
        logging.getLogger("masked").warning(secret)
    logging.getLogger("masked").removeHandler(handler)
    said = capsys.readouterr()
    assert said.out == f"{around}***{around}\n"
    assert said.err == f"{around}******\n"


def test_what_a_function_prints_in_the_action_is_no_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def printing(log: action.Log) -> int:
        sys.stdout.write("::error::owned\n a ##[add-mask]b\n")
        log.warn("meant")
        return 4

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setattr(action, "_main", printing)
    with pytest.raises(SystemExit) as ended:
        action.main()
    assert ended.value.code == 4
    lines = capsys.readouterr().out.splitlines()
    assert "::warning title=evalgate::meant" in lines
    assert not any(line.startswith("::error") or "##[" in line for line in lines)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    secret=st.text(PRINTABLE, min_size=12, max_size=30),
    cuts=st.lists(st.integers(0, 60), max_size=5).map(sorted),
    in_step=st.booleans(),
    flushed=st.booleans(),
)
def test_what_is_printed_piece_by_piece_holds_no_secret_either(
    capsys: pytest.CaptureFixture[str], *, secret: str, cuts: list[int], in_step: bool, flushed: bool
) -> None:
    text = f"\u03b1 {secret}\n{secret}\u03b1"
    with escape_streams({"GITHUB_ACTIONS": "true"} if in_step else {}), in_force(Mask([secret])):
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            for stream in (sys.stdout, sys.__stderr__):
                assert stream is not None
                stream.write(text[start:end])
                if flushed:
                    stream.flush()
    said = capsys.readouterr()
    assert secret not in said.out + said.err
    assert said.out == said.err == "\u03b1 ***\n***\u03b1"
