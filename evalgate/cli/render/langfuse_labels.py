"""The text about labels in Langfuse: what was written, and what differs from the last document."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from evalgate.release.langfuse_chain import make_label_name
from evalgate.release.langfuse_projection import LabelFinding, Projected
from evalgate.report.escape import line
from evalgate.report.wrapped_text import wrap_words


def describe_projection(done: Projected) -> str:
    """Describe which versions in Langfuse have which labels, and what was written."""
    places = ", ".join(f"{label} is version {number}" for label, number in sorted(done.labels.items())) or "no labels"
    wrote = f"wrote {', '.join(done.changed)}" if done.changed else "nothing to do"
    text = f"{done.name}, revision {done.revision}, in Langfuse: {places}; {wrote}"
    return wrap_words(text, indent="  ", first="")


def render_findings(name: str, findings: Sequence[LabelFinding]) -> list[str]:
    """Render the labels of a prompt that differ as lines below a heading; no lines if there are none."""
    rows = [wrap_words(f"{one.label}: {_explain(name, one)}", indent="    ", first="  ") for one in findings]
    return ["", "labels in Langfuse", *rows] if rows else []


def _explain(name: str, one: LabelFinding) -> str:
    """Explain a label in Langfuse that differs from the last document."""
    on = f"version{'' if len(one.versions) == 1 else 's'} {', '.join(map(str, one.versions))}"
    match one.kind:
        case "moved":
            return f"moved by hand to {on}, which is not followed; evalgate release project takes it back"
        case "lost":
            return "no version has it, as after a save at the same moment; evalgate release project repairs it"
        case "doubled":
            return f"{on} have it, as after two moves at once; evalgate release project repairs it"
        case "proposal":
            source = line(shlex.quote(f"langfuse:{make_label_name(name)}@{one.versions[-1]}"))
            return (
                f"{on} is a proposal that was not published; its gate decides: evalgate run --candidate {source}, and "
                f"then evalgate release publish --source {source}"
            )
