"""What is wrong with an evalgate.yml, as it is printed: place, message, closest match."""

from __future__ import annotations

import pytest

from evalgate.inputs.config import load_config

from .conftest import CHECKS, CONFIG, HEAD, RUBRIC, Project, faults


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (CHECKS + "    tresholds: {}\n", 'evalgate.yml:8:5: unknown key "tresholds"; did you mean "thresholds"?'),
        (
            CHECKS + 'policy: {approvers: [ann, org/team, "@bob"]}\n',
            'evalgate.yml:8:37: an entry of "approvers" must be a login, or a team as org/team, without @, not "@bob"',
        ),
        (CHECKS + "polcy: {}\n", 'evalgate.yml:8:1: unknown key "polcy"; did you mean "policy"?'),
        (
            HEAD + "    checks:\n      - {type: regex, patern: x, pattern: y}\n",
            'evalgate.yml:7:23: unknown key "patern"; did you mean "pattern"?',
        ),
        (
            HEAD + "    checks:\n      - {type: contians, value: x}\n",
            'evalgate.yml:7:16: unknown type "contians"; did you mean "contains"?',
        ),
        (
            HEAD + "    checks:\n      - {type: not_latency, max_seconds: 1}\n",
            'evalgate.yml:7:16: unknown type "not_latency"; did you mean "latency"?',
        ),
        (HEAD + "    checks:\n      - {name: x}\n", 'evalgate.yml:7:9: a check has no "type"'),
        (HEAD + "    checks:\n      - is_json\n", 'evalgate.yml:7:9: a check must be a mapping, not "is_json"'),
        (
            HEAD + "    checks:\n      - {type: length, max_words: ninety}\n",
            'evalgate.yml:7:35: "max_words" must be a whole number or a mapping, not "ninety"',
        ),
        (
            HEAD + "    checks:\n      - {type: length, max_words: 1.5}\n",
            'evalgate.yml:7:35: "max_words" must be a whole number or a mapping, not 1.5',
        ),
        (
            HEAD + "    checks:\n      - {type: length, max_words: true}\n",
            'evalgate.yml:7:35: "max_words" must be a whole number or a mapping, not true',
        ),
        (
            HEAD + "    checks:\n      - {type: length}\n",
            "evalgate.yml:7:9: a check needs one of: min_chars, max_chars, min_words, max_words, min_lines, max_lines",
        ),
        (
            HEAD + "    checks:\n      - {type: length, min_words: 9, max_words: 3}\n",
            'evalgate.yml:7:35: "min_words" is more than "max_words"',
        ),
        (HEAD + "    checks:\n      - {type: contains}\n", "evalgate.yml:7:9: a check needs one of: value, from"),
        (
            HEAD + "    checks:\n      - {type: contains, value: x, from: y}\n",
            'evalgate.yml:7:36: "value" and "from" exclude each other',
        ),
        (
            HEAD + "    checks:\n      - {type: contains, value: 5}\n",
            'evalgate.yml:7:33: "value" is a number here (5): quote it, "5"',
        ),
        (HEAD + "    checks:\n      - {type: is_json, at: answer}\n", 'evalgate.yml:7:25: unknown key "at"'),
        (
            HEAD + "    checks:\n      - {type: regex, pattern: x, at: answer}\n",
            'evalgate.yml:7:39: "at" must be a JSON Pointer such as /answer, not "answer"',
        ),
        (
            HEAD + "    checks:\n      - {type: required_fields, fields: [a, a]}\n",
            'evalgate.yml:7:45: "a" appears twice in "fields"',
        ),
        (
            HEAD + "    checks:\n      - {type: json_schema, schema: nope.json}\n",
            'evalgate.yml:7:37: no such file: "nope.json"',
        ),
        (
            HEAD + "    checks:\n      - {type: is_json}\n      - {type: is_json}\n",
            'evalgate.yml:8:9: the criterion "is_json" is defined twice; first in line 7\n  hint: give one a `name:`',
        ),
        (HEAD, "evalgate.yml:4:5: the gate has no check and no judge"),
        (HEAD + "    checks: []\n", "evalgate.yml:4:5: the gate has no check and no judge"),
        (
            HEAD + "    judges:\n      - {rubric: faithfullness}\n",
            'evalgate.yml:7:18: unknown rubric "faithfullness"; did you mean "faithfulness"?',
        ),
        (
            HEAD + "    judges:\n      - {rubric: rubrics/none.md}\n",
            'evalgate.yml:7:18: no such file: "rubrics/none.md"',
        ),
        (
            HEAD + "    judges:\n      - {rubric: relevance, score: expcted}\n",
            'evalgate.yml:7:36: unknown value "expcted"; did you mean "expected"?',
        ),
        (
            HEAD + "    judges:\n      - {rubric: relevance, target: apy}\n",
            'evalgate.yml:7:37: unknown target "apy"; did you mean "api"?',
        ),
        (
            CHECKS + "    thresholds:\n      is_jsn: {min: 1}\n",
            'evalgate.yml:9:7: unknown criterion "is_jsn"; did you mean "is_json"?',
        ),
        (CHECKS + "    thresholds:\n      is_json: {min: 75}\n", 'evalgate.yml:9:22: "min" must be at most 1, not 75'),
        (CHECKS + "    thresholds:\n      is_json: {}\n", 'evalgate.yml:9:16: "is_json" is empty'),
        (CHECKS + "    target: {candidate: api}\n", 'evalgate.yml:8:13: "baseline" is missing in "target"'),
        (CHECKS + "    target: 7\n", 'evalgate.yml:8:13: "target" is a number here (7): quote it, "7"'),
        (CHECKS + "    baseline: prompts/x.prompt.yml\n", 'evalgate.yml:8:15: no such file: "prompts/x.prompt.yml"'),
        (CHECKS + "    baseline: cases.jsonl\n", 'evalgate.yml:8:15: "cases.jsonl" is not a prompt file'),
        (
            CHECKS + "    baseline: ../x.prompt.yml\n",
            'evalgate.yml:8:15: "../x.prompt.yml" is outside of the project\'s folder',
        ),
        (
            CHECKS + "    samples: {baseline: 1000000000}\n",
            'evalgate.yml:8:25: "baseline" must be at most 1000, not 1000000000',
        ),
        (CHECKS + f"run: {{timeout: 1{'0' * 400}}}\n", "evalgate.yml:8:16: the number is too long"),
        (CHECKS + "    samples: {candidate: 0}\n", 'evalgate.yml:8:26: "candidate" must be at least 1, not 0'),
        (
            CHECKS
            + "  - prompt: prompts/support.prompt.yml\n    dataset: cases.jsonl\n    checks: [{type: is_json}]\n",
            'evalgate.yml:8:5: the gate "support" is defined twice; first in line 4',
        ),
        (CHECKS.replace("dataset: cases.jsonl", ""), 'evalgate.yml:4:5: "dataset" is missing in a gate'),
        (CHECKS.replace("cases.jsonl", "prompts"), 'evalgate.yml:5:14: "prompts" is a folder, not a file'),
        (CHECKS.replace("prompts/support", "prompts\\\\support"), "hint: write paths with forward slashes"),
        (
            CHECKS.replace("  api: {type: openai}", "  api: {type: openai}\n  two: {type: openai}"),
            'evalgate.yml:5:5: "target" is missing in a gate',
        ),
        ("targets: {}\ngates: []\n", 'evalgate.yml:1:10: "targets" is empty'),
        ("targets: {}\ngates: []\n", 'evalgate.yml:2:8: "gates" is empty'),
        ("gates: []\n", 'evalgate.yml:1:1: "targets" is missing'),
        ("- 1\n", "evalgate.yml:1:1: the file must be a mapping, not a list"),
        ("", "evalgate.yml:1:1: is empty: targets and gates were expected"),
        ("format: 2\n" + CHECKS, 'evalgate.yml:1:9: "format" must be 1, not 2'),
        (CHECKS + "policy: {alpha: 0.7}\n", 'evalgate.yml:8:17: "alpha" must be less than 0.5, not 0.7'),
        (CHECKS + "policy: {alpha: 0}\n", 'evalgate.yml:8:17: "alpha" must be more than 0, not 0'),
        (CHECKS + "policy: {max_drop: 0}\n", 'evalgate.yml:8:20: "max_drop" must be more than 0, not 0'),
        (
            CHECKS + "    thresholds:\n      is_json: {max_drop: 0}\n",
            'evalgate.yml:9:27: "max_drop" must be more than 0, not 0',
        ),
        (
            CHECKS + "policy: {removed_cases: alow}\n",
            'evalgate.yml:8:25: unknown value "alow"; did you mean "allow"?',
        ),
        (
            CHECKS.replace("{type: openai}", "{type: openai, model: unknown}") + "run: {max_cost_usd: 1}\n",
            'evalgate.yml:2:8: "prices" is missing in the target "api": without it "max_cost_usd" cannot stop a run',
        ),
        (CHECKS + "policy: {patch: {inconclusive: pass}}\n", 'evalgate.yml:8:32: unknown value "pass"'),
        (CHECKS + "run: {timeout: 0}\n", 'evalgate.yml:8:16: "timeout" must be more than 0, not 0'),
        (
            CHECKS + "run: {batch: {poll_seconds: 86400}}\n",
            'evalgate.yml:8:29: "poll_seconds" must be at most 3600, not 86400',
        ),
        (CHECKS + "format: 1\nformat: 1\n", 'evalgate.yml:9:1: the key "format" is given twice; first in line 8'),
        (
            CHECKS.replace("{type: openai}", "{type: opnai}"),
            'evalgate.yml:2:15: unknown type "opnai"; did you mean "openai"?',
        ),
        (
            CHECKS.replace("{type: openai}", "{type: local, model: qwen2.5-coder-1.5b}"),
            'unknown model "qwen2.5-coder-1.5b"; did you mean "qwen2.5-coder-',
        ),
        (
            CHECKS.replace("{type: openai}", "{type: recorded, path: o.jsonl}"),
            'evalgate.yml:2:31: no such file: "o.jsonl"',
        ),
        (
            CHECKS.replace("{type: openai}", "{type: python, function: my.app.answer}"),
            '"function" must be package.module:function, not "my.app.answer"',
        ),
        (
            CHECKS.replace("{type: openai}", '{type: openai, base_url: "ftp://x"}'),
            'evalgate.yml:2:33: "base_url" must be an http:// or https:// URL',
        ),
        (
            CHECKS.replace("{type: openai}", '{type: openai, base_url: "http://[x"}'),
            'evalgate.yml:2:33: "base_url" is not a URL',
        ),
        (
            CHECKS.replace("{type: openai}", "{type: openai, prices: {input: 1}}"),
            'evalgate.yml:2:31: "output" is missing in "prices"',
        ),
    ],
)
def test_a_fault_has_a_place_and_a_sentence(project: Project, text: str, wanted: str) -> None:
    found = faults(project, text)
    assert any(wanted in fault for fault in found), found


