"""evalgate.yml as it should be: what its parts become."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from evalgate.domain import DEFAULT_LEVELS, Batching, Level, Limits, Threshold
from evalgate.inputs.config import load_config

from .conftest import CONFIG, PROMPT, RUBRIC, Project

QWEN = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"


def test_defaults(project: Project) -> None:
    config = load_config(project.tree, "evalgate.yml")
    gate = config.gates[0]
    assert (gate.name, gate.prompt, gate.dataset) == ("support", "prompts/support.prompt.yml", "cases.jsonl")
    assert (gate.candidate_target, gate.baseline_target, gate.baseline) == ("api", "api", None)
    assert (gate.baseline_samples, gate.candidate_samples, gate.files) == (3, 1, ())
    check = gate.checks[0]
    assert (check.name, check.type, check.negated, check.blocking, check.options) == (
        "is_json",
        "is_json",
        False,
        True,
        {},
    )
    assert config.policy.levels == DEFAULT_LEVELS
    assert config.limits == Limits()


def test_approvers_are_no_part_of_what_a_verdict_depends_on(project: Project) -> None:
    plain = load_config(project.tree, "evalgate.yml")
    project.write("evalgate.yml", CONFIG + "policy: {approvers: [ann, org/team, under_score]}\n")
    config = load_config(project.tree, "evalgate.yml")
    assert (plain.approvers, config.approvers) == ((), ("ann", "org/team", "under_score"))
    assert config.policy == plain.policy


def test_everything_that_can_be_said(project: Project) -> None:
    project.write("prompts/old.prompt.yml", PROMPT)
    project.write("rubrics/tone.md", RUBRIC)
    project.write("outputs.jsonl", '{"case": "a", "text": "t"}\n')
    project.write("recordings.jsonl", "")
    project.write("schema.json", '{"type": "object"}')
    project.write(
        "evalgate.yml",
        """
targets:
  app: {type: recorded, path: outputs.jsonl}
  here: {type: local, model: qwen2.5-coder-1.5b-instruct-q4_k_m, recordings: recordings.jsonl}
  rag: {type: python, function: "my.app:answer", version: "7"}
  api: {type: openai, base_url: "https://Example.org:8443/v1/?api-version=3", recordings: not-yet.jsonl, prices: {input: 0.15, output: 0.6}}
  openai: {type: openai}
gates:
  - name: other
    prompt: prompts/support.prompt.yml
    baseline: prompts/old.prompt.yml
    dataset: cases.jsonl
    target: {candidate: app, baseline: here}
    samples: {baseline: 5}
    checks:
      - {type: json_schema, schema: schema.json}
      - {type: not_contains, value: "as an AI", blocking: false, name: humble}
      - {type: contains_all, from: expected, at: /answer, ignore_case: true}
    judges:
      - {rubric: rubrics/tone.md, target: api, model: big, parameters: {seed: 1}, score: expected}
      - {rubric: faithfulness, target: here, name: faith}
    thresholds:
      tone: {min: 0.6, max_drop: 0.05}
      humble: {min: 1}
policy:
  alpha: 0.1
  min_cases: 30
  immutability: published
  patch: {judges: true}
  major: {sign_off: false, canary_hours: 0, inconclusive: drop}
run: {concurrency: 2, timeout: 30, attempts: 1, max_cost_usd: 2, batch: {poll_seconds: 600}}
""",
    )
    config = load_config(project.tree, "evalgate.yml")
    targets = config.targets
    digest = hashlib.sha256((project.root / "outputs.jsonl").read_bytes()).hexdigest()
    assert {name: target.identity for name, target in targets.items()} == {
        "app": f"recorded:{digest}",
        "here": f"local:{QWEN}",
        "rag": "python:my.app:answer@7",
        "api": f"https://example.org:8443/v1?query-sha256={hashlib.sha256(b'api-version=3').hexdigest()[:16]}",
        "openai": "https://api.openai.com/v1",
    }
    assert targets["api"].location == "https://Example.org:8443/v1/?api-version=3"
    assert targets["api"].prices is not None and targets["api"].prices.output == 0.6
    assert (targets["app"].location, targets["rag"].location) == ("outputs.jsonl", "my.app:answer")
    assert targets["here"].model == targets["here"].location == "qwen2.5-coder-1.5b-instruct-q4_k_m"
    gate = config.gates[0]
    assert (gate.candidate_target, gate.baseline_target, gate.baseline_samples) == ("app", "here", 5)
    schema, humble, facts = gate.checks
    assert schema.options["schema"] == {"type": "object"}
    assert schema.documents == {schema.options["schema_path"]: {"type": "object"}}
    assert (humble.name, humble.type, humble.negated, humble.blocking) == ("humble", "contains", True, False)
    assert facts.options == {"from": "expected", "at": "/answer", "ignore_case": True}
    tone, faith = gate.judges
    assert (tone.name, tone.target, tone.model, tone.mode, tone.parameters) == (
        "tone",
        "api",
        "big",
        "expected",
        {"seed": 1},
    )
    assert (faith.name, faith.rubric.name, faith.mode) == ("faith", "faithfulness", "printed")
    assert gate.thresholds == {"tone": Threshold(minimum=0.6, max_drop=0.05), "humble": Threshold(minimum=1)}
    assert set(gate.files) == {
        "prompts/old.prompt.yml",
        "schema.json",
        "rubrics/tone.md",
        "outputs.jsonl",
        "recordings.jsonl",
    }
    assert (config.policy.alpha, config.policy.min_cases, config.policy.immutability) == (0.1, 30, "published")
    assert config.policy.levels[Level.PATCH].judges and config.policy.levels[Level.PATCH].inconclusive == "merge"
    assert config.policy.levels[Level.MINOR] == DEFAULT_LEVELS[Level.MINOR]
    major = config.policy.levels[Level.MAJOR]
    assert (major.judges, major.sign_off, major.canary_hours, major.inconclusive) == (True, False, 0, "drop")
    assert (config.limits.concurrency, config.limits.timeout, config.limits.max_cost_usd) == (2, 30, 2)
    assert config.batching == Batching(poll_seconds=600, collect_seconds=5)


def test_loading_imports_nothing_heavy(project: Project) -> None:
    script = (
        "import sys; from pathlib import Path; from evalgate.inputs.config import load_config; "
        "from evalgate.inputs.tree import WorkTree; from evalgate.inputs.datasets import load_dataset; "
        "from evalgate.inputs.prompts import load_prompt; tree = WorkTree(Path(sys.argv[1])); "
        "load_config(tree, 'evalgate.yml'); load_dataset(tree, 'cases.jsonl'); load_prompt(tree, 'prompts/support.prompt.yml'); "
        "print(*sorted({'jsonschema', 'openai', 'pandas', 'scipy', 'numpy', 're2', 'rich', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(project.root)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == ""
