"""The page of HTML: of our elements and attributes alone, whatever text is in it, and nothing in it acts or loads."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

from hypothesis import given
from hypothesis import strategies as st
from report.pages import parsed, require_inert, require_ours

from evalgate.domain import REUSED, Arm, Failure, InputField, Output, PromptChange, Report, Score, Unscored
from evalgate.report import criteria_table, escape, footer, html, markdown, view

PIECES = (
    *("<", ">", "&", '"', "'", "</", "<!--", "-->", "]]>", "<script>alert(1)</script>", "<img src=x onerror=x>"),
    *("</style>", "</title>", "</span>", "</td></table>", "</main>", "&lt;", "&#60;", "=", "`", "javascript:x", "\x00"),
    *("\r", "\n", "\t", "\x0c", "\u202e", "\u2028", '" onmouseover="x', "' style='x", "https://evil.example", "style="),
)
TEXTS = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=10).map("".join)


def written_by_others(samples, text: str) -> Report:
    """A report whose every text is this one."""
    report = samples.hostile()
    gate = report.gates[0]
    criterion = replace(gate.evidence.criteria[0], name=text)
    rows = (
        samples.result("x", Arm.BASELINE, 0, Output(text=text)),
        samples.result("x", Arm.CANDIDATE, 0, Failure(kind="infrastructure", message=text)),
    )
    scored = (Score(value=0.0, reason=text), Unscored(reason=text))
    evidence = replace(
        gate.evidence,
        name=text,
        criteria=(criterion,),
        results=tuple(
            replace(row, case=text, tags=(text, text), scores={text: score})
            for row, score in zip(rows, scored, strict=True)
        ),
        candidate=replace(gate.evidence.candidate, name=text, version=text, source=text, digest=text),
        dataset=replace(gate.evidence.dataset, path=text, digest=text),
        notes=(text, f"{REUSED}{text}"),
        evaluated=text,
    )
    return replace(
        report,
        gates=(
            replace(
                gate,
                evidence=evidence,
                comparisons=tuple(
                    replace(
                        c,
                        criterion=text,
                        **dict.fromkeys(("regressed", "broken", "fixed", "suspects", "left_out"), (text,)),
                    )
                    for c in gate.comparisons
                ),
                blocking=tuple(replace(c, criterion=text, for_good=(text,)) for c in gate.blocking),
                constant_output=replace(gate.constant_output, text=text),
                findings=tuple(replace(f, criterion=text, sentence=text, cases=(text,)) for f in gate.findings),
                requirements=tuple(replace(r, detail=text) for r in gate.requirements),
            ),
        ),
        warnings=(text,),
        policy_changes=(replace(report.policy_changes[0], path=text),),
        sign_off=replace(report.sign_off, by=text, at=text, url=f"https://a{text}"),
        run_id=text,
        created_at=text,
        tool_version=text,
    )


def test_no_template_turns_the_escaping_off() -> None:
    texts = [path.read_text(encoding="utf-8") for path in files("evalgate.report").joinpath("templates").iterdir()]
    assert len(texts) == 15
    assert not any(word in text for text in texts for word in ("| safe", "autoescape", "~"))


def test_every_report_is_of_our_elements(named) -> None:
    require_ours(html.render(named[1]))


@given(text=TEXTS)
def test_no_text_adds_an_element_or_an_attribute(samples, text: str) -> None:
    tags = require_ours(html.render(written_by_others(samples, text)))
    once = ("head", "style", "script", "body", "main", "header", "h1", "footer")
    assert [tags.count(tag) for tag in once] == [1] * len(once)
    others = require_ours(html.render(written_by_others(samples, "plain")))
    fixed = ("section", "h2", "h3", "table", "tr", "svg", "rect", "select", "option", "title")
    assert [tags.count(tag) for tag in fixed] == [others.count(tag) for tag in fixed]


def test_the_text_is_there_to_be_read(samples) -> None:
    body = "".join(parsed(html.render(samples.hostile())).find("body").itertext())
    assert escape.visible("<img src=x onerror=alert(1)>") in body
    assert "\\u202e me\\u200b" in body and "\u202e" not in body


def test_nothing_in_the_page_acts_or_loads(named) -> None:
    require_inert(html.render(named[1]))


def test_the_verdict_stands_first(named) -> None:
    words = " ".join("".join(parsed(html.render(named[1])).find("body").itertext()).split())
    rules = escape.visible(view.rules(named[1]))
    assert words.startswith(f"{rules} {view.verdict(named[1])}".strip())


def test_the_page_tells_what_markdown_tells(named) -> None:
    """Every number of the table, every finding and every line of the run, in the same order."""
    _, report = named
    words = " ".join("".join(parsed(html.render(report)).find("body").itertext()).split())
    place = 0
    for gate in report.gates:
        told = [
            cell
            for row in criteria_table.make_rows(gate)
            for cell in (row.baseline, row.candidate, row.interval, row.decision, row.counts)
        ]
        told += [escape.visible(escape.prose(text)) for _, text in footer.describe_gate(gate)]
        for text in told:
            found = words.find(" ".join(text.split()), place)
            assert found >= 0, text
            place = found
    assert markdown.render(report)  # which tests of its own hold to the same view


def test_a_long_list_of_cases_ends_with_their_number(samples) -> None:
    text = html.render(samples.failing(), cases=3)
    assert text.count('<details class="case"') == 3 and "... and 5 more cases, in the JSON report." in text


def test_each_row_is_drawn_over_its_zones_on_one_axis(samples) -> None:
    page = parsed(html.render(samples.failing()))
    drawings = [e for e in page.iter() if isinstance(e.tag, str) and e.get("class") == "interval-plot"]
    zones = [[child.get("class") for child in drawing if child.tag.endswith("rect")] for drawing in drawings]
    assert zones == [["below", "above"], ["below", "above"], ["beyond", "allowed", "above"]]
    assert len([e for e in page.iter() if isinstance(e.tag, str) and e.get("class") == "axis"]) == 1


def test_a_click_on_a_bar_leads_to_the_case(samples) -> None:
    page = parsed(html.render(samples.failing()))
    links = [e.get("href") for e in page.iter() if isinstance(e.tag, str) and e.get("tabindex") == "-1"]
    ids = {e.get("id") for e in page.iter() if isinstance(e.tag, str)}
    assert links and {link.removeprefix("#") for link in links} <= ids


def test_the_difference_of_the_prompts_is_on_the_page(samples) -> None:
    change = PromptChange(
        baseline=(InputField(name="system", text="Be <exact>.\nAnswer."),),
        candidate=(InputField(name="system", text="Be brief.\nAnswer."), InputField(name="temperature", text="0")),
    )
    gate = samples.failing().gates[0]
    page = html.render(samples.report(replace(gate, evidence=replace(gate.evidence, prompt_change=change))))
    require_ours(page)
    assert "(1 line removed, 2 added)" in page and "- Be <mark>&lt;exact&gt;.</mark>" in page


def test_a_sign_off_links_to_where_it_was_given_if_that_is_a_page(samples) -> None:
    report = samples.signed_off()
    assert f'href="{samples.SIGNED.url}"' in html.render(report)
    for url in ("", "javascript:alert(1)", "data:text/html,x"):
        text = html.render(replace(report, sign_off=replace(samples.SIGNED, url=url)))
        assert "<a " not in text and "by octocat at 2026-03-04T06:07:08Z" in text
