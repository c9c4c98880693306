"""The page of a session's trace: one file, with its own style and script, and nothing from afar."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files
from statistics import median

from opentelemetry.trace import format_trace_id

from duologue.telemetry import names
from duologue.telemetry.span_reading import SpanRow
from duologue.telemetry.trace_ids import trace_id_of
from duologue.telemetry.trace_page.picture import is_work, picture
from duologue.telemetry.trace_page.svg import tag, words
from duologue.telemetry.trace_page.turn_table import turn_table
from duologue.telemetry.trace_page.turns import TurnRow, turns_of
from duologue.telemetry.trace_page.work_lanes import traceparent
from duologue.telemetry.turn_waits import slowest_wait

MAX_SPANS = 6_000
"""Spans of a page at the most: of more, the last are shown."""

_LEGEND = (
    ("heard", "the user's words as they came; a bar from the first to the last"),
    ("query", "judged: a dot as high as the probability, a dash at what it had to reach"),
    ("held", "a reply that is computed and held"),
    ("withdrawn", "withdrawn unseen"),
    ("assistant", "shown; a mark for each piece of text"),
    ("paused", "silent"),
    ("tick", "a tick, with its forwards"),
    ("late", "a late tick"),
)


def trace_page(rows: Sequence[SpanRow], session_id: str, *, slices: bool = True) -> str:
    """The whole page as HTML; the same spans make the same page. There must be a span."""
    chosen = [row for row in rows if slices or not is_work(row)] or list(rows)
    shown = chosen[-MAX_SPANS:]
    turns = turns_of(shown)
    style, script = _resource("style.css"), _resource("script.js")
    lane_names, lanes = picture(shown, turns)
    scroll = tag("div", lanes, id="scroll", tabindex=0, role="region", aria_label="The picture")
    body = (
        tag("h1", "Session ", tag("code", words(session_id))),
        _facts(rows, turns, session_id, len(chosen) - len(shown)),
        _HELP,
        tag("div", lane_names, scroll, class_="stage"),
        tag("output", "What has the focus, or the pointer, is told here.", id="told"),
        _legend(),
        tag("h2", "Turns"),
        turn_table(turns, _origin_ms(shown)),
        _late_ticks(shown, _origin_ms(shown)),
    )
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = (
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        tag("title", f"Session {words(session_id)}"),
        f"<style>{style}</style>",
    )
    whole = tag(
        "html", tag("head", *head), tag("body", *body, f"<script>{script}</script>"), lang="en"
    )
    # Half a character would be no text that can be written.
    return f"<!doctype html>\n{whole}\n".encode("utf-8", "replace").decode("utf-8")


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _origin_ms(rows: Sequence[SpanRow]) -> float:
    return min(row.start_ms for row in rows)


def _facts(
    rows: Sequence[SpanRow], turns: Sequence[TurnRow], session_id: str, num_left_out: int
) -> str:
    told = list(_told(rows, turns, session_id))
    if num_left_out:
        told.append(("left out", f"{num_left_out} spans before these"))
    entries = (tag("div", tag("dt", words(name)), tag("dd", words(text))) for name, text in told)
    return tag("dl", *entries, class_="facts")


def _told(
    rows: Sequence[SpanRow], turns: Sequence[TurnRow], session_id: str
) -> Iterator[tuple[str, str]]:
    began_ms = _origin_ms(rows)
    yield "trace", format_trace_id(trace_id_of(session_id))
    tenants = sorted(
        {str(row.attributes[names.TENANT]) for row in rows if names.TENANT in row.attributes}
    )
    yield "tenant", ", ".join(tenants) or "unknown"
    began = datetime.fromtimestamp(began_ms / 1e3, UTC)
    yield "began", began.strftime("%Y-%m-%d %H:%M:%S UTC")
    yield "lasted", f"{(max(row.end_ms for row in rows) - began_ms) / 1e3:.1f} s"
    yield "turns", str(len(turns))
    waits = [turn.told[names.FIRST_TEXT_MS] for turn in turns if names.FIRST_TEXT_MS in turn.told]
    if waits:
        yield (
            "last word to first text",
            f"median {median(waits):.0f} ms, longest {max(waits):.0f} ms",
        )
    if (slowest := slowest_wait(rows)) is not None:
        at_s = (slowest.start_ms - began_ms) / 1e3
        yield "slowest reply", f"to what was said at {at_s:.3f} s: {slowest.told()}"
    num_taken_back = sum(int(turn.told.get(names.TAKEN_BACK, 0)) for turn in turns)
    yield "withdrawn unseen", str(num_taken_back)
    yield "cut off", str(sum(turn.interrupted_ms() is not None for turn in turns))
    ticks = [row for row in rows if row.name == names.BATCH_TICK]
    yield "late ticks", f"{len(_late(rows))} of {len(ticks)}"
    has_pieces = any(turn.heard for turn in turns)
    has_texts = any(piece.text for turn in turns for piece in turn.heard)
    if has_pieces and not has_texts:
        yield "texts", "not recorded: the tenant does not allow it"


def _late(rows: Sequence[SpanRow]) -> list[SpanRow]:
    return [
        row for row in rows if row.name == names.BATCH_TICK and row.attributes.get(names.IS_LATE)
    ]


def _late_ticks(rows: Sequence[SpanRow], origin_ms: float) -> str:
    """Each with a link into the picture, and its own trace."""
    late = _late(rows)
    if not late:
        return ""
    entries = (
        tag(
            "li",
            tag("a", f"tick {row.attributes.get(names.TICK)}", href=f"#t-{words(row.span_id)}"),
            f" at {(row.start_ms - origin_ms) / 1e3:.3f} s, {row.duration_ms:.0f} ms: ",
            tag("code", words(traceparent(row))),
        )
        for row in late
    )
    return tag("h2", "Late ticks") + tag("ul", *entries)


def _legend() -> str:
    entries = (
        tag("li", tag("span", " ", class_=f"sample {kind}", aria_hidden="true"), words(text))
        for kind, text in _LEGEND
    )
    return tag("ul", *entries, class_="legend")


_HELP = (
    '<p class="help" id="help">Arrow keys go from one mark to the next within a lane and from lane '
    "to lane, Home and End to the ends, + − 0 change the size.</p>"
)