def test_a_limit_in_dollars_needs_the_prices_of_what_is_used_only(project: Project) -> None:
    unused = CHECKS.replace(
        "  api: {type: openai}",
        "  api: {type: openai, prices: {input: 1, output: 2}}\n  x: {type: openai, base_url: 'https://x.example'}",
    )
    text = unused + "    target: api\nrun: {max_cost_usd: 1}\n"
    project.write("evalgate.yml", text)
    assert load_config(project.tree, "evalgate.yml").limits.max_cost_usd == 1
    judged = text.replace("    target: api\n", "    target: api\n    judges: [{rubric: relevance, target: x}]\n")
    (fault,) = faults(project, judged)
    assert fault.startswith('evalgate.yml:3:6: "prices" is missing in the target "x"')


def test_all_faults_of_all_files_at_once(project: Project) -> None:
    project.write("rubrics/tone.md", RUBRIC.replace("min: 1", "min: 9"))
    project.write("schema.json", '{"$ref": "https://example.org/x.json"}')
    found = faults(
        project,
        HEAD
        + """    tresholds: {}
    checks:
      - {type: json_schema, schema: schema.json}
      - {type: regex, patern: x}
      - {type: is_json, name: [1]}
    judges:
      - {rubric: rubrics/tone.md}
policy: {min_cases: none}
""",
    )
    assert [fault.splitlines()[0] for fault in found] == [
        'evalgate.yml:6:5: unknown key "tresholds"; did you mean "thresholds"?',
        'evalgate.yml:9:23: unknown key "patern"; did you mean "pattern"?',
        'evalgate.yml:10:31: "name" must be text, not a list',
        'evalgate.yml:13:21: "min_cases" must be a whole number, not "none"',
        'schema.json:1:10: the reference "https://example.org/x.json" would reach the network',
        'rubrics/tone.md:4:8: "min" must be less than "max"',
    ]


