"""The input of a case: one line for each field, whole words, and nothing lost where there is more."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Evidence, InputField, Report
from evalgate.report import comment, html, junit, markdown, terminal
from evalgate.report.input_lines import LINE, make_input_lines


def of(text: str, name: str = "query") -> InputField:
    return InputField(name=name, text=text)


@given(st.text(alphabet=st.sampled_from("ab \n\t"), max_size=600))
def test_a_field_is_one_line_of_whole_words_and_the_whole_text_is_there(text: str) -> None:
    (line,) = make_input_lines([of(text)])
    assert "\n" not in line.text and len(line.text) <= LINE + 50
    assert (line.whole or line.text) in (text, text.strip(), "(empty)")
    words = text.split()
    if words and max(map(len, words)) < LINE // 2:
        shown = line.text.removesuffix(" ...").split(" ")
        assert shown == words[: len(shown)]


def test_a_long_word_is_cut() -> None:
    (line,) = make_input_lines([of("x" * 1_000)])
    assert line.text == "x" * LINE + " ..." and len(line.whole) == 1_000


def test_fields_that_are_left_out_are_counted() -> None:
    fields = [of("a", f"f{number}") for number in range(6)]
    assert [line.name for line in make_input_lines(fields, most=4)] == ["f0", "f1", "f2", "f3", "..."]
    assert make_input_lines(fields, most=4)[-1].text == "and 2 more fields"
    assert make_input_lines(fields, most=5)[-1].text == "and 1 more field"
    assert make_input_lines([]) == ()


def with_inputs(samples, *fields: InputField, **others: object) -> Report:
    gate = samples.failing().gates[0]
    cases = {result.case for result in gate.evidence.results}
    evidence = replace(gate.evidence, **{"inputs": dict.fromkeys(cases, fields), **others})
    return samples.report(replace(gate, evidence=evidence))


RENDERINGS = (terminal.render, markdown.render, html.render, junit.render)


def test_every_report_shows_what_a_case_asked(samples) -> None:
    report = with_inputs(samples, of("Where is my parcel?"))
    for render in (*RENDERINGS, lambda report: comment.render(report, marker="<!-- m -->")):
        assert "Where is my parcel?" in render(report)


def test_a_terminal_of_80_columns_breaks_no_word_of_an_input(samples) -> None:
    words = [f"word{number}and{'x' * (number % 23)}" for number in range(30)]
    shown = terminal.render(with_inputs(samples, of(" ".join(words))), width=80).split()
    first = shown.index("query:") + 1
    end = shown.index("...", first)
    assert end > first + 3 and shown[first:end] == words[: end - first]


def test_an_input_that_a_report_does_not_have_is_named_as_such(samples) -> None:
    report = with_inputs(samples, inputs={})
    for render in RENDERINGS:
        assert "(not in this report)" in render(report)


def test_imported_scores_have_no_input(samples) -> None:
    report = with_inputs(samples, inputs={}, level=None)
    assert isinstance(report.gates[0].evidence, Evidence)
    for render in (terminal.render, markdown.render, junit.render):
        assert "(not in this report)" not in render(report)


def test_a_page_of_long_inputs_keeps_to_the_size_of_a_comment(samples) -> None:
    fields = [of("a word of many <&> " * 1_000, f"field {number}") for number in range(20)]
    text = comment.render(with_inputs(samples, *fields), marker="<!-- m -->")
    assert len(text) <= comment.MOST
