"""The options of a run besides the configuration, and the workspace that they select."""

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
    """The options of a run, besides the configuration.

    `candidate` and `baseline` are a git ref or a file. `gates` keeps only gates of these names. `changed` skips gates
    that do not differ from the merge base. `answers`: "replay" uses a target's recordings if it has some, "live"
    ignores them, "record" runs live and writes them. `environment` has the secrets that the configuration names.
    `store` has cache and journal, `home` is the folder of downloaded models. With a `shard`, only part of the cases is
    run, and there is no verdict. `engine` is how endpoints are called: from this process, from a Ray cluster or by
    batch; `note` is called with a sentence when the run has to wait for these. With `offline`, no call is made: a
    request without a known answer raises ServiceError, or is undecided if `partial` is set. `max_cost_usd` and
    `max_concurrency` apply if they are lower than the configuration's.

    `head` is the commit to evaluate, as if it were checked out; None: the working tree. With `policy_ref` "base" (and
    `head` None: HEAD) only the gates' prompts are read from that commit, and nothing from the working tree:
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
        """Return the parts of the environment that the engine needs."""
        from evalgate.gate import engine_setup as answering

        return answering.Surroundings(
            environment=self.environment,
            store=self.store,
            home=self.home,
            folder=workspace.folder,
            note=self.note,
        )


def open_for_run(config_path: Path, options: Options, *, verify: bool = True) -> Workspace:
    """Open the workspace that the options select: the working tree, a commit, or a pull request.

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
        raise InputError(
            "recordings are written to the working tree, but the run evaluates a commit", hint=_NOT_OF_A_COMMIT
        )
    git = find_repository(config_path)
    name, head = find_name(git, config_path), options.head or "HEAD"
    if options.policy_ref == "head":
        return open_commit(CommitView(git, git.resolve(head)), name, verify=validate_criterion if verify else None)
    if options.candidate is not None:
        raise InputError(
            "--candidate: with the base's policy the candidate is a commit's prompt", hint="name it with --head REF"
        )
    policy = options.policy_commit or git.default_branch(options.default_branch)
    return open_pull_request(git, name, policy=policy, head=head, verify=validate_criterion)
