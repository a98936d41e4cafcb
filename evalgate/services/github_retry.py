"""Retry requests to GitHub: which failures to retry, how long to wait, and what to report in the end.

The waiting follows "Best practices for using the REST API" (docs.github.com): `retry-after` if it is given, else until
`x-ratelimit-reset` if no request remains, else a minute for a rate limit. A failure of the server or of the connection
is retried after 1, 2, 4 and 8 seconds. PyGithub's own retry is not used: it has no limit for the waiting that GitHub
asks for, does not handle 429, and its sleep cannot be replaced in tests.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn, TypeVar

from evalgate.errors import ServiceError
from evalgate.mask import HIDDEN, Mask

if TYPE_CHECKING:
    from github import GithubException
    from tenacity import RetryCallState

T = TypeVar("T")

TRIES = 5
WAITING_SECONDS = 120.0
_DEFAULT_LIMIT_SECONDS = 60.0
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_QUERY = re.compile(r"\?[^\s'\")]+")  # of an address in an error's text: it may contain a signature
_WHOLE_NUMBER = re.compile(r"[0-9]{1,10}")
_MAX_LENGTH = 300
# What PyGithub raises if a response is not what it expects: JSON cut short, a list for an object.
_BROKEN = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A failed try. `again`: retry, after `wait` seconds if given; `done`: the request may have succeeded."""

    message: str
    hint: str | None = None
    again: bool = False
    wait: float | None = None
    done: bool = False


def _find_limit_wait(error: GithubException, now: float) -> float | None:
    """Return the seconds to wait for a rate limit, or None if the response is not about a rate limit."""
    from github.Requester import Requester

    headers = headers_of(error)
    if error.status not in (403, 429):
        return None
    after = _parse_seconds(headers.get("retry-after"))
    if after is not None:
        return after
    reset = _parse_seconds(headers.get("x-ratelimit-reset"))
    if headers.get("x-ratelimit-remaining") == "0" and reset is not None:
        return max(1.0, reset - now + 1.0)
    if error.status == 429 or Requester.isRateLimitError(read_message(error)):
        return _DEFAULT_LIMIT_SECONDS
    return None


def _parse_seconds(text: str | None) -> float | None:
    """Parse a header's whole seconds; None for anything else, such as a date, which GitHub does not send."""
    return float(text) if text is not None and _WHOLE_NUMBER.fullmatch(text) else None


def headers_of(error: GithubException) -> Mapping[str, str]:
    return {name.lower(): str(value) for name, value in (error.headers or {}).items()}


def read_message(error: GithubException) -> str:
    """Return GitHub's message with the reasons of a 422; "" if there is none."""
    data = error.data
    if not isinstance(data, dict):
        return error.message or ""
    reasons = [each.get("message", "") for each in data.get("errors") or () if isinstance(each, dict)]
    return "; ".join(str(part) for part in (data.get("message") or error.message, *reasons) if part)


def read_json_message(body: str) -> str:
    """Return the message of an error's JSON, or "" if there is none."""
    try:
        answer = json.loads(body)  # lenient: only the message is used, for display
    except (ValueError, RecursionError):
        return ""
    return str(answer.get("message", "")) if isinstance(answer, dict) else ""


def is_denied(error: GithubException) -> bool:
    """Return True for a 403 that means missing permission, not a rate limit."""
    return error.status == 403 and _find_limit_wait(error, 0.0) is None


