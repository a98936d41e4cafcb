"""Explanations of findings, requirements, exit codes and findings about cases: what each means, and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from evalgate.domain.names import find_closest, fold
from evalgate.domain.similarity import REPORTED_SIMILARITY, SEMANTIC_SIMILARITY, WHY_ONLY_REPORTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a finding means, what it does to a verdict, how to mend it, and the page with more about it.

    `phrases` are words of its sentences, by which a reader can look it up.
    """

    means: str
    effect: str
    mend: str
    page: str
    phrases: tuple[str, ...] = ()


FINDINGS: Mapping[str, Explanation] = {
    "check": Explanation(
        means="A blocking check fails: for good on a case that the baseline held, more often than with the baseline, "
        "in any draw of a strict check, or above a limit on the 95th percentile of the seconds.",
        effect="FAIL. Failures that the baseline shares, and cases that pass when they are drawn again, do not block.",
        mend="Read the cases that the finding names, and edit the prompt. If the check asks for too much, edit the "
        "check in a change of its own; `blocking: false` only reports it.",
        page="docs/decision.md#blocking-checks",
        phrases=(
            *("proven to fail more often", "in 7 of 7 draws", "held in every stored sample", "95th percentile"),
            *("strict", "holds, compared with the baseline", "holds on all", "holds on the only case"),
        ),
    ),
    "min": Explanation(
        means="The candidate is below a floor: the share of cases that hold a check, or the mean of a judge.",
        effect="FAIL if the mean is proven below the floor, INCONCLUSIVE if it is not proven to reach it.",
        mend="Improve the prompt, bring more cases if it is INCONCLUSIVE, or lower `min` in `thresholds`.",
        page="docs/decision.md#the-formulas",
        phrases=(
            *(
                "with a floor of",
                "proven below its floor",
                "proven at or above its floor",
                "on either side of its floor",
            ),
            *("floor", "too few to decide, at least", "no case has a score"),
        ),
    ),
    "max_drop": Explanation(
        means="The candidate is compared with the baseline on one criterion, case by case.",
        effect="FAIL if it is proven worse and not proven to be within the allowed drop; INCONCLUSIVE if neither is "
        "proven. What INCONCLUSIVE does depends on the change level.",
        mend="Read the cases that fell most. For INCONCLUSIVE bring the number of cases that the report names, or "
        "allow a larger drop.",
        page="docs/decision.md#what-it-decides-and-when",
        phrases=(
            *("proven worse", "proven worse than the baseline", "not proven worse, and not proven within"),
            *("allowed drop", "proven to be within the allowed drop", "proven to be less than", "not worse"),
            *(
                "more could show a very large drop",
                "can only show a large drop",
                "can only show a very large drop",
                "no case has a score of both versions",
            ),
        ),
    ),
    "broken": Explanation(
        means="Cases that passed in every sample of the baseline fail in every draw of the candidate.",
        effect="FAIL if more cases are broken than fixed, by more than one or 2 % of the cases, or if a single one is "
        "tagged critical; INCONCLUSIVE where too few draws tell.",
        mend="Edit the prompt for these cases. Recorded outputs cannot be drawn again: record more samples.",
        page="docs/decision.md#broken-cases",
        phrases=("broken and critical", "changed from pass to fail", "broken"),
    ),
    "tag": Explanation(
        means="A criterion is proven worse on the cases of a tag of `policy.blocking_tags`.",
        effect="FAIL, whatever the mean over all cases says.",
        mend="Read the cases of that tag, and edit the prompt.",
        page="docs/decision.md#tags",
        phrases=("proven worse on the cases tagged",),
    ),
    "level": Explanation(
        means="The version number declares a smaller change than the edit is: a PATCH that changes a variable, a role, "
        "a tool, the model or many words.",
        effect="FAIL, before anything is called.",
        mend="`evalgate bump` writes the lowest number that is accepted.",
        page="docs/versions-and-levels.md#what-makes-an-edit-minor-or-major",
        phrases=("declared", "but the change is at least"),
    ),
    "version": Explanation(
        means="The content changed without a new version number, or the number is older than the baseline's or gone.",
        effect="FAIL, before anything is called.",
        mend="`evalgate bump` writes the lowest number that is accepted.",
        page="docs/versions-and-levels.md#faults-of-a-version-number",
        phrases=("content changed without a new version", "is older than the baseline", "candidate declares none"),
    ),
    "immutability": Explanation(
        means="One version number has two contents, now or in the history.",
        effect="FAIL, before anything is called: a number that was used is never used again.",
        mend="`evalgate bump` writes a free number. `policy.immutability: published` limits the check to new numbers.",
        page="docs/versions-and-levels.md#faults-of-a-version-number",
        phrases=("a version number is never used again", "contents"),
    ),
    "completeness": Explanation(
        means="Something that was expected has no result: cases without a score, a critical case, a tag with too few "
        "cases, cases that were removed from the dataset, or labels that moved during the run.",
        effect="INCONCLUSIVE at every level with exit code 4: what was not measured never passes.",
        mend="Follow the finding: run the gate again after an outage, put removed cases or tags back, or bring cases.",
        page="docs/decision.md#what-it-decides-and-when",
        phrases=(
            "could not be decided",
            *("have no score", "has no score", "have no result", "has no result"),
            *(
                "were removed",
                "was removed",
                "too few to test",
                "needed to test it",
                "holds in no draw of either version",
            ),
            *("of the baseline have no answer", "draws are needed to decide", "not known whether the check holds"),
            *("usable output of both versions", "nothing was measured", "no case was run", "no threshold applies"),
        ),
    ),
    "no_baseline": Explanation(
        means="There is no earlier version to compare with, as for a new prompt.",
        effect="Nothing by itself: blocking checks and floors alone decide.",
        mend="Nothing to mend. From the next change on there is a baseline.",
        page="docs/prompts-and-datasets.md#candidate-and-baseline",
        phrases=("there is no baseline",),
    ),
    "constant_output": Explanation(
        means="The candidate gives one text for many different requests.",
        effect="INCONCLUSIVE at every level: an error text or a canned answer is not a measurement.",
        mend="Read the text: a missing variable, an endpoint that answers with an error, or a function that ignores "
        "its input are the usual causes.",
        page="docs/decision.md#what-it-decides-and-when",
        phrases=("constant output",),
    ),
    "attempts": Explanation(
        means="The change was measured several times with different contents, and each attempt may pass by chance.",
        effect="A note; with `policy.attempts: strict` it blocks or asks for a sign-off.",
        mend="Collect edits into fewer pushes, or have the PASS signed off.",
        page="docs/decision.md#several-attempts",
        phrases=("attempt", "by chance alone"),
    ),
    "recorded": Explanation(
        means="An earlier run on the same content reached a verdict that blocks, and that verdict stands.",
        effect="The earlier verdict blocks, whatever the new answers show.",
        mend="Edit the prompt, or have the cases edited: the same content is not drawn until it passes.",
        page="docs/decision.md#one-verdict-for-one-content",
        phrases=("an earlier run decided",),
    ),
    "revert": Explanation(
        means="The change goes back to the version that the present one replaced.",
        effect="It passes without a call if that version passed under these rules; else it is measured.",
        mend="Nothing to mend.",
        page="docs/prompts-and-datasets.md#reverts",
        phrases=("revert: goes back to",),
    ),
    "remark": Explanation(
        means="Something that decides nothing, and that a reader must not miss: equal outputs, a judge "
        "that gives one score to all, a large fall without a threshold, edited cases.",
        effect="Nothing: it never changes a verdict.",
        mend="Ask whether the criterion or the dataset still measures what you want.",
        page="docs/decision.md#what-else-is-said",
        phrases=("all outputs are identical", "has no threshold", "the cases were edited", "shows no difference"),
    ),
}
"""The findings of a verdict, by their `kind` in a report's JSON."""

