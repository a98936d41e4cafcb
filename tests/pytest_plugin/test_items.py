"""The tests that pytest finds in a configuration, and what they say."""

from __future__ import annotations

import json

import pytest

pytest_plugins = ["pytester"]


def count(gated) -> int:
    return len(gated.server.received)


def test_each_case_is_a_test_and_the_verdict_is_the_last(gated) -> None:
    ended = gated.run("golden/", "-v")
    ended.assert_outcomes(passed=41)
    lines = [line for line in ended.outlines if " PASSED " in line]
    assert lines[0].startswith("golden/evalgate.yml::support::case-")
    assert lines[-1].startswith("golden/evalgate.yml::verdict PASSED")
    assert count(gated) == 80
    gated.run("golden/evalgate.yml").assert_outcomes(passed=41)
    assert count(gated) == 80, "nothing is paid twice"
    assert json.loads((gated.folder / ".evalgate" / "report.json").read_text())["decision"] == "PASS"


def test_a_fail_has_its_evidence_at_the_cases_that_are_reasons_for_it(gated) -> None:
    gated.wrong = dict.fromkeys(range(10), "no way")
    ended = gated.run("golden/")
    ended.assert_outcomes(failed=11, passed=30)
    assert ended.ret == pytest.ExitCode.TESTS_FAILED
    ended.stdout.fnmatch_lines(
        [
            "case case-0? of support fails",
            "FAIL: polite: *",
            "  query",
            "    question *",
            "  candidate, sample 1 of 1",
            "    no way",
            '    polite fails: must not contain "no way"*',
            "_* verdict _*",
            "FAIL: polite: *",
        ]
    )


def test_a_case_that_is_worse_within_the_allowed_drop_does_not_contradict_a_pass(gated) -> None:
    gated.wrong = {3: "nothing"}
    ended = gated.run("golden/")
    ended.assert_outcomes(passed=40, xfailed=1)
    ended.stdout.fnmatch_lines(["XFAIL *::support::case-03 - does not block: fact: worse than with the baseline"])


@pytest.mark.parametrize("inconclusive", ["block", "merge"])
def test_an_inconclusive_verdict_fails_or_is_skipped_as_the_policy_says(gated, inconclusive: str) -> None:
    gated.wrong = {3: "nothing"}
    config = gated.folder / "evalgate.yml"
    text = config.read_text().replace("max_drop: 0.2", "max_drop: 0.09")
    config.write_text(text.replace("stop_early: false", f"stop_early: false, minor: {{inconclusive: {inconclusive}}}"))
    ended = gated.run("golden/")
    if inconclusive == "block":
        ended.assert_outcomes(passed=39, failed=2)
        ended.stdout.fnmatch_lines(["case case-03 of support is undecided", "INCONCLUSIVE: fact: *", "_* verdict _*"])
    else:
        ended.assert_outcomes(passed=39, xfailed=1, skipped=1)
        ended.stdout.fnmatch_lines(["SKIPPED * golden/evalgate.yml: INCONCLUSIVE, does not block: fact: *"])


def test_a_pass_that_waits_for_a_sign_off_is_skipped(gated) -> None:
    prompt = gated.folder / "support.prompt.yml"
    prompt.write_text(prompt.read_text().replace("1.1.0", "2.0.0"))
    ended = gated.run("golden/")
    ended.assert_outcomes(passed=40, skipped=1)
    ended.stdout.fnmatch_lines(["SKIPPED * golden/evalgate.yml: PASS, awaiting sign-off: *"])


@pytest.mark.parametrize("selection", [["-k", "case-1"], ["--deselect", "golden/evalgate.yml::support::case-00"]])
def test_a_part_of_the_cases_is_no_gate_and_makes_its_own_calls_alone(gated, selection: list[str]) -> None:
    ended = gated.run("golden/", *selection)
    selected = 10 if selection[0] == "-k" else 39
    ended.assert_outcomes(passed=selected, skipped=1, deselected=40 - selected)
    ended.stdout.fnmatch_lines([f"*SKIPPED * golden/evalgate.yml: not a gate: {selected} of 40 cases are selected"])
    assert count(gated) == 2 * selected
    assert not (gated.folder / ".evalgate" / "report.json").exists()


