"""The inputs of the action: read the text of a workflow into typed settings, and report all faults at once."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

from evalgate.domain import strict_json
from evalgate.domain.names import find_closest, suggest
from evalgate.errors import Fault, InputError
from evalgate.report.escape import basic
from evalgate.services.git_names import fold_path

_T = TypeVar("_T")
_HINT = "see `with:` of the step"
_CONFIG = "evalgate.yml"
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "command": ("gate", "report", "drift", "publish", "promote", "rollback", "tick"),
    "policy-ref": ("base", "head"),
    "missing-secrets": ("fail", "pending", "replay"),
    "comment": ("auto", "on-change", "on-failure", "off"),
    "sign-off": ("review", "label", "none"),
    "fail-on": ("inconclusive", "fail", "never"),
}
_LABELS = ("staging", "canary", "production")
_RELEASE_INPUTS: Mapping[str, tuple[str, ...]] = {
    "publish": ("prompt", "reason", "source"),
    "promote": ("prompt", "to", "version", "reason"),
    "rollback": ("prompt", "version", "reason"),
    "tick": ("prompt",),
}
"""The inputs of the commands that write to the registry; no other command takes them."""
_REQUIRED_INPUTS = {"promote": ("prompt", "to"), "rollback": ("prompt", "reason")}
LONGEST_REASON = 1_000
_LONGEST_NAME, _LONGEST_BRANCH = 150, 80  # of the 255 characters that GitHub takes as the name of a status
_REDRAWS = {"redraw", "no-cache", "live"}
_REDRAW_OPTION = re.compile(r"--(?:redraw|no-cache|live)\b")
_PLAIN = re.compile(r"[A-Za-z0-9._]+(?:-[A-Za-z0-9._]+)*")
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The inputs of the action, named as in action.yml. An empty input is None."""

    command: Literal["gate", "report", "drift", "publish", "promote", "rollback", "tick"]
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
    langfuse_webhook_secret: str | None = field(repr=False)
    prompt: str | None
    to: str | None
    version: str | None
    reason: str | None
    source: str | None
    matrix: tuple[str, ...]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The inputs that are shown nowhere, beside the secrets that a configuration names."""
        return tuple(secret for secret in (self.github_token, self.langfuse_webhook_secret) if secret)


def read_settings(inputs: str, matrix: str) -> Settings:
    """Read the settings from the JSON of `inputs` and `matrix`. Raises InputError with every fault."""
    given = {name: _make_text(value) for name, value in _read_object(inputs, "inputs").items()}
    reader = _Reader(given)
    settings = reader.settings(tuple(str(value) for value in _read_object(matrix, "matrix").values()))
    if settings.sign_off != "none" and settings.comment == "off" and settings.command == "gate":
        reader.faults.append(
            Fault(
                message=f"sign-off: {settings.sign_off} needs the comment, which records when the report was published",
                hint="comment: on-failure writes it only for a failure or a pending sign-off; or sign-off: none",
            )
        )
    if settings.langfuse_webhook_secret is not None and settings.command != "gate":
        reader.faults.append(Fault(message="input langfuse-webhook-secret: is for command: gate", hint=_HINT))
    reader.faults += _refuse_redraws(given.items())
    if reader.faults:
        raise InputError(faults=reader.faults)
    return settings


def refuse_redraw(arguments: Sequence[str]) -> None:
    """Raise InputError for arguments that ask for a second draw of answers."""
    faults = _refuse_redraws([("args", " ".join(arguments))])
    if faults:
        raise InputError(faults=faults)


def _refuse_redraws(given: Iterable[tuple[str, str]]) -> list[Fault]:
    """Return a fault for each input that asks for a second draw of answers, by its name or as an option."""
    return [
        Fault(
            message=f"input {name}: the action does not draw answers again: a second draw would be a second chance to "
            "pass",
            hint="run `evalgate run --redraw` on your machine; it shows new answers, and the verdict stays",
        )
        for name, value in given
        if (name.replace("_", "-") in _REDRAWS and value.lower() not in ("", "false"))
        or (name in ("args", "arguments", "options", "command") and _REDRAW_OPTION.search(value))
    ]


def comment_key(given: str | None, *, workflow: str, job: str, matrix: tuple[str, ...], config: str = _CONFIG) -> str:
    """Return the key of a comment: `given`, else one that is unique to the job, its leg and the configuration.

    Two steps of a job with one key would overwrite each other's comment, and with it the time of its report.
    """
    own = [] if config == _CONFIG else [f"config={config}"]
    return _make_slug(given if given is not None else "/".join([workflow, job, *matrix, *own]))


def status_context(given: str | None, matrix: tuple[str, ...], *, config: str = _CONFIG, to: str = "") -> str:
    """Return the name of the commit status. Two statuses of one name would overwrite each other.

    So each leg of a matrix has its own name, as the checks of the jobs do, and so has each configuration if no name is
    `given`. `to` is the target branch of the commit if it is not the default branch: a status belongs to a commit, and
    a pass by the policy of one branch is not a pass by that of another. Names of branches have no spaces.

    GitHub does not tell capitals apart in names of statuses, but in those of branches. So a branch with capitals is
    named with a digest, after a character that no branch may have. So is a branch with a long name or with emoji: see
    `shorten_context`. The name begins as that on the way to the default branch does, also if it is shortened.
    """
    own = (*(() if given or config == _CONFIG else (config,)), *matrix)
    name = shorten_context((given or "evalgate") + (f" ({', '.join(own)})" if own else ""), most=_LONGEST_NAME)
    branch = basic(to)
    if to != fold_path(branch) or len(to) > _LONGEST_BRANCH:
        branch = f"{branch[:_LONGEST_BRANCH]}~{_digest(to)}"
    return name + (f" (to {branch})" if to else "")


def shorten_context(name: str, *, most: int) -> str:
    """Return the name of a status with at most `most` characters, none of them above U+FFFF: GitHub refuses others.

    A name that this changes ends with a digest, so that it stays its own.
    """
    shown = basic(name)
    return name if name == shown and len(name) <= most else f"{shown[: most - 14]} {_digest(name)}"


def is_same_context(context: str, other: str) -> bool:
    """Return whether two names of a status are one to GitHub, which does not tell capitals apart."""
    return context.casefold() == other.casefold()


class _Reader:
    """A converter of text to typed values that collects faults in `faults` and goes on."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given
        self.faults: list[Fault] = []

    def settings(self, matrix: tuple[str, ...]) -> Settings:
        return Settings(
            command=cast(Any, self._choice("command")),
            config=self.given.get("config") or _CONFIG,
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
            langfuse_webhook_secret=self._optional("langfuse-webhook-secret"),
            **self._release_inputs(),
            matrix=matrix,
        )

    def _release_inputs(self) -> dict[str, str | None]:
        """Return the inputs of the commands that write to the registry, with faults for those of another command."""
        command = self.given.get("command") or "gate"
        names = dict.fromkeys(name for taken in _RELEASE_INPUTS.values() for name in taken)
        for name in names:
            if self._optional(name) is not None and name not in _RELEASE_INPUTS.get(command, ()):
                takers = ", ".join(verb for verb, taken in _RELEASE_INPUTS.items() if name in taken)
                self.faults.append(Fault(message=f"input {name}: is for command: {takers}", hint=_HINT))
        for name in _REQUIRED_INPUTS.get(command, ()):
            if self._optional(name) is None:
                self.faults.append(Fault(message=f"input {name}: command: {command} needs it", hint=_HINT))
        to, reason = self._optional("to"), self._optional("reason")
        if to is not None and to not in _LABELS:
            self._add_fault("to", to, f"one of {', '.join(_LABELS)}")
        if reason is not None and len(reason) > LONGEST_REASON:
            self.faults.append(Fault(message=f"input reason: has more than {LONGEST_REASON:,} characters", hint=_HINT))
        return {name.replace("-", "_"): self._optional(name) for name in names}

    def _optional(self, name: str) -> str | None:
        return self.given.get(name) or None

    def _choice(self, name: str, default: str | None = None) -> str:
        allowed = _CHOICES[name]
        value = self.given.get(name) or default or allowed[0]
        if value not in allowed:
            meant = find_closest(value, allowed)
            self._add_fault(name, value, f"one of {', '.join(allowed)}" + (f"; {suggest(meant)}" if meant else ""))
            return allowed[0]
        return value

    def _flag(self, name: str) -> bool:
        value = self.given.get(name) or "true"
        if value.lower() not in ("true", "false"):
            self._add_fault(name, value, "true or false")
        return value.lower() == "true"

    def _matching(self, name: str, pattern: re.Pattern[str], what: str) -> str | None:
        value = self._optional(name)
        if value is not None and not pattern.fullmatch(value):
            self._add_fault(name, value, what)
            return None
        return value

    def _number(self, name: str, kind: Callable[[str], _T], *, least: float) -> _T | None:
        value = self._optional(name)
        if value is None:
            return None
        try:
            number: Any = kind(value)
            is_finite = math.isfinite(number)
        except (ValueError, OverflowError):  # a whole number that is too large to be one of seconds or calls
            number, is_finite = least, False
        if not (is_finite and number >= least):
            self._add_fault(name, value, f"a number, at least {least:g}")
            return None
        return cast(_T, number)

    def _add_fault(self, name: str, value: str, expected: str) -> None:
        self.faults.append(Fault(message=f'input {name}: "{value}" is not {expected}', hint=_HINT))


def _read_object(text: str, name: str) -> Mapping[str, Any]:
    """Parse a JSON object that the runner wrote; null, as for a job without `matrix`, is an empty one."""
    try:
        data = strict_json.load(text or "null")
    except ValueError:
        raise InputError(f"the {name} of the action are not valid JSON", hint="action.yml sets them") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise InputError(f"the {name} of the action are not a JSON object", hint="action.yml sets them")
    return data


def _make_text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    return "" if value is None else json.dumps(value)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _make_slug(key: str) -> str:
    """Return a form of the key that is valid in a comment's marker; different keys give different forms."""
    if len(key) <= 60 and _PLAIN.fullmatch(key):
        return key
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", key).strip("-")[:40]
    return f"{plain}-{_digest(key)}"
