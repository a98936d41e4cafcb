"""The differences between two prompt versions, and the minimum change level that follows from them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from evalgate.domain import Json, Level, Message, PromptVersion, digest, is_invisible
from evalgate.domain.jinja_templates import list_logic, list_passages
from evalgate.domain.lists import name_some
from evalgate.domain.numbers import show, show_count, show_exactly
from evalgate.domain.property_order import find_unusual_orders, keep_order
from evalgate.domain.templates import MUSTACHE
from evalgate.plan.alignment import MOST_ALIGNED, find_edits, is_bounded
from evalgate.plan.words import WHITE_SPACE, count_words, drop_emoji_style, split_lines

MORE_WHITE_SPACE = 200
SHARE_OF_WHITE_SPACE = 0.25
"""A PATCH may add or remove up to this many characters of white space, or this share of the other characters.

This allows changes of indentation.
"""
LONGEST_WHITE_SPACE = 100
"""Characters. A run of white space that is longer than this, and longer than any before, is more than a PATCH."""
_WHITE_SPACE = re.compile(f"[{WHITE_SPACE}]+")
_NAMED = 5
_CONVERSATION = frozenset({"user", "assistant"})
RoleText: TypeAlias = tuple[str, str]
"""A role and a text of a message with this role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptDiff:
    """The differences between the words of two sequences of texts.

    `words` counts the changed words, `of` the words of the longer side. `invisible` are the invisible characters in the
    changed words, by code point. `bounded` means that the text between the first and the last edit was too long to
    align, so that all of it counts as changed.
    """

    words: int
    of: int
    invisible: tuple[str, ...] = ()
    bounded: bool = False

    @property
    def share(self) -> float:
        """The share of changed words, 0 to 1; 0 without any words."""
        return min(1.0, self.words / self.of) if self.of else 0.0


def describe_differences(
    candidate: PromptVersion, baseline: PromptVersion, *, minor_share: float, minor_words: int
) -> tuple[Level, list[str]]:
    """Return the minimum level of a change with its reasons, strictest first.

    MAJOR: response format, variables, roles, tools, template syntax, model or one of its parameters changed. MINOR:
    messages (including few-shot examples) added or removed, the user message of the gate, images or tool calls of
    messages or the logic of a template changed, front matter added to a text that had none, more than `minor_share` of
    the words or more than `minor_words` words changed, invisible characters or much white space added or removed.
    Otherwise PATCH; identical content is PATCH without a reason. Data is compared as JSON: of the keys only the
    properties of a schema have an order, 0 equals 0.0, and a response format of type "text" equals none. The files that
    a template includes are compared like messages.

    Messages are aligned (`alignment.find_edits`), first by role and content, then by role within each differing
    stretch. A message without a partner was added or removed. Roles changed if
    * a message is aligned with one of another role, or its text is found only under another role; or
    * a role other than user and assistant (the roles of examples) appears or disappears; or
    * neither version's sequence of roles is a subsequence of the other's; or
    * a variable is used only under other roles than before.

    The share of changed words is changed words / words of the longer version, by a word diff that aligns lines first. A
    replaced stretch counts as the longer of its two sides, a moved one counts twice. Text that moves to another role
    counts as replaced. `words.split_lines` defines words.
    """
    major = [*_describe_interface(candidate, baseline)]
    added, removed, roles = _describe_messages(candidate.messages, baseline.messages)
    major += roles or _find_moved_variables(candidate, baseline)
    if major:
        return Level.MAJOR, major
    minor = [f"{show_count(n, 'message')} {verb}" for n, verb in ((added, "added"), (removed, "removed")) if n]
    minor += ["the user message of the gate changed"] if candidate.user != baseline.user else []
    minor += _describe_parts(candidate, baseline)
    minor += _describe_logic(candidate, baseline)
    minor += ["front matter added"] if adds_front_matter(candidate, baseline) else []
    found = compare_words(_list_role_texts(candidate), _list_role_texts(baseline))
    percent = f"{show(100 * found.share, 100 * minor_share)} % of the words changed"
    if found.share > minor_share:
        minor.append(f"{percent} (PATCH: at most {show_exactly(100 * minor_share)} %)")
    if found.words > minor_words:
        minor.append(f"{show_count(found.words, 'word')} changed (PATCH: at most {minor_words})")
    if found.bounded:
        minor.append(f"more than {MOST_ALIGNED:,} words between the first edit and the last: all count as changed")
    minor += _describe_unseen(found, _list_texts(candidate), _list_texts(baseline))
    if minor:
        return Level.MINOR, minor
    if candidate.content == baseline.content:
        return Level.PATCH, []
    return Level.PATCH, [percent if found.words else "only white space or notation changed"]


