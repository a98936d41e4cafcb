"""The text of `evalgate cache`: statistics of the entries, sizes and dates."""

from __future__ import annotations

import datetime
from typing import Any

from evalgate.cli.render import tables
from evalgate.commands.cache.prune import Pruned
from evalgate.commands.cache.stats import StoreSummary
from evalgate.report.escape import line

MB = 1_000_000


def render_text(summary: StoreSummary) -> str:
    """Render the statistics of a store for the terminal."""
    found = summary.cache
    shown = [line(str(summary.root)), f"entries    {found.entries:,}, {format_size(found.size)}"]
    if found.entries:
        shown.append(
            f"created    {_format_day(found.oldest)} to {_format_day(found.newest)}; "
            f"last used {_format_day(found.last_used)}"
        )
        rows = [["served by", "entries", "dollars"]]
        for name, one in found.served.items():
            unknown = one.entries - one.priced
            dollars = f"{one.cost_usd:.2f}" if one.priced else "unknown"
            more = f" ({unknown:,} unknown)" if one.priced and unknown else ""
            rows.append([line(name) or "(unknown)", f"{one.entries:,}", dollars + more])
        shown += ["", tables.render_text(rows), ""]
    if found.unreadable:
        shown.append(f"unreadable {found.unreadable:,}, which will be requested again")
    shown += [
        f"{name:<10} {one.count:,}, {format_size(one.bytes)}" for name, one in summary.others.items() if one.count
    ]
    return "\n".join(shown)


def render_json(summary: StoreSummary) -> str:
    """Render the statistics of a store as JSON."""
    found = summary.cache
    priced = sum(one.priced for one in found.served.values())
    content: dict[str, Any] = {
        "entries": found.entries,
        "unreadable": found.unreadable,
        "bytes": found.size,
        "oldest": _format_moment(found.oldest),
        "newest": _format_moment(found.newest),
        "last_used": _format_moment(found.last_used),
        "cost_usd": sum(one.cost_usd for one in found.served.values()) if priced else None,
        "priced": priced,
        "served_by": [
            {
                "name": name or None,
                "entries": one.entries,
                "priced": one.priced,
                "cost_usd": one.cost_usd if one.priced else None,
            }
            for name, one in found.served.items()
        ],
        **{name: {"files": one.count, "bytes": one.bytes} for name, one in summary.others.items()},
    }
    return tables.render_json(content)


def describe_pruned(done: Pruned, *, dry_run: bool) -> str:
    """Describe which entries `evalgate cache prune` removed, or would remove."""
    removed = "would be removed" if dry_run else "removed"
    now = "" if dry_run else f", now {format_size(done.after)}"
    before = format_size(done.before)
    return f"entries: {done.entries:,} {removed}, {done.left:,} left; the file was {before}{now}"


def format_size(size: int) -> str:
    """Format a number of bytes in megabytes."""
    return f"{size / MB:,.2f} MB"


def _format_day(seconds: float | None) -> str:
    moment = _format_moment(seconds)
    return "unknown" if moment is None else moment[:10]


def _format_moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat("T", "seconds")
