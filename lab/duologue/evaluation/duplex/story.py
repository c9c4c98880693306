"""A played scenario told for people: as lines of text, and as a picture."""

from collections.abc import Iterator
from html import escape

from duologue.evaluation.duplex.outcome import outcomes
from duologue.evaluation.duplex.record import Record, RecordedReply
from duologue.states import State

_WIDTH, _LANE, _GAP, _TOP = 960, 18, 5, 4
_COLOURS = {
    State.QUERY: "#176d3b",
    State.NON_QUERY: "#8a6d00",
    State.HOLD: "#8a2f8a",
    State.INCOMPLETE: "#6b7280",
}
_CHAR_PX = 5.6


def tell(record: Record) -> list[str]:
    """What happened, in the order in which it did, and what was expected and failed."""
    head = f"{record.scenario.name} [{record.scenario.kind}, {record.strategy}]"
    told = [head, *(f"     before  {turn.role}: {turn.text}" for turn in record.scenario.history)]
    told += [f"{at_ms:7.0f} ms  {text}" for at_ms, text in sorted(_events(record))]
    told += [f"            error: {message}" for message in record.errors]
    if record.unsaid:
        told.append(f"            not applicable: {record.unsaid}")
    for outcome in outcomes(record):
        label = f", {outcome.label}" if outcome.label else ""
        failed = ", ".join(outcome.failures)
        result = f"FAILED {failed}" if failed else "as expected"
        latency = outcome.response_latency_ms
        answered = "" if latency is None else f", answered after {latency:.0f} ms"
        told.append(f"            {outcome.act}: {result}{label}{answered}")
    return told


def _events(record: Record) -> Iterator[tuple[float, str]]:
    for spoken in record.lines:
        yield spoken.start_ms, f"user ▸ ({spoken.line.does}) {spoken.line.say}"
        yield spoken.end_ms, "user ▪ ends"
    for decision in record.decisions:
        percent = 100 * decision.probabilities.get(decision.state, 0.0)
        why = decision.reason or f"{percent:.0f} %"
        yield decision.at_ms, f"  <{decision.state} {why}> {decision.text.strip()!r}"
    for reply in record.replies:
        held_ms = reply.started_ms - _held_from(record, reply)
        held = f", held back for {held_ms:.0f} ms" if held_ms else ""
        yield reply.started_ms, f"reply ◂ {reply.number} begins{held}: {_begin(reply.text, 60)!r}"
        for silence in reply.silences:
            if silence.begin_ms != reply.ended_ms:
                yield silence.begin_ms, f"reply ‖ {reply.number} falls silent"
            if silence.end_ms is not None:
                after_ms = silence.end_ms - silence.begin_ms
                yield silence.end_ms, f"reply ▸ {reply.number} goes on after {after_ms:.0f} ms"
        if reply.played_ms is not None:
            yield reply.played_ms, f"reply ♪ {reply.number} was heard to its end"
        if reply.ended_ms is not None:
            fate = "taken back" if reply.is_taken_back else reply.end
            yield reply.ended_ms, f"reply ▪ {reply.number} ends ({fate})"


def _held_from(record: Record, reply: RecordedReply) -> float:
    """When the decision came that the reply answers: from then on it could have been shown."""
    queries = [d.at_ms for d in record.decisions if d.state is State.QUERY]
    return max((at_ms for at_ms in queries if at_ms <= reply.started_ms), default=reply.started_ms)


def picture(record: Record) -> str:
    """A timeline as SVG: the user's lines above, the replies below, decisions between them."""
    span_ms = max(record.end_ms, 1.0)
    scale = _WIDTH / span_ms
    parts = [
        _bar(spoken.start_ms * scale, spoken.end_ms * scale, 0, "#3b6fb6", spoken.line.say)
        for spoken in record.lines
    ]
    for spoken in record.lines:
        for pause in spoken.pauses:
            begin, end = pause.begin_ms * scale, pause.end_ms * scale
            parts.append(_block(begin, end - begin, 0, "#ffffff", 0.55))
    for reply in record.replies:
        ended_ms = span_ms if reply.ended_ms is None else reply.ended_ms
        colour = "#b8bec8" if reply.is_taken_back else "#d1733a"
        held_ms = _held_from(record, reply)
        width = (reply.started_ms - held_ms) * scale
        if width:
            parts.append(_block(held_ms * scale, width, 1, colour, 0.25))
        parts.append(_bar(reply.started_ms * scale, ended_ms * scale, 1, colour, reply.text))
        for silence in reply.silences:
            begin_ms, end_ms = silence.begin_ms, silence.end_ms or ended_ms
            if end_ms > begin_ms:
                parts.append(
                    _block(begin_ms * scale, (end_ms - begin_ms) * scale, 1, "#ffffff", 0.55)
                )
        if reply.was_cut:
            parts.append(_block(ended_ms * scale - 2, 3, 1, "#a8321f", 1.0))
    for decision in record.decisions:
        place = decision.at_ms * scale
        title = f"{decision.state}: {decision.text.strip()}"
        parts.append(
            f'<path d="M{place:.1f} {_TOP + _LANE - 2} l4 {_GAP + 4} l-8 0 z" '
            f'fill="{_COLOURS[decision.state]}"><title>{escape(title)}</title></path>'
        )
    height = _TOP + 2 * _LANE + _GAP + 16
    parts += _axis(span_ms, scale, height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" font-family="sans-serif" font-size="10">{"".join(parts)}</svg>'
    )


def _bar(begin: float, end: float, lane: int, colour: str, text: str) -> str:
    width = max(end - begin, 2.0)
    shown = _begin(text, int(width / _CHAR_PX))
    place = _TOP + lane * (_LANE + _GAP) + _LANE - 5
    return (
        f"<g><title>{escape(text)}</title>{_block(begin, width, lane, colour, 0.9)}"
        f'<text x="{begin + 3:.1f}" y="{place}" fill="#fff">{escape(shown)}</text></g>'
    )


def _block(begin: float, width: float, lane: int, colour: str, strength: float) -> str:
    top = _TOP + lane * (_LANE + _GAP)
    return (
        f'<rect x="{begin:.1f}" y="{top}" width="{width:.1f}" height="{_LANE}" rx="2" '
        f'fill="{colour}" fill-opacity="{strength}"/>'
    )


def _axis(span_ms: float, scale: float, height: int) -> list[str]:
    return [
        f'<text x="{second * 1000 * scale:.1f}" y="{height - 3}" fill="#5d6878">{second} s</text>'
        for second in range(int(span_ms / 1000) + 1)
    ]


def _begin(text: str, length: int) -> str:
    """The beginning of a text, on one line."""
    flat = " ".join(text.split())
    return flat if len(flat) <= length else flat[: max(0, length - 1)] + "…"
