"""Telling: what the assistant says where the caller speaks with a model of its own."""

from collections.abc import Callable, Sequence

from duologue.errors import CapacityExceeded, InvalidInput
from duologue.events import AssistantSaid, ResponseStarted, ServerEvent
from duologue.lane.steps import EndReason
from duologue.session.floor import Floor
from duologue.session.playback import acknowledge
from duologue.session.response import Response
from duologue.session.setup import SessionSetup
from duologue.session.state import SessionState
from duologue.text.tokenizer import Tokenizer
from duologue.usage import Usage

MAX_TOLD_CHARS = 65_536
"""Of one response."""
MAX_WAITING = 8
"""Responses that were begun while the engine still knows of an earlier one."""
MAX_TOKEN_CHARS = 16
"""So much text is encoded for each token that is wanted of its end."""


class Telling:
    """Takes what the caller's assistant says, and knows which response it belongs to. Has no state
    of its own.

    A response that was asked for is there from the decision on, and empty. One that the caller
    begins of its own accord waits in the state until the engine lets it begin.
    """

    def __init__(
        self,
        state: SessionState,
        setup: SessionSetup,
        floor: Floor,
        encode: Callable[[str], Sequence[int]],
    ) -> None:
        self._state = state
        self._setup = setup
        self._floor = floor
        self._encode = encode

    def take(self, event: AssistantSaid, now_ms: float) -> list[ServerEvent]:
        """More of a response, or its end. What is too late for one that is over is passed over.

        Raises InvalidInput and CapacityExceeded, changing nothing.
        """
        self._check(event)
        reply = self._meant(event.response_id)
        if reply is None and self._is_past(event.response_id):
            return []
        self._check_room(reply, event.text)
        events: list[ServerEvent] = []
        if reply is None:
            reply, events = self._begin(now_ms)
        return [*events, *self._extend(reply, event, now_ms)]

    def _check(self, event: AssistantSaid) -> None:
        if self._setup.strategy.speaks:
            raise InvalidInput(
                "is for sessions with the strategy 'listen', in which the caller "
                f"speaks; this one has {self._setup.decoding.strategy!r}",
                field="assistant_said",
            )
        latest = self._state.num_responses
        if event.response_id is not None and not 1 <= event.response_id <= latest + 1:
            raise InvalidInput(
                f"must be from 1 to {latest + 1}, the one after the latest, not "
                f"{event.response_id}",
                field="response_id",
            )

    def _check_room(self, reply: Response | None, text: str) -> None:
        if reply is None:
            if len(self._state.waiting) >= MAX_WAITING:
                raise CapacityExceeded(
                    f"at most {MAX_WAITING} responses may be begun at once; wait until the model "
                    "has taken some"
                )
            return
        if text and reply.end is not None:
            raise InvalidInput(f"response {reply.response_id} has ended: no text may follow")
        if len(reply.text) + len(text) > MAX_TOLD_CHARS:
            raise InvalidInput(f"a response may have at most {MAX_TOLD_CHARS} characters")

    def _meant(self, response_id: int | None) -> Response | None:
        """The response that is spoken of; None for one that is over, or begins with this."""
        state = self._state
        if response_id is not None:
            known = (*state.waiting, state.response, state.cut)
            return next((one for one in known if one and one.response_id == response_id), None)
        is_held = state.decision is not None and not state.decision.is_confirmed
        known = (*reversed(state.waiting), state.cut if is_held else None, state.response)
        return next((one for one in known if one and _goes_on(one)), None)

    def _is_past(self, response_id: int | None) -> bool:
        return response_id is not None and response_id <= self._state.num_responses

    def _begin(self, now_ms: float) -> tuple[Response, list[ServerEvent]]:
        """A response begins: the one that is awaited, or another one of the caller's own accord."""
        state, awaited = self._state, self._state.response
        if awaited is not None and not awaited.response_id and state.reopening is None:
            return awaited, self._floor.confirm_if_held(now_ms)  # who speaks is sure enough
        events = self._make_way(now_ms)
        state.num_responses += 1
        reply = Response(
            response_id=state.num_responses,
            is_told=True,
            is_confirmed=True,
            acked_chars=0 if self._setup.reports_playback else None,
        )
        state.waiting.append(reply)
        return reply, [*events, ResponseStarted(reply.response_id)]

    def _make_way(self, now_ms: float) -> list[ServerEvent]:
        """What was said before was said to its end; a response that is silent is given up."""
        events: list[ServerEvent] = []
        for earlier in (self._state.response, *self._state.waiting[-1:]):
            if earlier is None or not earlier.response_id:
                continue
            if earlier.pause is not None:
                earlier.is_cancelled = True
                events += self._floor.done(earlier, EndReason.CANCELLED)
                continue
            earlier.end = earlier.end or EndReason.STOP
            if earlier.acked_chars is not None:
                earlier.acknowledge(len(earlier.text), now_ms)
            events += self._floor.done(earlier, earlier.end)
        return events

    def _extend(self, reply: Response, event: AssistantSaid, now_ms: float) -> list[ServerEvent]:
        reply.text += event.text
        if event.is_end and reply.end is None:
            reply.end = EndReason.STOP
        if event.text:
            self._state.usage += Usage(input_tokens=len(self._encode(event.text)))
        if event.heard_chars is not None:
            acknowledge(self._state, reply, event.heard_chars, now_ms)
        if reply not in self._state.waiting:
            return []
        reply.show(now_ms)
        return self._floor.done(reply, reply.end) if reply.end is not None else []


def told_tokens(text: str, tokenizer: Tokenizer, max_tokens: int) -> tuple[int, ...]:
    """What the trunk keeps of a text that the caller's assistant said: of a long one, its end."""
    end = text.strip()[-max_tokens * MAX_TOKEN_CHARS :]
    return tuple(tokenizer.encode(end)[-max_tokens:]) if end else ()


def _goes_on(reply: Response) -> bool:
    return bool(reply.response_id) and reply.end is None and not reply.is_cancelled