def compare_words(new: Sequence[RoleText], old: Sequence[RoleText]) -> PromptDiff:
    """Compare the words of two sequences of roles with texts. Equal words of different roles count as different."""
    lines_new, lines_old = _split_lines(new), _split_lines(old)
    count, bounded = 0, False
    unseen: Counter[str] = Counter()
    found = find_edits(lines_old, lines_new)
    bounded = is_bounded(found)
    for edit in found:
        before = [(role, word) for role, line in lines_old[edit.i1 : edit.i2] for word in line]
        after = [(role, word) for role, line in lines_new[edit.j1 : edit.j2] for word in line]
        within = find_edits(before, after)
        bounded = bounded or is_bounded(within)
        for inner in within:
            gone = [word for _, word in before[inner.i1 : inner.i2]]
            come = [word for _, word in after[inner.j1 : inner.j2]]
            count += max(sum(map(count_words, gone)), sum(map(count_words, come)))
            unseen.update(_describe_invisible(gone, come))
    of = max(sum(count_words(word) for _, line in side for word in line) for side in (lines_new, lines_old))
    return PromptDiff(words=count, of=of, invisible=tuple(sorted(unseen)), bounded=bounded)


def _split_lines(said: Sequence[RoleText]) -> list[tuple[str, tuple[str, ...]]]:
    """Return the lines that have words, each with its role."""
    return [(role, line) for role, text in said for line in split_lines([text])]


def _describe_invisible(gone: Sequence[str], come: Sequence[str]) -> set[str]:
    """Return the invisible characters in a changed stretch; none if both sides have the same ones."""
    before, after = (
        [char for word in side for char in drop_emoji_style(word) if is_invisible(char)] for side in (gone, come)
    )
    if before == after:
        return set()
    return set(Counter(before) - Counter(after)) | set(Counter(after) - Counter(before)) or set(after)


def _describe_unseen(found: PromptDiff, new: Sequence[str], old: Sequence[str]) -> list[str]:
    """Return reasons for changes that a reader of the diff cannot see: invisible characters and white space."""
    reasons = []
    if found.invisible:
        points = [f"U+{ord(char):04X}" for char in found.invisible]
        reasons.append(f"invisible characters changed: {name_some(points, _NAMED)}")
    (white, visible, longest), (white_old, visible_old, longest_old) = _describe_spaces(new), _describe_spaces(old)
    moved = abs(white - white_old)
    if moved > max(MORE_WHITE_SPACE, SHARE_OF_WHITE_SPACE * max(visible, visible_old)):
        verb = "added" if white > white_old else "removed"
        reasons.append(f"{show_count(moved, 'character')} of white space {verb}")
    elif longest > max(longest_old, LONGEST_WHITE_SPACE):
        reasons.append(f"a run of {show_count(longest, 'character')} of white space added")
    return reasons


def _describe_spaces(texts: Sequence[str]) -> tuple[int, int, int]:
    """Count the characters of white space, all other characters, and the longest run of white space."""
    runs = [len(run) for text in texts for run in _WHITE_SPACE.findall(text)]
    return sum(runs), sum(map(len, texts)) - sum(runs), max(runs, default=0)


def _describe_interface(candidate: PromptVersion, baseline: PromptVersion) -> list[str]:
    """Return reasons for changes of the interface: model, parameters, response format, tools, variables."""
    reasons = []
    if candidate.model != baseline.model:
        reasons.append(f"model {baseline.model or '(none)'} -> {candidate.model or '(none)'}")
    for name in sorted({*candidate.parameters, *baseline.parameters}):
        new, old = (_show(version.parameters, name) for version in (candidate, baseline))
        if new != old:
            reasons.append(f"parameter {name} {old} -> {new}")
    if _make_canonical(_describe_format(candidate)) != _make_canonical(_describe_format(baseline)):
        reasons.append(_describe_new_format(candidate, baseline))
    if _make_canonical(list(candidate.tools)) != _make_canonical(list(baseline.tools)):
        is_order = digest(_make_plain(list(candidate.tools))) == digest(_make_plain(list(baseline.tools)))
        reasons.append("order of properties in the tools changed" if is_order else "tools changed")
    new, old = candidate.template.syntax, baseline.template.syntax
    if new != old:
        reasons.append(f"template syntax {old} -> {new}")
    for names, verb in (
        (candidate.variables - baseline.variables, "added"),
        (baseline.variables - candidate.variables, "removed"),
    ):
        if names:
            listed = ", ".join(f"{{{{{name}}}}}" for name in sorted(names))
            reasons.append(f"{'variable' if len(names) == 1 else 'variables'} {verb}: {listed}")
    return reasons


def _describe_parts(candidate: PromptVersion, baseline: PromptVersion) -> list[str]:
    """Return reasons for changed images and tool calls: a few letters of them can change all of a request."""
    images, calls = ([_list_parts(version, kind) for version in (candidate, baseline)] for kind in ("images", "calls"))
    changed = [word for (new, old), word in ((images, "images"), (calls, "tool calls")) if new != old]
    return [f"{word} of messages changed" for word in changed]


def _list_parts(version: PromptVersion, kind: Literal["images", "calls"]) -> list[object]:
    if kind == "images":
        return [image for message in version.messages for image in message.images]
    return [
        (m.details.calls, m.details.call_id)
        for m in version.messages
        if m.details and (m.details.calls or m.details.call_id)
    ]