REQUIREMENTS: Mapping[str, Explanation] = {
    "canary": Explanation(
        means="The new version is to answer a part of the traffic for some hours after the merge.",
        effect="A requirement after the merge; it does not block the merge.",
        mend="`evalgate release start`; `policy.minor.canary_hours` and `policy.major.canary_hours` set the hours.",
        page="docs/rollout.md",
        phrases=("hour canary",),
    ),
    "sign_off": Explanation(
        means="A person who did not write the change has to approve it.",
        effect="Exit code 5 until it is there.",
        mend="An approver approves the pull request; `policy.approvers` names them.",
        page="docs/action.md#sign-off",
        phrases=("sign-off by a person", "awaiting a human"),
    ),
}
"""What is required beside a PASS, by its `kind` in a report's JSON."""

EXIT_CODES: Mapping[str, Explanation] = {
    "0": Explanation(
        means="Pass, or inconclusive where the policy of the level lets that merge.",
        effect="The change may merge.",
        mend="Nothing to mend.",
        page="docs/commands.md#exit-codes",
    ),
    "1": Explanation(
        means="The answer is no, on evidence: a FAIL, or a version number that was not raised.",
        effect="The change is blocked. It is never an error or a crash.",
        mend="Read the findings, and edit the prompt.",
        page="docs/commands.md#exit-codes",
    ),
    "2": Explanation(
        means="Usage or configuration: nothing was run.",
        effect="No verdict.",
        mend="Each message has file, line and column, and a hint; `evalgate validate` shows all of them.",
        page="docs/commands.md#exit-codes",
    ),
    "3": Explanation(
        means="It could not be evaluated: an endpoint, a service, or a bug.",
        effect="No verdict.",
        mend="The same command tries again, and pays for no answer twice.",
        page="docs/commands.md#exit-codes",
    ),
    "4": Explanation(
        means="Inconclusive, and the policy or a missing result makes it block.",
        effect="The change is blocked until the question is settled.",
        mend="The report says how many cases would settle it, or what is missing.",
        page="docs/decision.md#what-it-decides-and-when",
    ),
    "5": Explanation(
        means="Passed, and awaiting a person's sign-off.",
        effect="The change is blocked until it is signed off.",
        mend="An approver approves the pull request.",
        page="docs/action.md#sign-off",
    ),
    "130": Explanation(
        means="Interrupted.",
        effect="No verdict; the answers so far are kept.",
        mend="The same command continues where it stopped.",
        page="docs/commands.md#exit-codes",
    ),
}
"""The exit codes of `evalgate run`."""

