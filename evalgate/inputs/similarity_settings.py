"""Reader of a gate's `semantic_similarity`, and the hints where it would decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalgate.domain import Gate, ReleaseSettings, Target
from evalgate.domain.similarity import SEMANTIC_SIMILARITY, WHY_ONLY_REPORTED, Similarity
from evalgate.inputs.formats.nodes import Node
from evalgate.inputs.schema_check import SchemaCheck, describe_unknown

ONLY_REPORTED = f"{WHY_ONLY_REPORTED}, so it never decides; ask a judge, such as `judges: [{{rubric: faithfulness}}]`"
"""The hint of every fault that would give it a part in a verdict."""
_AS_KEY = f"write it beside `checks`: `{SEMANTIC_SIMILARITY}: {{model: ...}}`; it is reported only"
HINTS = {
    **{
        f'"{SEMANTIC_SIMILARITY}" {key}': ONLY_REPORTED
        for key in ("blocking", "strict", "min", "max_drop", "threshold", "thresholds")
    },
    **{f'"type" {kind}': _AS_KEY for kind in (SEMANTIC_SIMILARITY, "similarity", "similar", "embedding")},
}
"""Hints for keys and types that the schema does not know, by what they are and their name."""
_NO_EMBEDDINGS = "give it a `target` of type openai, whose endpoint has /embeddings"


def read_similarity(
    gate: Node, default: str | None, targets: Mapping[str, Target | None], checker: SchemaCheck
) -> Similarity | None:
    """Read how a gate measures the similarity. `default` is the gate's only target, or None.

    If it cannot be measured so, add faults at their places and return None.
    """
    node = gate.get(SEMANTIC_SIMILARITY)
    if node is None or not checker.is_valid(node):
        return None
    given, own = node.get("target"), node.get("model")
    name = default if given is None else str(given.data)
    if name is not None and targets and name not in targets:
        message, hint = describe_unknown("target", name, targets)
        checker.add_fault(given or node, message, hint)
        return None
    target = None if name is None else targets.get(name)
    if name is None or (target is not None and target.kind != "openai"):
        kinds = {"recorded": "a file of recorded outputs", "python": "a function", "local": "the embedded model"}
        what = "the gate has no single target" if target is None else f'"{name}" is {kinds[target.kind]}'
        checker.add_fault(given or node, f'"{SEMANTIC_SIMILARITY}" needs embeddings: {what}', _NO_EMBEDDINGS)
        return None
    if target is None:
        return None
    model = own.data if own is not None else target.model if given is not None else None
    if model is None:
        message = f'"model" is missing in "{SEMANTIC_SIMILARITY}": the model of the embeddings'
        checker.add_fault(node, message, "such as `model: text-embedding-3-small`")
        return None
    source = node.get("from")
    return Similarity(target=target.name, model=model, source="expected" if source is None else source.data)


def refuse_same_name(gate: Node, checker: SchemaCheck) -> None:
    """Add a fault for each criterion that has the name of what the gate reports only."""
    if gate.get(SEMANTIC_SIMILARITY) is None:
        return
    for kind in ("checks", "judges"):
        for one in gate.get(kind) or ():
            data = one.data if isinstance(one.data, dict) else {}
            if SEMANTIC_SIMILARITY in (data.get("name"), data.get("type")):
                message = f'"{SEMANTIC_SIMILARITY}" is the name of what the gate reports only'
                checker.add_fault(one, message, "give this criterion another `name:`")


def refuse_watched(
    node: Node | None, release: ReleaseSettings | None, gates: Sequence[Gate | None], checker: SchemaCheck
) -> None:
    """Add a fault if a rollout watches the similarity of a gate as a score. `node` is `release` in the file."""
    if node is None or release is None or all(gate is None or gate.similarity is None for gate in gates):
        return
    rollout = node.get("rollout")
    for key in ("scores", "floors"):
        scores = None if rollout is None else rollout.get(key)
        if scores is not None and SEMANTIC_SIMILARITY in scores.data:
            message = f'"{SEMANTIC_SIMILARITY}" cannot be in `{key}`: it is reported only'
            checker.add_fault(scores, message, ONLY_REPORTED)
