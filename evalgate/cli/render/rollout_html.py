"""A rollout as a page of HTML, which loads nothing: where it is, its share over time, and all that is watched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalgate.cli.render.release_text import describe_step
from evalgate.cli.render.rollout_plots import draw_share, draw_watched, list_meanings, make_wide_table
from evalgate.commands.release.status import DrawnRollout, RolloutStatus
from evalgate.release.rollout.assessment import Assessment
from evalgate.release.rollout.course import RolloutCourse
from evalgate.release.rollout.rollout_view import RolloutView, make_view
from evalgate.report.html_templates import PageTemplates

_ACTIONS = {
    "advance": ("GOES ON", "pass"),
    "finish": ("FINISHES", "pass"),
    "roll_back": ("ROLLS BACK", "fail"),
    "hold": ("HOLDS", "plain"),
}
_ENDS = {"rollback": ("ROLLED BACK", "fail"), "abort": ("ENDED", "unsure")}
_NO_ROWS = "without its rows nothing is known: name the prompt, and its rows in release.rollout.rows or by --rows"


def render_drawn(drawn: DrawnRollout) -> str:
    """Render the rollout of one prompt: the one in progress, else the last one as of its end."""
    course, found = drawn.course, drawn.found
    view = make_view(drawn.status)
    if course is None:
        return _render([_make_page(view, "NO ROLLOUT", "plain", "there never was one of this prompt")])
    versions = course.document.versions
    candidate, control = (versions[one].version for one in (course.state.candidate, course.state.control))
    name = course.document.name
    page = {
        **_make_page(view, *_find_words(course, found)),
        "title": f"{name}: {candidate} against {control}",
        "facts": [(key, text) for key, text in view.facts if course.is_over or key != "now"],
        "share": draw_share(course, drawn.at),
        "steps": _list_steps(course),
        "when": ", until the end of the rollout" if course.is_over else "",
    }
    if course.is_over:
        page["table"], page["after"] = (), view.table
    if found is not None:
        page["table"] = make_wide_table(found, candidate, control)
        page["things"], page["signs"] = draw_watched(found), list_meanings(found)
    return _render([page])


def render_rollouts(found: Sequence[RolloutStatus]) -> str:
    """Render all rollouts in progress, without their rows."""
    return _render([_make_page(make_view(one), "IN PROGRESS", "plain", _NO_ROWS) for one in found])


def _render(pages: Sequence[Mapping[str, Any]]) -> str:
    return PageTemplates("page.css", "charts.css").render("rollout.html", pages=pages)


def _make_page(view: RolloutView, word: str, tone: str, why: str) -> dict[str, Any]:
    page = {"title": view.title, "word": word, "tone": tone, "why": why, "facts": view.facts, "table": view.table}
    return {**page, "steps": [], "share": None, "things": [], "signs": [], "when": "", "after": ()}


def _find_words(course: RolloutCourse, found: Assessment | None) -> tuple[str, str, str]:
    """Return the headline of a rollout, its tone, and the sentence that decides."""
    last = course.steps[-1].document
    if course.is_over:
        return *_ENDS.get(last.entry.verb, ("FINISHED", "pass")), last.entry.why
    if course.state.paused:
        return "PAUSED", "unsure", last.entry.why
    if found is None:
        return "IN PROGRESS", "plain", _NO_ROWS
    word, tone = _ACTIONS[found.decision.action]
    return word, "unsure" if found.is_fault else tone, found.decision.sentence


def _list_steps(course: RolloutCourse) -> list[dict[str, Any]]:
    return [
        {
            "number": number,
            "at": step.document.at,
            "share": f"{step.share / 100:g} %",
            "what": describe_step(step.before, step.document) or step.document.entry.verb,
            "who": step.document.entry.who,
            "why": step.document.entry.why,
        }
        for number, step in enumerate(course.steps, start=1)
    ]
