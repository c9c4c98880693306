"""Calling tools: when a response's calls are sent, and what becomes of their results."""

from collections.abc import Sequence

from duologue.errors import InvalidInput
from duologue.events import Error, ServerEvent, ToolCall, ToolResult
from duologue.lane.steps import EndReason
from duologue.session.asking import MAX_WAITING_RESPONSES, unasked
from duologue.session.call_text import read_calls
from duologue.session.noting import ContextNote, result_noted
from duologue.session.response import Response
from duologue.session.setup import SessionSetup
from duologue.session.state import OpenCall, SessionState
from duologue.speaker import Speaker

MAX_OPEN_CALLS = 16
"""That wait for their results."""


def may_send(response: Response, state: SessionState) -> bool:
    """Whether nothing that is under way can take the response back."""
    return not response.has_unsent_calls or state.reopening is None


def send_calls(
    response: Response, state: SessionState, setup: SessionSetup
) -> Sequence[ServerEvent]:
    """The calls of a response that may be shown and was generated to its end, once.

    From then on they stand in the conversation, whatever becomes of the rest of the response; so
    the query that it answers cannot be taken back any more.
    """
    calls, markup = response.calls, setup.chat.tools
    if calls is None or not response.has_unsent_calls or markup is None:
        return []
    calls.is_read = True
    if response.end not in (EndReason.STOP, EndReason.LENGTH):
        return []
    names = [tool.name for tool in setup.tools]
    reading = read_calls(calls.text, names, MAX_OPEN_CALLS - len(state.calls))
    events: list[ServerEvent] = []
    for call in reading.calls:
        state.num_calls += 1
        opened = OpenCall(f"call_{state.num_calls}", response.response_id)
        state.calls.append(opened)
        events.append(ToolCall(opened.call_id, response.response_id, call.name, call.arguments))
    if reading.calls:
        tokens = [
            token for written in reading.written for token in markup.call(setup.tokenizer, written)
        ]
        text = "\n".join(reading.written)
        note = ContextNote(Speaker.ASSISTANT, text, tuple(tokens), is_call=True)
        state.notes.append(note)
        state.keep_decision()
    return [*events, *map(Error.of, reading.errors)]


def take_result(
    event: ToolResult, state: SessionState, setup: SessionSetup, max_tokens: int
) -> ContextNote:
    """What came of a call, as a note that waits now; with the last one, the assistant speaks on.

    Raises InvalidInput and CapacityExceeded, changing nothing.
    """
    call = next((each for each in state.calls if each.call_id == event.call_id), None)
    if call is None:
        names = ", ".join(each.call_id for each in state.calls) or "and there are none"
        raise InvalidInput(
            f"must be one of the calls that wait for their results, {names}; not {event.call_id!r}",
            field="tool_result.call_id",
        )
    note = result_noted(event.output, state.notes, setup.tokenizer.encode, max_tokens)
    state.calls.remove(call)
    state.notes.append(note)
    is_last = all(each.response_id != call.response_id for each in state.calls)
    speaks_already = any(not each.given for each in state.waiting)
    has_room = len(state.waiting) < MAX_WAITING_RESPONSES
    if is_last and not event.is_silent and not speaks_already and has_room:
        state.waiting.append(unasked(setup))
    return note
