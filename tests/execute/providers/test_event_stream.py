from __future__ import annotations

import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from evalgate.execute.providers.event_stream import EventParser, ServerSentEvent

LINES = st.text(st.characters(exclude_characters="\r\n\x00", exclude_categories=["Cs"]), max_size=30)
EVENTS = st.lists(
    st.tuples(st.sampled_from(["", "error", "delta"]), st.lists(LINES, min_size=1, max_size=3)), max_size=6
)


def parse(content: bytes, cuts: list[int]) -> list[ServerSentEvent]:
    parser = EventParser()
    places = sorted({min(cut, len(content)) for cut in cuts} | {0, len(content)})
    parts = [content[start:end] for start, end in itertools.pairwise(places)]
    return [*(event for part in parts for event in parser.feed(part)), *parser.finish()]


@given(
    events=EVENTS,
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    cuts=st.lists(st.integers(0, 400), max_size=12),
    bom=st.booleans(),
)
@example(events=[("", ["a", "b"])], end="\r\n", cuts=[8, 9, 10, 11, 12, 13], bom=True)
def test_every_cut_of_the_stream_gives_the_same_events(
    events: list[tuple[str, list[str]]], end: str, cuts: list[int], bom: bool
) -> None:
    written = "\ufeff" if bom else ""
    for kind, data in events:
        written += f": a comment{end}id: 7{end}"
        written += f"event: {kind}{end}" if kind else ""
        written += "".join(f"data: {line}{end}" for line in data) + end
    expected = [ServerSentEvent(kind, "\n".join(data).encode()) for kind, data in events]
    assert parse(written.encode(), cuts) == expected


def test_the_last_event_needs_no_empty_line_and_a_field_no_space() -> None:
    assert parse(b"data:1\n\ndata:  2", [3]) == [ServerSentEvent("", b"1"), ServerSentEvent("", b" 2")]


def test_an_event_without_data_is_none() -> None:
    assert parse(b"event: ping\n\n: hello\n\nretry: 3\n\ndata: x\n\n", []) == [ServerSentEvent("", b"x")]
