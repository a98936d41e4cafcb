from __future__ import annotations

import logging

import pytest

from evalgate.release.runtime.prompt_error import PromptError, make_printable, warn


def test_an_error_says_what_is_wrong_and_how_to_mend_it() -> None:
    assert str(PromptError("no document", hint="publish the prompt")) == "no document; publish the prompt"
    assert str(PromptError("no document")) == "no document"


def test_no_line_of_a_log_can_be_forged() -> None:
    shown = make_printable("a\nERROR \x1b[31m\u2028\u202e" + "x" * 1000)
    assert shown.startswith("a\\u000aERROR \\u001b[31m\\u2028\\u202e") and shown.endswith("x...")
    assert shown.isprintable() and len(shown) < 540


def test_a_warning_goes_to_the_log_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    warn("100 %s")
    assert caplog.record_tuples == [("evalgate.release.runtime", logging.WARNING, "100 %s")]


def test_an_error_has_no_control_characters() -> None:
    error = PromptError("a\x1b[31m\0", hint="b\n")
    assert str(error) == "a\\u001b[31m\\u0000; b\\u000a"
    assert (error.message, error.hint, error.args) == ("a\\u001b[31m\\u0000", "b\\u000a", (error.message,))
