"""The options of a run in three types: what is compared, on which machine, and how answers are obtained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from evalgate.change.workspace import (
    Workspace,
    find_name,
    find_repository,
    open_commit,
    open_pull_request,
    open_workspace,
)
from evalgate.domain import CasePart, Shard
from evalgate.errors import InputError
from evalgate.score.criterion import validate_criterion
from evalgate.services.commit_view import CommitView
from evalgate.store.store import Store

if TYPE_CHECKING:
    from evalgate.execute.providers.backends import EngineName

Answers: TypeAlias = Literal["replay", "live", "record"]
Redraw: TypeAlias = Literal["failed", "broken", "all"]

_NOT_OF_A_COMMIT = "leave out --record, or --head and --policy-ref base"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The gates and versions that a run compares.

    `candidate` and `baseline` are a git ref or a file. `gates` keeps only gates of these names. `changed` leaves out
    gates that do not differ from the merge base.

    `head` is the commit to judge, as if it were checked out; None: the working tree. With `policy_ref` "base" (and
    `head` None: HEAD) only the gates' prompts are taken from it, and nothing is taken from the working tree:
    configuration, cases, rubrics, schemas, pins and recordings are those of `policy_commit`; None: the default branch.

    With `first`, a prompt of the default branch that was never different has a plan as well: if it is new, without a
    baseline, so that the absolute thresholds decide.
    """

    candidate: str | None = None
    baseline: str | None = None
    gates: tuple[str, ...] = ()
    changed: bool = False
    default_branch: str | None = None
    policy_ref: Literal["head", "base"] = "head"
    policy_commit: str | None = None
    head: str | None = None
    first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The surroundings of a run: variables by name, the store, the folder of downloaded models.

    `environment` has the secrets and other variables that the configuration names. `secrets` are further values to be
    masked, which no configuration names. `note` takes a sentence where a run waits for something.
    """

    environment: Mapping[str, str]
    store: Store
    home: Path
    secrets: tuple[str, ...] = ()
    note: Callable[[str], None] = lambda sentence: None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMode:
    """The way that a run gets its answers.

    `answers`: "replay" uses a target's recordings where it has some, "live" ignores them, "record" runs live and writes
    them. With a `shard` or a `part` not all cases are run, and there is no verdict. `engine` is how endpoints are
    called: from this process, from a Ray cluster or by batch. `offline` calls no endpoint: a request whose answer is
    not known yet raises ServiceError, or, with `partial`, leaves its case undecided. `max_cost_usd` and
    `max_concurrency` replace the limits of the configuration where they are lower. `redraw` asks for answers once more
    after a verdict: those of failed calls, of cases that newly fail, or all. With `first_draw` and without the cache,
    answers are still added to the cache where it has none, so that a later run knows that there was a draw. With
    `release_copies` the version in production is the one that the last command saw, and no registry is asked.
    """

    answers: Answers = "replay"
    use_cache: bool = True
    shard: Shard | None = None
    part: CasePart | None = None
    engine: EngineName = "asyncio"
    offline: bool = False
    partial: bool = False
    max_cost_usd: float | None = None
    max_concurrency: int | None = None
    redraw: Redraw | None = None
    first_draw: bool = False
    release_copies: bool = False

    @property
    def is_fresh(self) -> bool:
        """True if no answer of an earlier run is used."""
        return self.answers == "record" or not self.use_cache

    @property
    def is_part(self) -> bool:
        """True for a run of a part of the cases, which has no verdict."""
        return self.shard is not None or self.part is not None

    @property
    def draws_again(self) -> Redraw | None:
        """What is asked once more although there may be a verdict; None for a run that uses what is stored.

        A recording asks for other answers on purpose and shows them in the change. A part has no verdict.
        """
        if self.answers == "record" or self.is_part:
            return None
        return self.redraw or ("all" if self.answers == "live" or not self.use_cache else None)


def open_for_run(
    config_path: Path,
    selection: Selection,
    calls: CallMode | None = None,
    *,
    environment: Mapping[str, str],
    verify: bool = True,
) -> Workspace:
    """Open the workspace of a selection: the working tree, a commit, or a change as its base judges it.

    `environment` has the variables that configurations name as `${NAME}`. Without `verify` patterns and schemas are not
    compiled.
    """
    mode = calls or CallMode()
    _refuse_second_draw(mode)
    if mode.part is not None:
        _refuse_part(selection, mode)
    workspace = _open(config_path, selection, mode, environment, verify=verify)
    limits = workspace.config.limits
    cost, most = mode.max_cost_usd, mode.max_concurrency
    if cost is not None and (limits.max_cost_usd is None or cost < limits.max_cost_usd):
        limits = replace(limits, max_cost_usd=cost)
    if most is not None and most < limits.concurrency:
        limits = replace(limits, concurrency=most)
    return replace(workspace, config=replace(workspace.config, limits=limits))


def _refuse_second_draw(calls: CallMode) -> None:
    """Raise InputError for a second draw where no verdict is beside it: its answers would decide.

    A recording never uses the cache. A shard with `--live` uses no recordings, and the answers that the cache has.
    """
    is_recorded = calls.answers == "record"
    asked = "" if calls.use_cache or is_recorded else "--no-cache"
    asked = asked if calls.redraw is None else f"--redraw {calls.redraw}"
    parts = {"--record": is_recorded, "--shard": calls.shard is not None, "a part of the cases": calls.part is not None}
    without = next((name for name, is_given in parts.items() if is_given), "")
    if asked and without:
        message = f"{asked} asks again after a verdict, and {without} has none"
        raise InputError(message, hint="leave one of the two out")


def _refuse_part(selection: Selection, calls: CallMode) -> None:
    """Raise InputError for an option that asks for a verdict or for all cases, beside a part that a person chose."""
    why = {
        "--record": (calls.answers == "record", "it writes the recordings of all cases"),
        "--shard": (calls.shard is not None, "shards are merged into a verdict"),
        "--changed": (selection.changed, "it decides which gates a change has to pass"),
        "--policy-ref base": (selection.policy_ref == "base", "it judges a change by the rules of its base"),
    }
    for name, (is_given, reason) in why.items():
        if is_given:
            message = f"{name} cannot be combined with --case, --tag and --first: {reason}, and a part is not a gate"
            raise InputError(message, hint="leave one of the two out")


def _open(
    config_path: Path, selection: Selection, calls: CallMode, environment: Mapping[str, str], *, verify: bool
) -> Workspace:
    check = validate_criterion if verify else None
    if selection.policy_ref == "head" and selection.head is None:
        return open_workspace(config_path, verify=check, environment=environment)
    if calls.answers == "record":
        raise InputError(
            "recordings are written to the working tree, but the run evaluates a commit", hint=_NOT_OF_A_COMMIT
        )
    git = find_repository(config_path)
    name, head = find_name(git, config_path), selection.head or "HEAD"
    if selection.policy_ref == "head":
        return open_commit(CommitView(git, git.resolve(head)), name, verify=check, environment=environment)
    if selection.candidate is not None:
        raise InputError(
            "--candidate: with the base's policy the candidate is a commit's prompt", hint="name it with --head REF"
        )
    policy = selection.policy_commit or git.default_branch(selection.default_branch)
    return open_pull_request(git, name, policy=policy, head=head, verify=validate_criterion, environment=environment)
