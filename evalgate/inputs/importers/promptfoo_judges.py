"""The assertions of promptfoo that a model decides, as judges with rubric files of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evalgate.domain import Json
from evalgate.inputs.importers.promptfoo_criteria import NotCarriedError, Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedRubric:
    """How a type of assertion is judged: the instruction, and the inputs beside the output.

    `field` is the input with the assertion's own text; None if it has none. `question`: the variables of the prompt are
    inputs, too. `given` are variables that the rubric needs.
    """

    instruction: str
    field: str | None = None
    question: bool = False
    given: tuple[str, ...] = ()
    scale: tuple[int, int] = (0, 1)


RUBRICS: Mapping[str, GradedRubric] = {
    "llm-rubric": GradedRubric(
        instruction="Does the output meet the criteria? 1 = it meets all of them. 0 = it does not.", field="criteria"
    ),
    "not-llm-rubric": GradedRubric(
        instruction="Does the output stay clear of what the criteria describe? 1 = it does not meet them. "
        "0 = it meets them.",
        field="criteria",
    ),
    "model-graded-closedqa": GradedRubric(
        instruction="The other inputs are the task. Does the output meet the criterion? 1 = yes. 0 = no.",
        field="criterion",
        question=True,
    ),
    "g-eval": GradedRubric(
        instruction="Grade how well the output meets the criteria. 10 = fully. 0 = not at all.",
        field="criteria",
        question=True,
        scale=(0, 10),
    ),
    "factuality": GradedRubric(
        instruction="The other inputs are the question. Do the facts of the output agree with the reference? It may "
        "say less or more, as long as it does not contradict it. 1 = no contradiction. 0 = it contradicts the "
        "reference.",
        field="reference",
        question=True,
    ),
    "similar": GradedRubric(
        instruction="Does the output have the same meaning as the reference? 5 = the same in all that matters. "
        "3 = partly. 1 = another meaning. A fact that differs is another meaning.",
        field="reference",
        scale=(1, 5),
    ),
    "not-similar": GradedRubric(
        instruction="Does the output have another meaning than the reference? 5 = another meaning. 1 = the same.",
        field="reference",
        scale=(1, 5),
    ),
    "answer-relevance": GradedRubric(
        instruction="The other inputs are the question. Does the output answer it? 5 = it answers it. 3 = in part. "
        "1 = it does not.",
        question=True,
        scale=(1, 5),
    ),
    "context-faithfulness": GradedRubric(
        instruction="Does the context support every claim of the output? 5 = all of them. 3 = some. 1 = none, or it "
        "contradicts one.",
        question=True,
        given=("context",),
        scale=(1, 5),
    ),
    "context-recall": GradedRubric(
        instruction="Does the context contain the facts of the reference? Ignore the output. 5 = all. 3 = some. "
        "1 = none.",
        field="reference",
        given=("context",),
        scale=(1, 5),
    ),
    "context-relevance": GradedRubric(
        instruction="Is the context needed for the question in the other inputs? Ignore the output. 5 = all of it. "
        "3 = a part. 1 = nothing.",
        question=True,
        given=("context",),
        scale=(1, 5),
    ),
    "conversation-relevance": GradedRubric(
        instruction="The other inputs are the conversation. Is the output a relevant reply? 5 = it is. 1 = it is not.",
        question=True,
        scale=(1, 5),
    ),
}
"""The rubrics, by the type of the assertion."""
_SAME = {
    "model-graded-factuality": "factuality",
    "similar:cosine": "similar",
    "similar:dot": "similar",
    "similar:euclidean": "similar",
}


def is_judged(kind: str) -> bool:
    """Return whether a model decides a type of assertion, without `not-`."""
    return _SAME.get(kind, kind) in RUBRICS


def make_judge(
    kind: str,
    value: Json,
    *,
    negated: bool,
    names: tuple[str, ...],
    data: Mapping[str, Any],
    options: Mapping[str, Any],
    variables: Mapping[str, Json],
    note: Callable[[str], None],
) -> Wanted:
    """Return the judge of an assertion. `names` are the variables of the prompt. Raises NotCarriedError.

    A judge's scores are compared between two versions, so that the threshold of the assertion is not carried over.
    """
    known = _SAME.get(kind, kind)
    rubric = RUBRICS.get(f"not-{known}" if negated else known)
    if rubric is None:
        raise NotCarriedError("its opposite has no rubric")
    if data.get("contextTransform"):
        raise NotCarriedError("code takes its context from the answer of the provider")
    missing = [name for name in rubric.given if not variables.get(name)]
    if missing:
        raise NotCarriedError(f"the test has no variable {missing[0]}")
    text: str | None = None
    if rubric.field is not None:
        text = "\n".join(f"- {each}" for each in value) if isinstance(value, list) else value  # type: ignore[assignment]
        if isinstance(text, dict):
            raise NotCarriedError("its value is not a text")
        text = "" if text is None else str(text).strip()
        if not text:
            raise NotCarriedError("its text is empty")
    if data.get("rubricPrompt") or options.get("rubricPrompt"):
        note("the rubric's own words ask, not those of `rubricPrompt`")
    if known == "similar":
        note("a judge compares the meaning, not embeddings")
    provider = data.get("provider") or options.get("provider")
    target = provider.get("id") if isinstance(provider, dict) else provider
    inputs = [*rubric.given, *(f"{name}?" for name in names if rubric.question and name not in rubric.given)]
    made: dict[str, Json] = {"rubric": f"not-{known}" if negated else known, "inputs": list(inputs)}
    if isinstance(target, str):
        made["target"] = target
    return Wanted(kind="judge", options=made, slot="rubric" if text else None, value=text)
