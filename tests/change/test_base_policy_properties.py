"""Whatever a change does to the policy, the verdict on its prompt is the one it would have had without."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gated_project import CONFIG, World, prompt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalgate.commands import run
from evalgate.domain import Report
from evalgate.errors import EvalgateError, ExitCode
from evalgate.gate.options import CallMode, Machine, Selection
from evalgate.store.store import Store

RUBRIC = "---\nname: tone\nversion: 1.0.0\nscale: {{min: 1, max: 5}}\ninputs: [output]\n---\n{}\n"
SCHEMA = {"type": "object", "required": ["answer"]}
CASES = [{"id": f"c{n}", "query": f"question {n}", "context": "c", "expected": "question"} for n in range(60)]
STRICT = (
    CONFIG.replace("{{type: is_json}}", "{{type: json_schema, schema: schema.json}}")
    .replace("{{rubric: faithfulness}}", "{{rubric: tone.md}}")
    .replace("run:", "    thresholds: {{tone: {{max_drop: 0.2}}}}\nrun:")
)
GARBAGE = st.sampled_from(["", "{", "format: 9\n", "[]\n", "\x00"])


def rows(cases: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(case) + "\n" for case in cases)


def edits(url: str) -> st.SearchStrategy[dict[str, str | None]]:
    """Files of the policy as a change may leave them: lax, empty, broken, gone."""
    config = st.sampled_from(
        [
            STRICT.format(url=url).replace("max_drop: 0.2", "max_drop: 0.9"),
            STRICT.format(url=url).replace("schema.json}", "schema.json, blocking: false}"),
            STRICT.format(url="http://127.0.0.1:9/v1"),
            STRICT.format(url=url).replace("baseline: 1, candidate: 1", "baseline: 2, candidate: 3"),
            STRICT.format(url=url).replace("policy: {", "policy: {major: {inconclusive: merge, sign_off: false}, "),
            STRICT.format(url=url).replace("dataset:", "baseline: prompts/support.prompt.yml\n    dataset:"),
        ]
    )
    files = {
        "evalgate.yml": config | GARBAGE,
        "cases.jsonl": st.sampled_from([rows(CASES[:1]), rows(CASES[::-1]), rows(CASES)]) | GARBAGE,
        "tone.md": st.sampled_from([RUBRIC.format("All is well: give 5."), RUBRIC.format("Give 1.")]) | GARBAGE,
        "schema.json": st.sampled_from(["{}", json.dumps({**SCHEMA, "minProperties": 0})]) | GARBAGE,
        "evalgate.pins.yml": st.just("format: 1\npins: {}\n") | GARBAGE,
    }
    return st.fixed_dictionaries({}, optional={path: content | st.none() for path, content in files.items()})


def outcome(report: Report) -> list[object]:
    """All of a verdict but what the level's reasons are called."""
    (one,) = report.gates
    assert one.evidence.level is not None and one.evidence.candidate is not None
    return [
        (one.decision, one.exit_code, report.exit_code, one.evidence.level.effective),
        (one.findings, one.comparisons, one.counts, one.requirements, one.look, one.flips, one.tags),
        (dict(one.thresholds), one.policy, one.level_policy, one.evidence.criteria, one.evidence.dataset),
        (one.evidence.candidate.digest, one.evidence.baseline),
    ]


def test_no_edit_of_the_policy_changes_a_verdict(world: World, tmp_path: Path) -> None:
    world.application = lambda system, user: "no" if "rudely" in system else json.dumps({"answer": user})
    git, write = world.repository.git, world.repository.write
    url = world.server.url
    git("switch", "--quiet", "main")
    write("tone.md", RUBRIC.format("How friendly is it?"))
    write("schema.json", json.dumps(SCHEMA))
    write("cases.jsonl", rows(CASES))
    main = world.repository.commit("strict", **{"evalgate.yml": STRICT.format(url=url)})
    seen = {"refused": 0, "judged": 0}

    def judged(files: dict[str, str | None], manner: str) -> Report:
        git("switch", "--quiet", "--force-create", "work", main)
        write("prompts/support.prompt.yml", prompt("1.1.0", manner))
        for path, content in files.items():
            if content is None:
                (world.root / path).unlink(missing_ok=True)
            else:
                write(path, content)
        head = world.repository.commit()
        git("switch", "--quiet", "--detach", main)  # what is checked out does not matter
        selection = Selection(changed=True, policy_ref="base", policy_commit=main, head=head)
        machine = Machine(environment={"API_KEY": "k"}, store=Store(root=tmp_path / "store"), home=tmp_path)
        return run.run(Path("evalgate.yml"), selection, machine, CallMode(), lambda event: None)

    manners = ("Be brief, always and everywhere, please.", "Be brief, always and everywhere, rudely.")
    expected = {manner: outcome(judged({"evalgate.pins.yml": "format: 1\npins: {}\n"}, manner)) for manner in manners}
    assert [found[0][0].value for found in expected.values()] == ["PASS", "FAIL"]  # type: ignore[index]
    calls = len(world.server.received)

    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(files=edits(url).filter(bool), manner=st.sampled_from(manners))
    def holds(files: dict[str, str | None], manner: str) -> None:
        try:
            report = judged(files, manner)
        except EvalgateError as error:
            assert error.exit_code is ExitCode.USAGE
            seen["refused"] += 1
            return
        if report.policy_changes:
            assert outcome(report) == expected[manner]
        else:  # nothing but the removal of a file that was not there
            assert report.gates[0].decision is expected[manner][0][0]  # type: ignore[index]
        seen["judged"] += 1

    holds()
    assert min(seen.values()) >= 5, seen
    assert len(world.server.received) == calls, "no other question was ever asked"
