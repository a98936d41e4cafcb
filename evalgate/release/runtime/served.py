"""What an application gets: one version of a prompt, and the row that it logs about it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from evalgate.release.document import PublishedVersion
from evalgate.release.runtime.prompt_error import VariableError
from evalgate.release.runtime.rendering import render_messages


class LangfuseLink(NamedTuple):
    """A version of a prompt in Langfuse, by the name and the number that it has there."""

    name: str
    version: int
    is_fallback: bool = False


class Served:
    """A version of a prompt that was chosen for a request. It does not change, whatever the registry does later.

    `variant` is "candidate" for the candidate of a rollout, else the label, such as "production". `key` is the one that
    decided, None if none did. `stale_seconds` is the time since the registry last said that this is its last document,
    at the time of the choice.
    """

    __slots__ = ("_content", "_number", "key", "name", "stale_seconds", "variant")

    def __init__(
        self,
        name: str,
        content: PublishedVersion,
        variant: str,
        key: str | None,
        stale_seconds: float,
        *,
        number: int | None = None,
    ) -> None:
        self.name = name
        self.variant = variant
        self.key = key
        self.stale_seconds = stale_seconds
        self._content = content
        self._number = number

    @property
    def version(self) -> str:
        """The semantic version."""
        return self._content.version

    @property
    def digest(self) -> str:
        """The sha256 of the prompt, in hex. It identifies the version's content."""
        return self._content.digest

    @property
    def model(self) -> str | None:
        """The model that was evaluated; None if the prompt leaves it to the application."""
        return self._content.model

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters that were evaluated, such as the temperature. A copy of your own."""
        return _copy(self._content.parameters)  # type: ignore[no-any-return]

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The tools in the form of the chat completions API. A copy of your own."""
        return _copy(self._content.tools)  # type: ignore[no-any-return]

    @property
    def response_format(self) -> dict[str, Any] | None:
        """The response format in the form of the chat completions API; None if there is none. A copy of your own."""
        return _copy(self._content.response_format)  # type: ignore[no-any-return]

    @property
    def variables(self) -> frozenset[str]:
        """The names of the variables that `messages` takes."""
        return self._content.variables

    def messages(self, /, **variables: Any) -> list[dict[str, Any]]:
        """Return the messages with the variables filled in, in the form of the chat completions API.

        Text is inserted as it is, anything else as JSON. Raises VariableError, with the name of the first variable that
        is missing, unknown or unfit.
        """
        try:
            return render_messages(self._content, variables)
        except KeyError as error:
            names = ", ".join(sorted(self.variables))
            problem = f'{self.name} {self.version}: the variable "{error.args[0]}" is missing'
            raise VariableError(problem, hint=f"the version uses {names}") from None
        except TypeError as error:
            raise VariableError(f"{self.name} {self.version}: {error}") from None

    def langfuse_prompt(self) -> LangfuseLink | None:
        """Return what Langfuse's SDK takes as the `prompt` of a generation, which it links to the version.

        None if the registry is not in Langfuse, or if it does not have the version for people yet; the SDK takes None.
        """
        if self._number is None:
            return None
        from evalgate.release.langfuse_chain import make_label_name

        return LangfuseLink(make_label_name(self.name), self._number)

    def row(
        self,
        *,
        id: str | None = None,
        at: str | None = None,
        error: str | BaseException | None = None,
        seconds: float | None = None,
        cost_usd: float | None = None,
        scores: Mapping[str, float] | None = None,
        sampled: bool | None = None,
        fields: Mapping[str, Any] | None = None,
        output: str | None = None,
    ) -> dict[str, Any]:
        """Return a row for the application's log, as data of JSON: which version served a request, and how it went.

        `id` (default: a random one) is unique to the request, `at` (default: now) is in UTC. `error` is the name of a
        failure, or the exception, of which the row has the class. `scores` are by criterion, in [0, 1]. `sampled` says
        whether the request was chosen to be scored (default: true with scores, else null, which does not say it).
        `fields` are the application's own data, and `output` is the model's text; without them the row does not have
        the keys.
        """
        made: dict[str, Any] = {
            "id": os.urandom(16).hex() if id is None else id,
            "at": _format_now() if at is None else at,
            "prompt": self.name,
            "version": self.version,
            "digest": self.digest,
            "variant": self.variant,
            "key": self.key,
            "error": type(error).__name__ if isinstance(error, BaseException) else error,
            "seconds": seconds,
            "cost_usd": cost_usd,
            "scores": dict(scores or {}),
            "sampled": True if sampled is None and scores else sampled,
        }
        if fields is not None:
            made["fields"] = dict(fields)
        if output is not None:
            made["output"] = output
        return made

    def __repr__(self) -> str:
        return f"<Served {self.name} {self.version} ({self.digest[:12]}), {self.variant}>"


def _format_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _copy(value: Any) -> Any:
    """Return a copy of data of JSON, so that a caller who edits it does not edit what others are served."""
    if isinstance(value, Mapping):
        return {key: _copy(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(one) for one in value]
    return value
