"""The inputs of the action: text as a workflow wrote it, read into typed settings, all faults at once."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from evalgate.domain import strict_json
from evalgate.domain.names import find_closest, suggest
from evalgate.errors import Fault, InputError

_T = TypeVar("_T")
_HINT = "see `with:` of the step"
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "command": ("gate", "report", "drift"),
    "policy-ref": ("base", "head"),
    "missing-secrets": ("fail", "pending", "replay"),
    "comment": ("auto", "on-change", "on-failure", "off"),
    "sign-off": ("review", "label", "none"),
    "fail-on": ("inconclusive", "fail", "never"),
}
_PLAIN = re.compile(r"[A-Za-z0-9._]+(?:-[A-Za-z0-9._]+)*")
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a workflow asks of the action; names as in action.yml. Empty text is None: not given."""

    command: Literal["gate", "report", "drift"]
    config: str
    working_directory: str
    policy_ref: Literal["base", "head"]
    baseline: str | None
    changed_only: bool
    head_sha: str | None
    missing_secrets: Literal["fail", "pending", "replay"]
    comment: Literal["auto", "on-change", "on-failure", "off"]
    comment_key: str | None
    annotations: bool
    job_summary: bool
    status_context: str | None
    sign_off: Literal["review", "label", "none"]
    approvers: tuple[str, ...]
    fail_on: Literal["inconclusive", "fail", "never"]
    max_cost_usd: float | None
    max_concurrency: int | None
    cache_path: str | None
    report_dir: str | None
    artifact: str
    comment_author: str | None
    github_token: str | None
    matrix: tuple[str, ...]


def read_settings(inputs: str, matrix: str) -> Settings:
    """The settings from the JSON of `inputs` and of `matrix`. Raises InputError with every fault."""
    given = {name: _text(value) for name, value in _object(inputs, "inputs").items()}
    reader = _Reader(given)
    settings = reader.settings(tuple(str(value) for value in _object(matrix, "matrix").values()))
    if settings.sign_off != "none" and settings.comment == "off" and settings.command == "gate":
        reader.faults.append(
            Fault(
                message=f"sign-off: {settings.sign_off} needs the comment, which tells when the report was there",
                hint="comment: on-failure writes it only when something is wrong or awaited; or sign-off: none",
            )
        )
    if reader.faults:
        raise InputError(faults=reader.faults)
    return settings


def comment_key(given: str | None, *, workflow: str, job: str, matrix: tuple[str, ...]) -> str:
    """The key of a comment: the one that is given, else one of its own for each job and leg of a matrix."""
    return _slug(given if given is not None else "/".join([workflow, job, *matrix]))


def status_context(given: str | None, matrix: tuple[str, ...], *, config: str = "evalgate.yml", to: str = "") -> str:
    """The name of the commit status: of two that have one name, the last to be written would speak for both.

    So legs of a matrix have one each, as the checks of their jobs do, and so has, where none is `given`, every
    configuration. `to` is the branch that the commit goes to, where it is not the default one: a status is a commit's,
    and what passes by the rules of one branch has not passed by those of another. No branch's name holds a space.
    """
    own = (*(() if given or config == "evalgate.yml" else (config,)), *matrix)
    return (given or "evalgate") + (f" ({', '.join(own)})" if own else "") + (f" (to {to})" if to else "")


class _Reader:
    """Text to typed values; what is wrong is kept in `faults`, and reading goes on."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given
        self.faults: list[Fault] = []

    def settings(self, matrix: tuple[str, ...]) -> Settings:
        return Settings(
            command=cast(Any, self._choice("command")),
            config=self.given.get("config") or "evalgate.yml",
            working_directory=self.given.get("working-directory") or ".",
            policy_ref=cast(Any, self._choice("policy-ref")),
            baseline=self._optional("baseline"),
            changed_only=self._flag("changed-only"),
            head_sha=self._matching("head-sha", _SHA, "a whole commit id (40 hexadecimal digits)"),
            missing_secrets=cast(Any, self._choice("missing-secrets", default="fail")),
            comment=cast(Any, self._choice("comment")),
            comment_key=self._optional("comment-key"),
            annotations=self._flag("annotations"),
            job_summary=self._flag("job-summary"),
            status_context=self._optional("status-context"),
            sign_off=cast(Any, self._choice("sign-off")),
            approvers=tuple(re.findall(r"[^\s,@][^\s,]*", self.given.get("approvers", ""))),
            fail_on=cast(Any, self._choice("fail-on")),
            max_cost_usd=self._number("max-cost-usd", float, least=0.0),
            max_concurrency=self._number("max-concurrency", int, least=1),
            cache_path=self._optional("cache-path"),
            report_dir=self._optional("report-dir"),
            artifact=self.given.get("artifact") or "evalgate-report",
            comment_author=self._optional("comment-author"),
            github_token=self._optional("github-token"),
            matrix=matrix,
        )

    def _optional(self, name: str) -> str | None:
        return self.given.get(name) or None

    def _choice(self, name: str, default: str | None = None) -> str:
        allowed = _CHOICES[name]
        value = self.given.get(name) or default or allowed[0]
        if value not in allowed:
            meant = find_closest(value, allowed)
            self._blame(name, value, f"one of {', '.join(allowed)}" + (f"; {suggest(meant)}" if meant else ""))
            return allowed[0]
        return value

    def _flag(self, name: str) -> bool:
        value = self.given.get(name) or "true"
        if value.lower() not in ("true", "false"):
            self._blame(name, value, "true or false")
        return value.lower() == "true"

    def _matching(self, name: str, pattern: re.Pattern[str], what: str) -> str | None:
        value = self._optional(name)
        if value is not None and not pattern.fullmatch(value):
            self._blame(name, value, what)
            return None
        return value

    def _number(self, name: str, kind: Callable[[str], _T], *, least: float) -> _T | None:
        value = self._optional(name)
        if value is None:
            return None
        try:
            number: Any = kind(value)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number >= least):
            self._blame(name, value, f"a number, at least {least:g}")
            return None
        return cast(_T, number)

    def _blame(self, name: str, value: str, wanted: str) -> None:
        self.faults.append(Fault(message=f'input {name}: "{value}" is not {wanted}', hint=_HINT))


def _object(text: str, name: str) -> Mapping[str, Any]:
    """An object of a context as the runner writes it; `matrix` is null where there is none."""
    try:
        data = strict_json.load(text or "null")
    except ValueError:
        raise InputError(f"the {name} of the action are not JSON", hint="they come from action.yml") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise InputError(f"the {name} of the action are no object", hint="they come from action.yml")
    return data


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    return "" if value is None else json.dumps(value)


def _slug(key: str) -> str:
    """A key that can stand in a comment's marker: other keys get other slugs."""
    if len(key) <= 60 and _PLAIN.fullmatch(key):
        return key
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", key).strip("-")[:40]
    return f"{plain}-{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