class GitHubRetry:
    """Retry requests: at most 5 tries for one request, and 120 seconds of waiting for all requests together.

    `secret` is removed from every message; `note` is called for each wait.
    """

    def __init__(
        self,
        *,
        secret: str,
        note: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._secret = secret
        self._mask = Mask((secret, f"x-access-token:{secret}" if secret else None))
        self._note = note
        self._sleep = sleep
        self._now = now
        self._left = WAITING_SECONDS

    def ask(
        self, what: str, call: Callable[[], T], *, needs: str = "", made: Callable[[], T | None] | None = None
    ) -> T:
        """Return the answer of `call`. Raises ServiceError: "GitHub did not {what}: why".

        `needs` is the line of a workflow's `permissions:` that allows the request. `made` finds the result of a
        creation whose response was lost, so that a retry does not create it twice.
        """
        from github import BadAttributeException, GithubException
        from requests import RequestException
        from tenacity import Retrying, retry_if_result
        from urllib3.exceptions import HTTPError  # raised by a download, which reads below requests

        lost = False

        def ask_once() -> T | _Refusal:
            nonlocal lost
            if lost and made is not None and (found := made()) is not None:
                return found
            try:
                return call()
            except GithubException as error:
                refusal = self._explain_refusal(error, needs)
            except (RequestException, HTTPError, BadAttributeException, *_BROKEN) as error:
                refusal = _explain_failure(error)
            lost = lost or refusal.done
            return refusal

        def describe(refusal: _Refusal) -> str:
            return self.plain(f"GitHub did not {what}: {refusal.message}")

        def spend(state: RetryCallState) -> None:
            self._left -= state.upcoming_sleep
            self._note(f"{describe(_get_refusal(state))}; retrying in {state.upcoming_sleep:.0f} s")

        def give_up(state: RetryCallState) -> NoReturn:
            refusal = _get_refusal(state)
            why = f"{TRIES} tries" if state.attempt_number == TRIES else self._describe_wait(state.upcoming_sleep)
            raise ServiceError(f"{describe(refusal)} ({why})", hint=refusal.hint)

        retrying = Retrying(
            retry=retry_if_result(lambda answer: isinstance(answer, _Refusal) and answer.again),
            wait=_find_wait,
            stop=lambda state: state.attempt_number == TRIES or state.upcoming_sleep > self._left,
            before_sleep=spend,
            sleep=self._sleep,
            retry_error_callback=give_up,
        )
        answer = retrying(ask_once)
        if isinstance(answer, _Refusal):
            raise ServiceError(describe(answer), hint=answer.hint)
        return answer

    def _describe_wait(self, seconds: float) -> str:
        until = datetime.fromtimestamp(self._now() + seconds, UTC).strftime("%H:%M:%S")
        return f"retry possible at {until} UTC, in {seconds:.0f} s; {self._left:.0f} s of waiting are left"

    def _explain_refusal(self, error: GithubException, needs: str) -> _Refusal:
        words = f"{error.status} {read_message(error)}".strip()
        limited = _find_limit_wait(error, self._now())
        if limited is not None:
            return _Refusal(words, hint="too many requests: run the job again later", again=True, wait=limited)
        if error.status >= 500:
            after = _parse_seconds(headers_of(error).get("retry-after"))
            return _Refusal(words, again=True, wait=after, done=True)
        return _Refusal(words, hint=_find_hint(error, needs))

    def plain(self, text: str) -> str:
        """Return one line without control characters and without the secret, cut to 300 characters."""
        shown = self._mask.text(text)
        line = _CONTROL_CHARACTERS.sub(" ", shown.replace(self._secret, HIDDEN) if self._secret else shown)
        return line if len(line) <= _MAX_LENGTH else f"{line[: _MAX_LENGTH - 3]}..."


def _explain_failure(error: Exception) -> _Refusal:
    from requests import ConnectionError as NoConnectionError
    from requests import Timeout
    from requests.exceptions import ChunkedEncodingError
    from urllib3.exceptions import HTTPError

    words = _QUERY.sub("?...", f"{type(error).__name__}: {error}")
    if isinstance(error, NoConnectionError | Timeout | ChunkedEncodingError | HTTPError):
        return _Refusal(f"the connection failed: {words}", again=True, done=True)
    return _Refusal(f"the response is not one of GitHub's: {words}", hint="check the address of the API")


def _get_refusal(state: RetryCallState) -> _Refusal:
    refusal = None if state.outcome is None else state.outcome.result()
    if not isinstance(refusal, _Refusal):
        raise AssertionError("only a refusal is retried")
    return refusal


def _find_wait(state: RetryCallState) -> float:
    """Return the seconds until the next try: what GitHub asks for, else 1, 2, 4, 8."""
    wait = _get_refusal(state).wait
    return 2.0 ** (state.attempt_number - 1) if wait is None else wait


def _find_hint(error: GithubException, needs: str) -> str | None:
    if error.status == 401:
        return "the token is wrong or has expired: pass `github-token: ${{ github.token }}`"
    if is_denied(error) and needs:
        return (
            f"the job's token lacks `{needs}` under `permissions:` of the workflow "
            "(a pull request of a fork gets a read-only token regardless of these)"
        )
    if error.status == 404:
        return "it does not exist, or the token may not see it" + (f": it needs `{needs}`" if needs else "")
    return None