def test_many_faults_are_counted_not_listed(project: Project) -> None:
    found = faults(project, HEAD + "    checks:\n" + "      - {type: x}\n" * 500)
    assert len(found) == 101
    assert found[-1] == "evalgate.yml: and 400 more"


def test_a_missing_config_says_so(project: Project) -> None:
    assert project.faults(lambda: load_config(project.tree, "nope.yml")) == [
        "nope.yml: no such file\n  hint: name the configuration with --config FILE"
    ]


def test_a_project_without_a_config_is_told_how_to_make_one(project: Project) -> None:
    (project.root / "evalgate.yml").unlink(missing_ok=True)
    assert project.faults(lambda: load_config(project.tree, "evalgate.yml")) == [
        "evalgate.yml: no such file\n  hint: `evalgate init` writes one, or name the configuration with --config FILE"
    ]


def test_anchors_may_be_used(project: Project) -> None:
    project.write(
        "evalgate.yml",
        CONFIG.replace("{type: is_json}", "&j {type: is_json}")
        + "  - {name: b, prompt: prompts/support.prompt.yml, dataset: cases.jsonl, checks: [*j]}\n",
    )
    assert [gate.checks[0].type for gate in load_config(project.tree, "evalgate.yml").gates] == ["is_json", "is_json"]