CASE_FINDINGS: Mapping[str, Explanation] = {
    "near_duplicate": Explanation(
        means="Two cases that are not of one cluster ask nearly the same.",
        effect="A note of `evalgate cases lint`. They count as two units, though they tell little more than one.",
        mend="Remove one, or give both the same `cluster`.",
        page="docs/datasets.md#lint",
    ),
    "leaked_answer": Explanation(
        means="The expected answer is, word for word, in what the prompt says or sends.",
        effect="A note of `evalgate cases lint`. The model can copy it, so that the case does not tell versions apart.",
        mend="Take the answer out of the prompt's examples or of the case's input. Where the answer has to be taken "
        "from a context that is given, the note is not a fault.",
        page="docs/datasets.md#lint",
    ),
    "small_tag": Explanation(
        means="A tag has fewer units than a test of its own needs.",
        effect="A note of `evalgate cases lint`. A tag of `policy.blocking_tags` that is so small blocks every change.",
        mend="Bring more cases with this tag, or use another tag.",
        page="docs/datasets.md#lint",
    ),
    "always_passes": Explanation(
        means="Every version in the stored reports passes every criterion on these cases.",
        effect="A note of `evalgate cases lint`. Such cases show no difference between versions.",
        mend="Replace some of them by cases on which a version failed. Keep those that guard against a known mistake.",
        page="docs/datasets.md#lint",
    ),
    "unused_field": Explanation(
        means="No prompt, rubric, check or condition reads a field of the cases.",
        effect="A note of `evalgate cases lint`. The field has no effect.",
        mend="Remove the field, or correct its name.",
        page="docs/datasets.md#lint",
    ),
    "placeholder": Explanation(
        means="A case still has a text that `evalgate init` wrote for you to replace.",
        effect="A note of `evalgate cases lint`. The case measures nothing.",
        mend="Write a case of your own.",
        page="docs/datasets.md#lint",
    ),
    "empty_expected": Explanation(
        means="A check or a judge reads a field that is empty in a case.",
        effect="A note of `evalgate cases lint`. There is nothing to compare with there.",
        mend="Write the value, or leave the case out with a `when`.",
        page="docs/datasets.md#lint",
    ),
}
"""The findings of `evalgate cases lint`."""

REPORTED: Mapping[str, Explanation] = {
    SEMANTIC_SIMILARITY: Explanation(
        means="How close the embeddings of the outputs are to that of a text of their case: a number from 0 to 1.",
        effect=f"None. It is reported only, because {WHY_ONLY_REPORTED}. A missing value blocks nothing.",
        mend="Nothing to mend. To decide on the meaning, use a judge such as `faithfulness`, or a check.",
        page="docs/judges.md#semantic-similarity",
        phrases=(REPORTED_SIMILARITY,),
    ),
}
"""What is reported and never decides."""

TOPICS: Mapping[str, Explanation] = {**FINDINGS, **REQUIREMENTS, **EXIT_CODES, **CASE_FINDINGS, **REPORTED}


def find_topics(words: str) -> tuple[str, ...]:
    """Return the topics that words name: a name, an exit code, or a part of a finding's sentence; else none."""
    wanted = fold(words.removeprefix("exit code").removeprefix("exit-code"))
    named = tuple(name for name in TOPICS if fold(name) == wanted)
    if named:
        return named
    spaced = _split(words)
    lengths: dict[str, int] = {}
    for name, topic in TOPICS.items():
        inside = [len(phrase) for phrase in topic.phrases if _split(phrase) in spaced]
        parts = [len(words) for phrase in topic.phrases if len(spaced) >= 4 and spaced in _split(phrase)]
        if inside or parts:
            lengths[name] = max([*inside, *parts])
    most = max(lengths.values(), default=0)
    return tuple(name for name, length in lengths.items() if length == most)


def find_closest_topic(words: str) -> str | None:
    """Return the topic whose name is most similar to a misspelt one; None if none is."""
    return find_closest(words.replace("-", "_").replace(" ", "_"), TOPICS)


def _split(text: str) -> str:
    return " ".join(re.findall(r"[\w%]+", text.casefold()))
