"""Ask the judges about an output, and once more where a reply cannot be read."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field

from evalgate.domain import Failure, GatePlan, Judge, Outcome, Output, Request, Scored, Target, Trial, Unscored
from evalgate.gate.reply_watch import ReplyWatch
from evalgate.score import judges

_TRIES = 2
_MOST_REPLIES = 10
"""The replies to one question in all runs: after that an unreadable judge costs no more calls."""


@dataclass(slots=True)
class Judgements:
    """The scores of one output by the names of judges, and all replies."""

    scores: dict[str, Scored] = field(default_factory=dict)
    replies: dict[str, tuple[Outcome, ...]] = field(default_factory=dict)


def ask_judges(
    plan: GatePlan,
    trial: Trial,
    output: Output,
    *,
    asked: Sequence[Judge],
    targets: Mapping[str, Target],
    watch: ReplyWatch,
    renews: Collection[str],
) -> Generator[Sequence[Request], Sequence[Outcome], Judgements]:
    """Yield the judges' requests, and return their scores. An unreadable reply is requested once more.

    Unreadable replies of earlier runs do not end this for the targets in `renews`: a judge that has recovered is asked
    in their place. The embedded model would give the same reply.
    """
    found = Judgements()
    renewed = {one.name for one in asked if one.target in renews and targets[one.target].kind != "local"}
    for turn in range(_MOST_REPLIES):
        if not asked:
            break
        requests = [
            judges.make_request(one, trial.case, output, targets[one.target], attempt=turn, max_age=plan.max_age)
            for one in asked
        ]
        answers = yield requests
        again: list[Judge] = []
        for judge, made, answer in zip(asked, requests, answers, strict=True):
            scored = judges.read_reply(judge, answer, output)
            found.scores[judge.name] = scored
            found.replies[judge.name] = (*found.replies.get(judge.name, ()), answer)
            can_renew = answer.cached and judge.name in renewed and turn + 1 < _MOST_REPLIES
            if not (can_renew and isinstance(scored, Unscored)):
                watch.see(judge, made, answer, scored)
            if isinstance(scored, Unscored) and not _was_retried(answer) and (turn + 1 < _TRIES or can_renew):
                again.append(judge)
        asked = again
    return found


def _was_retried(answer: Outcome) -> bool:
    """Return True for a failed call, which the engine has retried."""
    return isinstance(answer, Failure) and answer.kind == "infrastructure"
