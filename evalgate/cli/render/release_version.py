"""The text of `evalgate release show`: every field of a version, its moves, its share over time and its messages."""

from __future__ import annotations

import json
from collections.abc import Iterator

from evalgate.cli.render.langfuse_labels import render_findings
from evalgate.cli.render.release_message import render_message
from evalgate.cli.render.release_score import describe_score
from evalgate.cli.render.release_text import describe_change, describe_entry, describe_reason, format_share
from evalgate.commands.release.show import ShareChange, ShownVersion
from evalgate.domain.numbers import show_count
from evalgate.release.document import PublishedVersion
from evalgate.report.escape import line
from evalgate.report.wrapped_text import wrap_words

_INDENT = " " * 16


def render_version(shown: ShownVersion) -> str:
    """Render a version for the terminal, in 80 columns."""
    version = shown.version
    head = f"{shown.history.name} {version}, revision {shown.history.last.document.revision}"
    rows = [line(head)]
    rows += [_field(name, text) for name, text in _list_fields(shown)]
    if version.evaluation.scores:
        rows += ["", "scores", *(_field(f"  {line(name)}", describe_score(one)) for name, one in _scores(version))]
    rows += [*render_findings(shown.history.last.document.name, shown.findings), "", "moves", *_list_moves(shown)]
    if shown.shares:
        rows += ["", "share over time"]
        rows += [wrap_words(_describe_share(one), indent="    ", first="  ") for one in reversed(shown.shares)]
    for message in version.messages:
        rows += ["", f"{message.role}:", *render_message(message)]
    return "\n".join(rows)


def _list_fields(shown: ShownVersion) -> Iterator[tuple[str, str]]:
    version, found = shown.version, shown.version.evaluation
    yield "labels", ", ".join(shown.labels) or "none"
    yield "digest", version.digest
    yield "published", f"{version.at}, by {version.author}"
    yield "reason", version.reason
    yield "commit", version.git_sha or "none"
    yield "source", version.source
    yield "model", version.model or "none"
    yield "parameters", _format(version.parameters)
    yield "response format", "text" if version.response_format is None else _format(version.response_format)
    yield "tools", _format(version.tools) if version.tools else "none"
    yield "variables", ", ".join(sorted(version.variables)) or "none"
    sign_off = "a sign-off" if version.needs_sign_off else "no sign-off"
    canary = f"a canary of {show_count(version.canary_hours, 'hour')}" if version.canary_hours else "no canary"
    yield "level", f"{version.level}: {canary} and {sign_off} before production"
    yield "signed off", "no" if version.sign_off is None else _describe_sign_off(version)
    yield "verdict", f"{found.decision}, {found.at}, run {found.run_id}, {show_count(found.cases, 'case')}"
    yield "evaluated", found.evaluated
    if found.baseline is not None:
        yield "baseline", found.baseline
    yield "report", found.report
    yield "subject", found.subject
    yield "dataset", found.dataset
    yield "policy", found.policy


def _describe_sign_off(version: PublishedVersion) -> str:
    one = version.sign_off
    if one is None:
        return "no"
    url = f", {one.url}" if one.url else ""
    other = "" if one.subject == version.evaluation.subject else ", for another report"
    return f"by {one.by}, {one.at}, {one.kind}, commit {one.commit}, subject {one.subject}{other}{url}"


def _scores(version: PublishedVersion) -> list[tuple[str, object]]:
    return sorted(version.evaluation.scores.items())


def _list_moves(shown: ShownVersion) -> Iterator[str]:
    for stored in reversed(shown.moves):
        document = stored.document
        entry = document.entry
        text = f"{document.revision}  {document.at}  {describe_entry(entry)}"
        if entry.label is not None:
            text += f", {describe_change(entry, shown.history.versions)}"
        yield wrap_words(f"{text}; {describe_reason(entry)}", indent="    ", first="  ")
        if entry.evidence is not None:
            yield wrap_words(f"evidence {_format(entry.evidence)}", indent="    ")


def _describe_share(one: ShareChange) -> str:
    share = "the rollout ended" if one.kind == "ended" else f"{format_share(one.share)} ({one.kind})"
    return f"{one.revision}  {one.at}  {share}; {one.who}"


def _field(name: str, text: str) -> str:
    return wrap_words(text, indent=_INDENT, first=f"{name:<15} ")


def _format(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