def _find_moved_variables(candidate: PromptVersion, baseline: PromptVersion) -> list[str]:
    """Return a reason for each variable that is used only under other roles than before.

    Its value, such as user input, is then read as text of another role.
    """
    new, old = _index_variable_roles(candidate), _index_variable_roles(baseline)
    return [
        f"variable {{{{{name}}}}} moved: {', '.join(sorted(old[name]))} -> {', '.join(sorted(new[name]))}"
        for name in sorted(new.keys() & old.keys())
        if not new[name] & old[name]
    ]


def _index_variable_roles(version: PromptVersion) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for message in version.messages:
        for name in version.find_names(message):
            found.setdefault(name, set()).add(message.role)
    for name in MUSTACHE.find_names(version.user or ""):
        found.setdefault(name, set()).add("user")
    return found


def _describe_messages(new: Sequence[Message], old: Sequence[Message]) -> tuple[int, int, list[str]]:
    """Return the number of added and removed messages, and the changes of roles."""
    added = removed = 0
    roles: list[str] = []
    for edit in find_edits(old, new):
        before, after = [m.role for m in old[edit.i1 : edit.i2]], [m.role for m in new[edit.j1 : edit.j2]]
        for inner in find_edits(before, after):
            gone, come = before[inner.i1 : inner.i2], after[inner.j1 : inner.j2]
            if gone and come:
                left, right = (name_some(each, _NAMED, rest=", ...") for each in (gone, come))
                roles.append(f"role {left} -> {right}")
            else:
                removed += len(gone)
                added += len(come)
    was, now = _index_roles(old), _index_roles(new)
    for text in was.keys() & now.keys() if not roles else ():
        if not was[text] & now[text]:
            roles.append(f"role {', '.join(sorted(was[text]))} -> {', '.join(sorted(now[text]))}")
    before, after = [m.role for m in old], [m.role for m in new]
    kinds = (set(before) ^ set(after)) - _CONVERSATION
    if not roles and kinds:
        roles.append(f"role {', '.join(sorted(kinds))} {'added' if kinds & set(after) else 'removed'}")
    if not roles and not _is_contained(before, after) and not _is_contained(after, before):
        roles.append(f"order of roles {', '.join(before)} -> {', '.join(after)}")
    return added, removed, roles


def _index_roles(messages: Sequence[Message]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for message in messages:
        if message.content.strip():
            found.setdefault(message.content.strip(), set()).add(message.role)
    return found


def _is_contained(short: Sequence[str], long: Sequence[str]) -> bool:
    """Return whether one sequence is a subsequence of the other."""
    rest = iter(long)
    return all(item in rest for item in short)


def _list_texts(version: PromptVersion) -> list[str]:
    return [text for _, text in _list_role_texts(version)]


def _list_role_texts(version: PromptVersion) -> list[RoleText]:
    """Return what is compared word by word: of a jinja template without its comments and tags.

    The tags around a text count as part of its role: a tag that ends elsewhere changes all of the text between.
    """
    written = _list_written(version)
    if version.template.syntax != "jinja":
        return written
    return [(f"{role} {tags}", passage) for role, text in written for tags, passage in list_passages(text)]


def _list_written(version: PromptVersion) -> list[RoleText]:
    """Return the texts of the messages with their roles, and the files that they include, with their names."""
    return [*((message.role, message.content) for message in version.messages), *version.template.files]


def _describe_logic(candidate: PromptVersion, baseline: PromptVersion) -> list[str]:
    """Return a reason for changed tags and expressions of a jinja template: a word of them can change all of a text."""
    if not candidate.template.syntax == baseline.template.syntax == "jinja":
        return []
    new, old = ([list_logic(text) for _, text in _list_written(version)] for version in (candidate, baseline))
    return ["template logic changed"] if new != old else []


def adds_front_matter(candidate: PromptVersion, baseline: PromptVersion) -> bool:
    """Return whether a file that was text alone has front matter now: it is not known whether the application cuts it.

    A file in another format has keys of its own.
    """
    return candidate.has_front_matter and not (baseline.has_front_matter or baseline.lines)


def _describe_format(version: PromptVersion) -> Mapping[str, Json] | None:
    plain = version.response_format is None or version.response_format.get("type") == "text"
    return None if plain else version.response_format


def _describe_new_format(candidate: PromptVersion, baseline: PromptVersion) -> str:
    new, old = _describe_format(candidate), _describe_format(baseline)
    if not (new and old):
        return "response format changed"
    is_order = digest(_make_plain(new)) == digest(_make_plain(old))
    return "order of properties in the response schema changed" if is_order else "response schema changed"


def _show(parameters: Mapping[str, Json], name: str) -> str:
    if name not in parameters:
        return "(unset)"
    value = _make_plain(parameters[name])
    return json.dumps(value, sort_keys=not find_unusual_orders(value), ensure_ascii=False)


def _make_canonical(value: Json) -> str:
    return digest(keep_order(_make_plain(value)))


def _make_plain(value: Json) -> Json:
    """Return the value with whole floats as integers, because JSON has only one type of number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _make_plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_make_plain(item) for item in value]
    return value
