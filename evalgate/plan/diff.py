"""What differs between two prompt versions, and the change level that makes at the least."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Mapping, Sequence
from difflib import SequenceMatcher

from evalgate.domain import Json, Level, Message, PromptVersion, digest
from evalgate.domain.numbers import exact, shown

# runs of anything but white space; in scripts written without spaces, each character
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_CONVERSATION = frozenset({"user", "assistant"})


def differences(candidate: PromptVersion, baseline: PromptVersion, *, minor_share: float) -> tuple[Level, list[str]]:
    """The minimum level of a change with its reasons, strictest first.

    MAJOR: response format, variables, roles, tools, model or one of its parameters changed. MINOR: messages (few-shot
    examples too) added or removed, or more than `minor_share` of the words changed. Else PATCH; identical content is
    PATCH without a reason. Data is compared as JSON: the order of keys, and 0 against 0.0, make no difference, and a
    response format of type "text" is the same as none.

    Which message is which: messages are aligned by `difflib.SequenceMatcher`, first on role and content, then, inside
    each stretch that differs, on roles. A message without a partner was added or removed. Roles changed when
    * a message stands against one of another role, or its text is found under another role only; or
    * a role other than user and assistant (of which examples are made) appears or disappears; or
    * neither version's roles are contained, in order, in the other's: more than adding or removing took place.

    The share of changed words is changed / max(words of either), by a word diff of the texts, line by line first; a
    replaced stretch counts as the longer of its two sides, a moved one twice. A word is a run without white space.
    """
    major = [*_interface(candidate, baseline)]
    added, removed, roles = _messages(candidate.messages, baseline.messages)
    major += roles
    if major:
        return Level.MAJOR, major
    minor = [f"{_count(n, 'message')} {verb}" for n, verb in ((added, "added"), (removed, "removed")) if n]
    share = changed_share(_texts(candidate), _texts(baseline))
    words = f"{shown(100 * share, 100 * minor_share)} % of the words changed"
    if share > minor_share:
        minor.append(f"{words} (PATCH: at most {exact(100 * minor_share)} %)")
    if minor:
        return Level.MINOR, minor
    if candidate.content == baseline.content:
        return Level.PATCH, []
    return Level.PATCH, [
        f"{shown(100 * share, 100 * minor_share)} % of the words changed"
        if share
        else "only white space or notation changed"
    ]


def changed_share(new: Sequence[str], old: Sequence[str]) -> float:
    """The share of words, 0 to 1, that differ between two sequences of texts; 0 when there is no word at all."""
    lines_new, lines_old = _lines(new), _lines(old)
    words = max(sum(map(len, lines_new)), sum(map(len, lines_old)))
    changed = 0
    for _, i1, i2, j1, j2 in _edits(lines_old, lines_new):
        before = [word for line in lines_old[i1:i2] for word in line]
        after = [word for line in lines_new[j1:j2] for word in line]
        changed += sum(max(b - a, d - c) for _, a, b, c, d in _edits(before, after))
    return min(1.0, changed / words) if words else 0.0


def _interface(candidate: PromptVersion, baseline: PromptVersion) -> list[str]:
    """What an application or a model is bound to, apart from the messages."""
    reasons = []
    if candidate.model != baseline.model:
        reasons.append(f"model {baseline.model or '(none)'} -> {candidate.model or '(none)'}")
    for name in sorted({*candidate.parameters, *baseline.parameters}):
        new, old = (_shown(version.parameters, name) for version in (candidate, baseline))
        if new != old:
            reasons.append(f"parameter {name} {old} -> {new}")
    if _canonical(_format(candidate)) != _canonical(_format(baseline)):
        reasons.append(
            "response schema changed" if _format(candidate) and _format(baseline) else "response format changed"
        )
    if _canonical(list(candidate.tools)) != _canonical(list(baseline.tools)):
        reasons.append("tools changed")
    for names, verb in (
        (candidate.variables - baseline.variables, "added"),
        (baseline.variables - candidate.variables, "removed"),
    ):
        if names:
            listed = ", ".join(f"{{{{{name}}}}}" for name in sorted(names))
            reasons.append(f"{'variable' if len(names) == 1 else 'variables'} {verb}: {listed}")
    return reasons


def _messages(new: Sequence[Message], old: Sequence[Message]) -> tuple[int, int, list[str]]:
    """How many messages were added and removed, and how roles changed."""
    added = removed = 0
    roles: list[str] = []
    for _, i1, i2, j1, j2 in _edits(old, new):
        before, after = [m.role for m in old[i1:i2]], [m.role for m in new[j1:j2]]
        for tag, a, b, c, d in _edits(before, after):
            if tag == "replace":
                roles.append(f"role {', '.join(before[a:b])} -> {', '.join(after[c:d])}")
            else:
                removed += b - a
                added += d - c
    was, now = _roles_by_text(old), _roles_by_text(new)
    for text in was.keys() & now.keys() if not roles else ():
        if not was[text] & now[text]:
            roles.append(f"role {', '.join(sorted(was[text]))} -> {', '.join(sorted(now[text]))}")
    before, after = [m.role for m in old], [m.role for m in new]
    kinds = (set(before) ^ set(after)) - _CONVERSATION
    if not roles and kinds:
        roles.append(f"role {', '.join(sorted(kinds))} {'added' if kinds & set(after) else 'removed'}")
    if not roles and not _contained(before, after) and not _contained(after, before):
        roles.append(f"order of roles {', '.join(before)} -> {', '.join(after)}")
    return added, removed, roles


def _roles_by_text(messages: Sequence[Message]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for message in messages:
        if message.content.strip():
            found.setdefault(message.content.strip(), set()).add(message.role)
    return found


def _contained(short: Sequence[str], long: Sequence[str]) -> bool:
    """Whether the items of one sequence stand in the other, in this order."""
    rest = iter(long)
    return all(item in rest for item in short)


def _edits(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[str, int, int, int, int]]:
    """The opcodes that change something. Equal ends are cut off first: it is what keeps long texts quick."""
    start, end = 0, 0
    shorter = min(len(old), len(new))
    while start < shorter and old[start] == new[start]:
        start += 1
    while end < shorter - start and old[len(old) - 1 - end] == new[len(new) - 1 - end]:
        end += 1
    matcher = SequenceMatcher(None, old[start : len(old) - end], new[start : len(new) - end], autojunk=False)
    return [
        (tag, i1 + start, i2 + start, j1 + start, j2 + start)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    ]


def _texts(version: PromptVersion) -> list[str]:
    return [message.content for message in version.messages]


def _lines(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """The words of each line that has any."""
    lines = (tuple(_WORD.findall(line)) for text in texts for line in text.splitlines())
    return [line for line in lines if line]


def _format(version: PromptVersion) -> Mapping[str, Json] | None:
    plain = version.response_format is None or version.response_format.get("type") == "text"
    return None if plain else version.response_format


def _shown(parameters: Mapping[str, Json], name: str) -> str:
    return json.dumps(_plain(parameters[name]), sort_keys=True, ensure_ascii=False) if name in parameters else "(unset)"


def _canonical(value: Json) -> str:
    return digest(_plain(value))


def _plain(value: Json) -> Json:
    """The value with whole floats as integers: JSON knows one kind of number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
