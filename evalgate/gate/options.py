"""What a door asks of a run besides the configuration, and the workspace that these wishes lead to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from evalgate.change.workspace import (
    Workspace,
    find_name,
    find_repository,
    open_commit,
    open_pull_request,
    open_workspace,
)
from evalgate.domain import Shard
from evalgate.errors import InputError
from evalgate.score.criterion import validate_criterion
from evalgate.services.commit_view import CommitView
from evalgate.store.store import Store

if TYPE_CHECKING:
    from evalgate.execute.providers.backends import EngineName
    from evalgate.gate import engine_setup as answering

_NOT_OF_A_COMMIT = "leave out --record, or --head and --policy-ref base"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a door asks of a run, besides the configuration.

    `candidate` and `baseline` are a git ref or a file. `gates` keeps only gates of these names. `changed` leaves out
    what does not differ from the merge base. `answers`: "replay" uses a target's recordings where it has some, "live"
    ignores them, "record" runs live and writes them. `environment` holds the secrets that the configuration names.
    `store` has cache and journal, `home` is the folder of downloaded models. With a `shard`, a
    part of the cases is run, and there is no verdict. `engine` is how endpoints are called: from this process, from a
    Ray cluster or by batch; `note` is told a sentence where that takes its time. `offline`: nobody is called, and what
    is not known yet is a ServiceError; or, if `partial` is set, undecided. `max_cost_usd` and `max_concurrency` go
    before the configuration's where they are lower.

    `head` is the commit that is judged, as if it were checked out; None: the working tree. With `policy_ref` "base"
    (and `head` None: HEAD) nothing but the gates' prompts is taken from it, and nothing at all from the working tree:
    configuration, cases, rubrics, schemas, pins and recordings are those of `policy_commit`; None: the default branch.
    """

    environment: Mapping[str, str]
    store: Store
    home: Path
    candidate: str | None = None
    baseline: str | None = None
    gates: tuple[str, ...] = ()
    changed: bool = False
    default_branch: str | None = None
    answers: answering.Answers = "replay"
    use_cache: bool = True
    shard: Shard | None = None
    engine: EngineName = "asyncio"
    note: Callable[[str], None] = lambda sentence: None
    offline: bool = False
    partial: bool = False
    policy_ref: Literal["head", "base"] = "head"
    policy_commit: str | None = None
    head: str | None = None
    max_cost_usd: float | None = None
    max_concurrency: int | None = None

    def surroundings(self, workspace: Workspace) -> answering.Surroundings:
        """What the engine needs to know of the machine."""
        from evalgate.gate import engine_setup as answering

        return answering.Surroundings(
            environment=self.environment,
            store=self.store,
            home=self.home,
            folder=workspace.folder,
            note=self.note,
        )


def open_for_run(config_path: Path, options: Options, *, verify: bool = True) -> Workspace:
    """The workspace that the options ask for: the working tree, a commit, or a change as its base judges it.

    Without `verify` patterns and schemas are not compiled.
    """
    workspace = _open(config_path, options, verify=verify)
    limits = workspace.config.limits
    cost, calls = options.max_cost_usd, options.max_concurrency
    if cost is not None and (limits.max_cost_usd is None or cost < limits.max_cost_usd):
        limits = replace(limits, max_cost_usd=cost)
    if calls is not None and calls < limits.concurrency:
        limits = replace(limits, concurrency=calls)
    return replace(workspace, config=replace(workspace.config, limits=limits))


def _open(config_path: Path, options: Options, *, verify: bool) -> Workspace:
    if options.policy_ref == "head" and options.head is None:
        return open_workspace(config_path, verify=validate_criterion if verify else None)
    if options.answers == "record":
        raise InputError("recordings are written into the working tree, and a commit is judged", hint=_NOT_OF_A_COMMIT)
    git = find_repository(config_path)
    name, head = find_name(git, config_path), options.head or "HEAD"
    if options.policy_ref == "head":
        return open_commit(CommitView(git, git.resolve(head)), name, verify=validate_criterion if verify else None)
    if options.candidate is not None:
        raise InputError("--candidate: the base judges the prompts of a commit", hint="name it with --head REF")
    policy = options.policy_commit or git.default_branch(options.default_branch)
    return open_pull_request(git, name, policy=policy, head=head, verify=validate_criterion)
