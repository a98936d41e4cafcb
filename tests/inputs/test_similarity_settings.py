"""`semantic_similarity` in a configuration: what it needs, and every setting that would let it decide."""

from __future__ import annotations

import pytest

from evalgate.domain.similarity import Similarity
from evalgate.inputs.config import load_config

from .conftest import Project, faults

TARGETS = "targets:\n  api: {type: openai, model: chat}\n  vectors: {type: openai, model: e-1}\n"
HEAD = TARGETS + "gates:\n  - prompt: prompts/support.prompt.yml\n    dataset: cases.jsonl\n    target: api\n"
CHECKS = "    checks:\n      - {type: is_json}\n"
KEY = "    semantic_similarity: {target: vectors}\n"
WHY = (
    "\n  hint: embeddings rank a reply with one fact flipped above a good paraphrase, so it never decides; ask a judge, "
    "such as `judges: [{rubric: faithfulness}]`"
)


def read(project: Project, text: str) -> Similarity | None:
    project.write("evalgate.yml", text)
    return load_config(project.tree, "evalgate.yml").gates[0].similarity


def test_it_takes_the_named_target_with_its_model_and_the_field_expected(project: Project) -> None:
    assert read(project, HEAD + CHECKS + KEY) == Similarity(target="vectors", model="e-1", source="expected")
    own = "    semantic_similarity: {model: e-2, from: answer.text}\n"
    assert read(project, HEAD + CHECKS + own) == Similarity(target="api", model="e-2", source="answer.text")
    assert read(project, HEAD + CHECKS) is None


def test_all_gates_may_share_it(project: Project) -> None:
    text = f"{TARGETS}defaults: {{semantic_similarity: {{target: vectors}}}}\n" + HEAD.removeprefix(TARGETS) + CHECKS
    assert read(project, text) == Similarity(target="vectors", model="e-1")


def test_the_model_of_the_answers_is_not_taken_for_one_of_embeddings(project: Project) -> None:
    assert faults(project, HEAD + CHECKS + "    semantic_similarity: {from: expected}\n") == [
        'evalgate.yml:10:26: "model" is missing in "semantic_similarity": the model of the embeddings\n'
        "  hint: such as `model: text-embedding-3-small`"
    ]


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("{type: local, model: qwen2.5-coder-1.5b-instruct-q4_k_m}", "the embedded model"),
        ("{type: recorded, path: o.jsonl}", "a file of recorded outputs"),
        ('{type: python, function: "app:answer"}', "a function"),
    ],
)
def test_a_target_without_embeddings_is_refused_with_a_hint(project: Project, target: str, what: str) -> None:
    project.write("o.jsonl", '{"case": "a", "text": "t"}')
    text = (HEAD + CHECKS + KEY).replace("{type: openai, model: e-1}", target)
    assert faults(project, text) == [
        f'evalgate.yml:10:35: "semantic_similarity" needs embeddings: "vectors" is {what}\n'
        "  hint: give it a `target` of type openai, whose endpoint has /embeddings"
    ]


def test_a_gate_with_two_targets_and_an_unknown_target_are_told_at_their_place(project: Project) -> None:
    two = HEAD.replace("target: api", "target: {candidate: api, baseline: vectors}")
    (found,) = faults(project, two + CHECKS + "    semantic_similarity: {model: e-1}\n")
    assert found.startswith('evalgate.yml:10:26: "semantic_similarity" needs embeddings: the gate has no single target')
    (found,) = faults(project, HEAD + CHECKS + "    semantic_similarity: {target: vector}\n")
    assert found.startswith('evalgate.yml:10:35: unknown target "vector"') and '"vectors"' in found


def test_a_threshold_is_refused_with_the_reason(project: Project) -> None:
    threshold = "    thresholds: {semantic_similarity: {min: 0.8}}\n"
    told = f': "semantic_similarity" cannot have a threshold: it is reported only{WHY}'
    assert faults(project, HEAD + CHECKS + KEY + threshold) == [f"evalgate.yml:11:18{told}"]
    assert faults(project, HEAD + CHECKS + threshold) == [f"evalgate.yml:10:18{told}"]


@pytest.mark.parametrize("key", ["blocking", "strict", "min", "max_drop", "threshold"])
def test_a_key_that_would_let_it_decide_is_refused_with_the_reason(project: Project, key: str) -> None:
    text = HEAD + CHECKS + f"    semantic_similarity: {{target: vectors, {key}: 1}}\n"
    (found,) = faults(project, text)
    assert found == f'evalgate.yml:10:44: unknown key "{key}"{WHY}'


@pytest.mark.parametrize("kind", ["semantic_similarity", "similar"])
def test_it_is_no_type_of_check_and_the_hint_says_where_it_belongs(project: Project, kind: str) -> None:
    (found,) = faults(project, HEAD + f"    checks:\n      - {{type: {kind}}}\n")
    assert found.startswith(f'evalgate.yml:9:16: unknown type "{kind}"')
    assert found.endswith("hint: write it beside `checks`: `semantic_similarity: {model: ...}`; it is reported only")


def test_a_criterion_may_have_its_name_only_in_a_gate_without_it(project: Project) -> None:
    named = CHECKS.replace("{type: is_json}", "{type: is_json, name: semantic_similarity}")
    threshold = "    thresholds: {semantic_similarity: {min: 0.8}}\n"
    assert read(project, HEAD + named + threshold) is None
    (found,) = faults(project, HEAD + named + KEY)
    assert found.startswith('evalgate.yml:9:9: "semantic_similarity" is the name of what the gate reports only')


@pytest.mark.parametrize(
    "watched",
    ["scores: [semantic_similarity]", "scores: {semantic_similarity: 0.1}", "floors: {semantic_similarity: 1}"],
)
def test_no_rollout_watches_it(project: Project, watched: str) -> None:
    release = f"release:\n  registry: sqlite:r.sqlite3\n  rollout:\n    {watched}\n"
    (found,) = faults(project, HEAD + CHECKS + KEY + release)
    key = watched.partition(":")[0]
    assert f'"semantic_similarity" cannot be in `{key}`: it is reported only{WHY}' in found
    assert read(project, HEAD + CHECKS + release) is None  # there it is a score of the application


def test_a_limit_in_dollars_needs_the_price_of_the_embeddings(project: Project) -> None:
    limited = HEAD.replace("model: chat}", "model: chat, prices: {input: 1, output: 1}}") + CHECKS
    run = "run: {max_cost_usd: 1}\n"
    assert read(project, limited + run) is None
    (found,) = faults(project, limited + KEY + run)
    assert '"prices" is missing in the target "vectors"' in found