def test_one_case_by_its_node_id_fails_where_a_check_newly_fails(gated) -> None:
    gated.wrong = {7: "no way", 8: "nothing"}
    ended = gated.run("golden/evalgate.yml::support::case-07")
    ended.assert_outcomes(failed=1, skipped=1)
    ended.stdout.fnmatch_lines(
        ["case case-07 of support is undecided", "polite: worse than with the baseline", "a run of all cases*"]
    )
    assert count(gated) == 2, "the case alone, for both versions"
    ended = gated.run("golden/evalgate.yml::support::case-08")
    ended.assert_outcomes(xfailed=1, skipped=1)


def test_the_last_failed_are_no_gate(gated) -> None:
    gated.wrong = dict.fromkeys(range(10), "no way")
    gated.run("golden/").assert_outcomes(failed=11, passed=30)
    before = count(gated)
    ended = gated.run("golden/", "--lf")
    ended.assert_outcomes(failed=10, skipped=1, deselected=30)
    assert count(gated) == before
    ended.stdout.fnmatch_lines(["SKIPPED * not a gate: 10 of 40 cases are selected"])


def test_the_first_failure_with_x_leaves_no_gate(gated) -> None:
    gated.run("golden/", "-x").stdout.fnmatch_lines(
        ["SKIPPED * not a gate: with -x or --maxfail *", "*40 passed, 1 skipped*"]
    )
    gated.wrong = dict.fromkeys(range(10), "no way")
    (gated.folder / "support.prompt.yml").write_text(
        (gated.folder / "support.prompt.yml").read_text().replace("always", "ever")
    )
    ended = gated.run("golden/", "-x")
    ended.assert_outcomes(failed=1, passed=ended.parseoutcomes().get("passed", 0))
    ended.stdout.fnmatch_lines(["golden/evalgate.yml: not a gate: the run ended before the verdict"])


def test_the_verdict_alone_is_a_gate(gated) -> None:
    gated.run("golden/evalgate.yml::verdict").assert_outcomes(passed=1)
    assert count(gated) == 80


def test_collecting_makes_no_call(gated) -> None:
    ended = gated.run("golden/", "--collect-only", "-q")
    assert sum("::case-" in line for line in ended.outlines) == 40
    gated.run("golden/", "--setup-plan")
    assert count(gated) == 0


def test_an_error_of_the_run_is_an_error_of_the_tests(gated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_KEY")
    ended = gated.run("golden/")
    ended.assert_outcomes(errors=41)
    said = ended.stdout.str()
    assert said.count("the run could not be made: see the first error") >= 40
    ended.stdout.fnmatch_lines(["*API_KEY*"])


def test_a_faulty_configuration_is_an_error_of_the_collection(gated) -> None:
    (gated.folder / "evalgate.yml").write_text("gates: []\n")
    ended = gated.run("golden/")
    assert ended.ret == pytest.ExitCode.INTERRUPTED
    ended.stdout.fnmatch_lines(["*evalgate.yml:1:*"])
    assert "Traceback" not in ended.stdout.str()


def test_texts_that_stay_on_the_machine_are_not_printed(gated) -> None:
    config = gated.folder / "evalgate.yml"
    config.write_text(f"{config.read_text()}report: {{texts: none}}\n")
    gated.wrong = dict.fromkeys(range(10), "no way to tell")
    ended = gated.run("golden/")
    ended.assert_outcomes(failed=11, passed=30)
    assert "no way to tell" not in ended.stdout.str()
    assert "(text withheld)" in ended.stdout.str()


def test_a_hostile_id_is_shown_and_not_obeyed(gated) -> None:
    path = gated.folder / "cases.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0]["id"] = "a::b\x1b[31m"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ended = gated.run("golden/", "-v", "--color=no")
    assert "\x1b" not in ended.stdout.str()
    assert "::a:b\\x1b[31m PASSED" in ended.stdout.str()
