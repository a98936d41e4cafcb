"""Call GitHub's REST API through PyGithub: the operations that the gate needs, with plain rows as results.

Every method raises ServiceError with the failed operation, the reason, and the permission it needs. `GitHubRetry`
limits retries and waiting. A method makes one request, and a list one for each 100 rows: PyGithub's objects are lazy,
because by default each is fetched before it is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Literal, TypeVar
from urllib.parse import urljoin, urlsplit

from evalgate.errors import ServiceError
from evalgate.services import github_rows as rows
from evalgate.services.github_client import SHA, WORKFLOW_LOGIN, GitHubClient
from evalgate.services.github_retry import read_json_message
from evalgate.services.github_rows import (
    Artifact,
    ChangedFile,
    Comment,
    CommitRow,
    CommitStatus,
    Issue,
    LabelEvent,
    PullRequestRow,
    Review,
    StatusState,
    WorkflowRun,
)

__all__ = ["COMMITS_LISTED", "FILES_LISTED", "WORKFLOW_LOGIN", "GitHub"]

_T = TypeVar("_T")
_DESCRIPTION = 140  # characters of a status' description
COMMITS_LISTED = 250  # of a pull request: GitHub's limit
FILES_LISTED = 3000  # of a pull request: GitHub's limit
_SECONDS = 30
_CHUNK = 1 << 16
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(\[bot\])?")  # of a person, an organisation, a team
_ROLES = frozenset({"admin", "maintain", "write", "triage", "read", "none"})


class GitHub(GitHubClient):
    """The operations on one repository that the gate needs."""

    # Comments, of pull requests and of issues alike

    def comments(self, number: int) -> tuple[Comment, ...]:
        """Return all comments of a pull request's conversation or of an issue, oldest first."""
        return self._read_all(
            f"list the comments of #{number}",
            self._issue(number).get_comments(),
            rows.read_comment,
            "pull-requests: read",
        )

    def create_comment(self, number: int, body: str) -> Comment:
        return self._comment(number, body, needs="pull-requests: write")

    def _comment(self, number: int, body: str, *, needs: str) -> Comment:
        def find_created() -> Comment | None:
            mine = (each for each in reversed(self.comments(number)) if each.author == self.login())
            return next((each for each in mine if each.body == body), None)

        made = self._retry.ask(
            f"create a comment on #{number}",
            lambda: rows.read_comment(self._issue(number).create_comment(body)),
            needs=needs,
            made=find_created,
        )
        self.learn_login(made.author)
        return made

    def update_comment(self, id: int, body: str) -> Comment:
        def edit() -> Comment:
            comment = self._issue(0).get_comment(id)
            comment.edit(body)
            return rows.read_comment(comment)

        return self._retry.ask(f"change the comment {id}", edit, needs="pull-requests: write")

    def delete_comment(self, id: int) -> None:
        self._retry.ask(f"delete the comment {id}", self._issue(0).get_comment(id).delete, needs="pull-requests: write")

    # Pull requests

    def set_status(self, sha: str, *, state: StatusState, description: str, context: str, target_url: str) -> None:
        """Set a status of a commit; the description is cut to the 140 characters that GitHub accepts."""
        from github.GithubObject import NotSet

        cut = description if len(description) <= _DESCRIPTION else f"{description[: _DESCRIPTION - 1]}\u2026"
        commit = self._commit(sha)
        made = self._retry.ask(
            f"set the status {context!r} of {sha[:12]}",
            lambda: rows.read_commit_status(commit.create_status(state, target_url or NotSet, cut, context)),
            needs="statuses: write",
        )
        self.learn_login(made.creator)

    def statuses(self, sha: str) -> tuple[CommitStatus, ...]:
        """Return all statuses that a commit ever had, by any creator, newest first."""
        found = self._commit(sha).get_statuses()
        return self._read_all(f"list the statuses of {sha[:12]}", found, rows.read_commit_status, "statuses: read")

    def pull_request(self, number: int) -> PullRequestRow:
        return self._retry.ask(
            f"show the pull request #{number}",
            lambda: rows.read_pull_request(self._pull(number).complete()),
            needs="pull-requests: read",
        )

    def pull_requests_of(self, sha: str) -> tuple[PullRequestRow, ...]:
        """Return the pull requests of a commit. For a fork's commit GitHub often has none: see `open_pull_requests`."""
        found = self._commit(sha).get_pulls()
        return self._read_all(
            f"list the pull requests of {sha[:12]}", found, rows.read_pull_request, "pull-requests: read"
        )

    def open_pull_requests(self, *, head_owner: str, head_ref: str) -> tuple[PullRequestRow, ...]:
        """Return the open pull requests from the branch `head_ref` of a repository of `head_owner`."""
        found = self._repository.get_pulls(state="open", head=f"{head_owner}:{head_ref}")
        all_of_them = self._read_all(
            "list the open pull requests", found, rows.read_pull_request, "pull-requests: read"
        )
        return tuple(
            each for each in all_of_them if each.head_ref == head_ref
        )  # GitHub ignores a filter it cannot read

    def tip(self, branch: str) -> str:
        """Return the sha of a branch's current commit."""
        from urllib.parse import quote

        path = f"{self._repository.url}/git/ref/heads/{quote(branch)}"

        def ask() -> str:
            _, answer = self._client.requester.requestJsonAndCheck("GET", path)
            sha = str(answer["object"]["sha"])
            if not SHA.fullmatch(sha):
                raise ValueError("no commit")
            return sha

        return self._retry.ask(f"return the commit of the branch {branch!r}", ask, needs="contents: read")

    def reviews(self, number: int) -> tuple[Review, ...]:
        """Return all reviews, in the order they were submitted."""
        found = self._pull(number).get_reviews()
        return self._read_all(f"list the reviews of #{number}", found, rows.read_review, "pull-requests: read")

    def files(self, number: int) -> tuple[ChangedFile, ...]:
        """Return the files that a pull request changes: at most 3,000, so that many may not be all of them."""
        found = self._pull(number).get_files()
        return self._read_all(f"list the files of #{number}", found, rows.read_changed_file, "pull-requests: read")

    def commits(self, number: int) -> tuple[CommitRow, ...]:
        """Return all commits of a pull request. Raises ServiceError if there may be more than GitHub lists: 250."""
        found = self._pull(number).get_commits()
        commits = self._read_all(f"list the commits of #{number}", found, rows.read_commit, "pull-requests: read")
        if len(commits) >= COMMITS_LISTED:
            raise ServiceError(
                f"GitHub lists only the first {COMMITS_LISTED} commits of #{number}: the other authors are unknown",
                hint="squash them into fewer commits",
            )
        return commits

    def commit_authors(self, number: int) -> tuple[rows.Author, ...]:
        """Return all authors of a pull request's commits, including those in trailers. Raises ServiceError."""
        what, page = f"list the authors of #{number}", partial(self._graphql, rows.COMMIT_AUTHORS, number)
        return self._retry.ask(what, lambda: rows.read_authors(page), needs="pull-requests: read")

    def list_overwritten_heads(self, number: int) -> tuple[str, ...]:
        """Return the heads of a pull request that force pushes replaced, which `commits` does not list any more.

        Raises ServiceError if GitHub does not list all of them.
        """
        # GraphQL: the REST API has only one side of a force push.
        what, page = f"list the force pushes of #{number}", partial(self._graphql, rows.FORCE_PUSHES, number)
        return self._retry.ask(what, lambda: rows.read_overwritten_heads(page()), needs="pull-requests: read")

    def commits_since(self, base: str, head: str) -> tuple[str, ...]:
        """Return the sha of each commit that `head` has and `base` has not. Raises ServiceError if too many."""
        return self._compare(base, head, rows.read_compared)

    def merge_base(self, base: str, head: str) -> str:
        """Return the sha of the merge base of two commits; the head may be a fork's."""
        return self._compare(base, head, rows.read_merge_base)

    def _compare(self, base: str, head: str, read: Callable[[Mapping[str, Any]], _T]) -> _T:
        path = f"{self._repository.url}/compare/{self._commit(base).sha}...{self._commit(head).sha}"

        def ask() -> _T:
            _, answer = self._client.requester.requestJsonAndCheck("GET", path)
            return read(answer)

        return self._retry.ask(f"compare {head[:12]} with {base[:12]}", ask, needs="contents: read")

    def labels_history(self, number: int) -> tuple[LabelEvent, ...]:
        """Return every addition and removal of a label, in order."""
        found = self._issue(number).get_timeline()
        events = self._read_all(f"list the events of #{number}", found, rows.read_label_event, "pull-requests: read")
        return tuple(each for each in events if each is not None)

    # People

    def permission(self, login: str) -> str:
        """Return admin, maintain, write, triage, read or none. A custom role counts as the role that it is based on."""
        if not _NAME.fullmatch(login):
            return "none"
        from urllib.parse import quote

        from github import GithubException

        def ask() -> str:
            # Not get_collaborator_role_name: a custom role is meaningless without the permission beside it.
            path = f"{self._repository.url}/collaborators/{quote(login, safe='')}/permission"
            try:
                _, answer = self._client.requester.requestJsonAndCheck("GET", path)
            except GithubException as error:
                if error.status == 404:  # there is no such user
                    return "none"
                raise
            role = str(answer.get("role_name") or "")
            return role if role in _ROLES else str(answer["permission"])

        return self._retry.ask(f"return the permission of {login}", ask, needs="contents: read")

    def is_member(self, org: str, team: str, login: str) -> bool:
        """Return True if `login` is an active member of the team `org/team` (its slug), or of one below it."""
        if not all(_NAME.fullmatch(name) for name in (org, team, login)):
            return False
        from github import GithubException

        def ask() -> bool:
            try:
                membership = self._client.get_organization(org).get_team_by_slug(team).get_team_membership(login)
            except GithubException as error:
                if error.status == 404:
                    return False
                raise
            return membership.state == "active"

        # `permissions:` of a workflow cannot grant this; the token of an app or of a person can.
        return self._retry.ask(f"return the membership of {login} in {org}/{team}", ask, needs="members: read")

    # Issues

    def issues(
        self, *, state: str = "open", creator: str | None = None, since: datetime | None = None
    ) -> tuple[Issue, ...]:
        """Return the issues, newest first, without the pull requests. `state`: open, closed, all.

        `since`: only those that were opened or changed at that time (in UTC) or later.
        """
        from github.GithubObject import NotSet

        found = self._repository.get_issues(state=state, creator=creator or NotSet, since=since or NotSet)  # type: ignore[arg-type]
        listed = self._read_all("list the issues", found, rows.read_issue, "issues: read")
        return tuple(each for each in listed if each is not None)

    def create_issue(self, title: str, body: str) -> Issue:
        def create() -> Issue:
            issue = rows.read_issue(self._repository.create_issue(title, body))
            if issue is None:
                raise ValueError("GitHub returned a pull request for a new issue")
            return issue

        def find_created() -> Issue | None:
            mine = self.issues(creator=self.login())
            return next((each for each in mine if (each.title, each.body) == (title, body)), None)

        made = self._retry.ask("open an issue", create, needs="issues: write", made=find_created)
        self.learn_login(made.author)
        return made

    def update_issue(self, number: int, *, title: str, body: str, state: Literal["open", "closed"]) -> None:
        """Replace the title, the text and the state of an issue. A closed one counts as completed."""

        def edit() -> None:
            reason = "completed" if state == "closed" else "reopened"
            self._issue(number).edit(title=title, body=body, state=state, state_reason=reason)

        self._retry.ask(f"change the issue #{number}", edit, needs="issues: write")

    def comment_on_issue(self, number: int, body: str) -> Comment:
        """Write a comment on an issue, which needs another permission than one on a pull request."""
        return self._comment(number, body, needs="issues: write")

    # Runs and artifacts

    def workflow_run(self, run_id: int) -> WorkflowRun:
        def ask() -> WorkflowRun:
            _, answer = self._client.requester.requestJsonAndCheck(
                "GET", f"{self._repository.url}/actions/runs/{run_id}"
            )
            return rows.read_workflow_run(answer)

        return self._retry.ask(f"show the run {run_id}", ask, needs="actions: read")

    def artifacts(self, run_id: int) -> tuple[Artifact, ...]:
        """Return the artifacts that the workflow run `run_id` uploaded."""
        from github.Artifact import Artifact as ClientArtifact
        from github.PaginatedList import PaginatedList

        # Not WorkflowRun.get_artifacts: it fetches the run only to get this address.
        path = f"{self._repository.url}/actions/runs/{run_id}/artifacts"
        found = PaginatedList(ClientArtifact, self._client.requester, path, None, list_item="artifacts")
        return self._read_all(f"list the artifacts of run {run_id}", found, rows.read_artifact, "actions: read")

    def download(self, artifact_id: int, *, most: int) -> bytes:
        """Download the zip of an artifact, as it was uploaded. Raises ServiceError if it has more than `most` bytes.

        The bytes are on another host, which does not get the token.
        """
        path = f"{self._repository.url}/actions/artifacts/{artifact_id}/zip"

        def fetch() -> bytes:
            from github.Requester import Requester

            status, headers, body = self._client.requester.requestJson("GET", path)
            if status != 302:
                raise Requester.createException(
                    status, headers, {"message": body[:200] if status < 400 else read_json_message(body)}
                )
            return self._fetch(urljoin(self._api_url, headers["location"]), most)

        return self._retry.ask(f"send the artifact {artifact_id}", fetch, needs="actions: read")

    def _fetch(self, address: str, most: int) -> bytes:
        import requests
        from github import GithubException

        if urlsplit(address).scheme != "https" and urlsplit(self._api_url).scheme == "https":
            raise ValueError("the address of the artifact is not https")
        with requests.Session() as session:
            session.auth = lambda request: request  # otherwise requests looks into .netrc
            session.headers["Accept-Encoding"] = "identity"
            with session.get(address, stream=True, timeout=_SECONDS, allow_redirects=False) as answer:
                if answer.status_code != 200:
                    raise GithubException(
                        answer.status_code, None, dict(answer.headers), "where the artifact is stored"
                    )
                taken = bytearray()
                while chunk := answer.raw.read(min(_CHUNK, most + 1 - len(taken)), decode_content=False):
                    taken += chunk
                    if len(taken) > most:
                        raise ServiceError(f"the artifact has more than {most} bytes", hint="it is not a report's")
                return bytes(taken)
