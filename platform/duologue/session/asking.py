"""Asking: responses that the caller wants and that no utterance asks for."""

from duologue.errors import CapacityExceeded, InvalidInput
from duologue.events import ContextAppend, ResponseCreate
from duologue.session.noting import ContextNote, noted
from duologue.session.response import Response
from duologue.session.setup import SessionSetup
from duologue.session.state import SessionState
from duologue.session.stopping import StopStrings

MAX_WAITING_RESPONSES = 4
"""Of those that were asked for and have not begun."""


def asked(
    event: ResponseCreate, state: SessionState, setup: SessionSetup, max_note_tokens: int
) -> Response:
    """The response, to wait until it can begin. Raises InvalidInput and CapacityExceeded."""
    if not setup.strategy.speaks:
        raise InvalidInput(
            "is not for sessions with the strategy 'listen', in which the caller "
            "speaks: tell what is said by assistant_said",
            field="response_create",
        )
    if len(state.waiting) >= MAX_WAITING_RESPONSES:
        raise CapacityExceeded(
            f"at most {MAX_WAITING_RESPONSES} responses may wait to begin; ask again when one has"
        )
    given, most = tuple(setup.tokenizer.encode(event.text.strip())), setup.decoding.max_reply_tokens
    if event.text and not given:
        raise InvalidInput("must be more than white space", field="response_create.text")
    if len(given) > most:
        raise InvalidInput(
            f"must have at most {most} tokens, which is max_reply_tokens, not {len(given)}",
            field="response_create.text",
        )
    note = None
    if event.instructions:
        waiting = [each.instructions for each in state.waiting if each.instructions is not None]
        note = noted(
            ContextAppend("system", event.instructions),
            [*state.notes, *waiting],
            setup.tokenizer.encode,
            max_note_tokens,
            field="response_create.instructions",
        )
    return unasked(setup, given, note)


def unasked(
    setup: SessionSetup, given: tuple[int, ...] = (), instructions: ContextNote | None = None
) -> Response:
    """A response that no utterance asks for; what is given is said as it is, and calls nothing."""
    return Response(
        StopStrings(() if given else setup.stop_strings),
        acked_chars=0 if setup.reports_playback else None,
        is_confirmed=True,
        given=given,
        instructions=instructions,
        calls=None if given else setup.new_call_text(),
    )
