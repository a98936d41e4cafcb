"""The client of GitHub's REST API: one repository, one token, and whose token it is."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from evalgate.errors import ServiceError
from evalgate.services.github_retry import GitHubRetry, is_denied

if TYPE_CHECKING:
    import github.Commit
    import github.Issue
    import github.PullRequest

T = TypeVar("T")
Row = TypeVar("Row")

WORKFLOW_LOGIN = "github-actions[bot]"
_SECONDS = 30
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
SHA = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")


class GitHubClient:
    """One repository on GitHub, accessed with one token.

    `note` is called for each wait; `sleep` and `now` (seconds since 1970) are for tests.
    """

    def __init__(
        self,
        *,
        token: str,
        repository: str,
        api_url: str = "https://api.github.com",
        note: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Make no request yet. Raises ServiceError: no token, no valid address or name, PyGithub not installed."""
        if not token:
            raise ServiceError("there is no token for GitHub", hint="pass `github-token: ${{ github.token }}`")
        if not _REPOSITORY.fullmatch(repository):
            raise ServiceError(f"{repository!r} is not the name of a repository", hint="owner/name")
        if urlsplit(api_url).scheme not in ("https", "http") or not urlsplit(api_url).hostname:
            raise ServiceError(f"{api_url!r} is not the address of GitHub's API", hint="https://api.github.com")
        try:
            import github
        except ImportError:
            raise ServiceError(
                "PyGithub is not installed", hint="python -m pip install 'prompt-evalgate[github]'"
            ) from None
        logging.getLogger("github").setLevel(logging.WARNING)
        self.repository = repository
        self._api_url = api_url.rstrip("/")
        self._retry = GitHubRetry(secret=token, note=note, sleep=sleep, now=now)
        self._client = github.Github(
            auth=github.Auth.Token(token),
            base_url=self._api_url,
            timeout=_SECONDS,
            per_page=100,
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
            lazy=True,
            user_agent="evalgate",
        )
        self._repository = self._client.get_repo(repository)
        self._login: str | None = None
        self._written_as = ""

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def login(self) -> str:
        """Return the login that the token writes with, asked for once.

        A token of a workflow or an app may not ask `GET /user`. Then GraphQL names its viewer. If that fails as well,
        it is the author of the first status or comment that was written, and before that `github-actions[bot]`.
        """
        if self._login is None:
            self._login = self._retry.ask("identify the token's user", self._find_login)
        return self._login or self._written_as or WORKFLOW_LOGIN

    def learn_login(self, author: str) -> None:
        """Take note of the author that GitHub gives for something that was written with the token."""
        self._written_as = author or self._written_as

    def _find_login(self) -> str:
        """Return the user or viewer of the token, empty if GitHub does not tell."""
        from github import GithubException

        try:
            return self._client.get_user().login
        except GithubException as error:
            if not is_denied(error):
                raise
        try:
            _, answer = self._client.requester.graphql_query("query { viewer { login } }", {})
            login = str(answer["data"]["viewer"]["login"])
        except (GithubException, LookupError, TypeError, ValueError):
            return ""
        return login if login.endswith("[bot]") else f"{login}[bot]"  # GraphQL may leave out that it is a bot

    def _graphql(self, query: str, number: int, **more: Any) -> Mapping[str, Any]:
        owner, name = self.repository.split("/")
        _, answer = self._client.requester.graphql_query(
            query, {"owner": owner, "name": name, "number": number, **more}
        )
        return answer

    def _issue(self, number: int) -> github.Issue.Issue:
        return self._repository.get_issue(number)

    def _pull(self, number: int) -> github.PullRequest.PullRequest:
        return self._repository.get_pull(number)

    def _commit(self, sha: str) -> github.Commit.Commit:
        from github.Commit import Commit as ClientCommit

        if not SHA.fullmatch(sha):
            raise ServiceError(f"{sha!r} is not the full sha of a commit")
        # Not get_commit: to set a status, PyGithub would fetch a lazy commit for its sha.
        attributes = {"sha": sha, "url": f"{self._repository.url}/commits/{sha}"}
        return ClientCommit(self._client.requester, attributes=attributes, completed=True)

    def _read_all(self, what: str, found: Iterable[T], row: Callable[[T], Row], needs: str) -> tuple[Row, ...]:
        """Return the rows of all pages. A retry continues at the page that failed: the list keeps the earlier ones."""
        return self._retry.ask(what, lambda: tuple(map(row, found)), needs=needs)
