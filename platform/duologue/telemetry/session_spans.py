"""The spans of one session, as the process sees them that holds it."""

from collections.abc import Iterable

from duologue.events import (
    ClientEvent,
    ContextTrimmed,
    Envelope,
    InputAppend,
    InputCommit,
    InputRevise,
    InputState,
    Interrupted,
    ResponseDelta,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
    SessionUpdate,
    StateReason,
    ToolCall,
)
from duologue.lane.judging import Judgement
from duologue.lane.slices import Slice, SliceResult
from duologue.session.slicing import usage_of
from duologue.states import State
from duologue.telemetry import names
from duologue.telemetry.decision_rules import DecisionRules, reading
from duologue.telemetry.session_trace import SessionTrace
from duologue.telemetry.trace_ids import slice_span_id
from duologue.telemetry.tracing import Attributes, end, nanoseconds
from duologue.telemetry.turn_spans import ReplyText, TurnUnderWay
from duologue.usage import Usage


class SessionSpans:
    """Follows a session and makes its spans: turns, and slices below them.

    Two turns can be under way at once, one that is being spoken and one that is being heard. A turn
    is heard until its reply is shown: what was decided before may be taken back. Texts are recorded
    only if the tenant allows it.
    """

    def __init__(
        self,
        trace: SessionTrace,
        *,
        records_text: bool = False,
        rules: DecisionRules | None = None,
    ) -> None:
        """Without the rules of the session, what its decisions were measured by is not told."""
        self._trace = trace
        self._rules = rules
        self._judgement: Judgement | None = None
        self.records_text = records_text
        """Asked when a turn ends: what was said before is left out too once it is false."""
        self._takes_slices = trace.tracing.settings.slices
        self._hearing: TurnUnderWay | None = None
        self._speaking: TurnUnderWay | None = None
        self._left: tuple[Slice, float] | None = None

    def received(self, event: ClientEvent, now_ms: float) -> None:
        """The client said something."""
        if self._trace.context is None:
            return
        if isinstance(event, InputCommit) and self._hearing is not None:
            self._hearing.is_committed = True
        if isinstance(event, SessionUpdate) and self._rules is not None:
            self._rules = self._rules.changed(event.config)
        if not isinstance(event, InputAppend | InputRevise):
            return
        if self._hearing is None:
            span = self._trace.begin(names.TURN, now_ms)
            assert span is not None
            self._hearing = TurnUnderWay(span, now_ms)
        is_revision = isinstance(event, InputRevise)
        self._hearing.hears(self._piece(event.text, now_ms, is_revision, event.is_final))

    def departed(self, work: Slice, now_ms: float) -> None:
        """A slice left."""
        self._left = (work, now_ms)

    def arrived(self, result: SliceResult, envelopes: Iterable[Envelope], now_ms: float) -> None:
        """A slice came back, and this is what the client is told of it."""
        if self._trace.context is None:
            return
        self._slice_over(now_ms, result)
        self._judgement = result.judgement
        self.elapsed(envelopes, now_ms)
        self._judgement = None

    def elapsed(self, envelopes: Iterable[Envelope], now_ms: float) -> None:
        """Time alone brought something, and this is what the client is told of it."""
        if self._trace.context is None:
            return
        for envelope in envelopes:
            self._tell(envelope, now_ms)

    def abandoned(self, now_ms: float) -> None:
        """A slice will never come back."""
        self._slice_over(now_ms, None)

    def closed(self, usage: Usage, now_ms: float) -> None:
        """The session is over, or goes elsewhere: what is under way ends here."""
        for turn in (self._hearing, self._speaking):
            if turn is not None:
                self._end(turn, now_ms)
        self._hearing = self._speaking = None
        used: Attributes = {
            names.INPUT_TOKENS: usage.input_tokens,
            names.OUTPUT_TOKENS: usage.output_tokens,
            names.DISCARDED_TOKENS: usage.discarded_tokens,
            names.NUM_SLICES: usage.slices,
        }
        self._trace.record(names.SESSION_CLOSE, now_ms, now_ms, used)

    def _slice_over(self, now_ms: float, result: SliceResult | None) -> None:
        left, self._left = self._left, None
        if left is None or not self._takes_slices or self._trace.context is None:
            return
        work, left_ms = left
        turn = self._speaking or self._hearing
        self._trace.record(
            names.SLICE,
            left_ms,
            now_ms,
            _slice_attributes(work, result),
            parent=turn.span.get_span_context() if turn is not None else None,
            span_id=slice_span_id(self._trace.session_id, work.epoch, work.tick),
            error=_error_of(result),
        )

    def _tell(self, envelope: Envelope, now_ms: float) -> None:
        match envelope.event:
            case InputState() as event:
                self._judged(event, now_ms)
            case ResponseStarted(response_id):
                self._speaking, self._hearing = self._hearing, None
                if self._speaking is not None:
                    self._started(self._speaking, response_id, now_ms)
            case ResponseDelta(_, text) if self._speaking is not None:
                self._said(self._speaking, text, now_ms)
            case ResponseDone(_, reason) if self._speaking is not None:
                self._speaking.span.set_attribute(names.FINISH_REASONS, [str(reason)])
                self._end(self._speaking, now_ms)
                self._speaking = None
            case Interrupted():
                self._note(self._speaking, names.INTERRUPTED, now_ms)
            case ResponsePaused():
                self._note(self._speaking, names.RESPONSE_PAUSED, now_ms)
            case ResponseResumed(response_id):
                self._resumed(response_id, now_ms)
            case ToolCall(call_id, _, name):
                called: Attributes = {names.TOOL_CALL_ID: call_id, names.TOOL_NAME: name}
                self._note(self._speaking, names.TOOL_CALLED, now_ms, called)
            case ContextTrimmed():
                self._note(self._speaking, names.CONTEXT_TRIMMED, now_ms)
            case _:
                pass

    def _judged(self, event: InputState, now_ms: float) -> None:
        turn = self._hearing
        if turn is None:
            return
        if turn.decided_ms is not None and event.reason is not StateReason.ECHO:
            held: Attributes = {names.HELD_MS: now_ms - turn.decided_ms}
            turn.decided_ms = None
            turn.num_taken_back += 1
            turn.span.set_attribute(names.TAKEN_BACK, turn.num_taken_back)
            self._note(turn, names.TAKEN_BACK_UNSEEN, now_ms, held)
        told = reading(event, self._judgement, self._rules)
        turn.span.add_event(names.INPUT_STATE, told, nanoseconds(now_ms))
        if event.state is State.INCOMPLETE:
            return
        turn.span.set_attributes(told)
        if self.records_text:
            turn.input_text = event.text
        if event.state is State.QUERY:
            turn.decided_ms = now_ms
            turn.is_sure = None if self._rules is None else self._rules.is_sure(event)
        else:
            self._end(turn, now_ms)
            self._hearing = None

    def _started(self, turn: TurnUnderWay, response_id: int, now_ms: float) -> None:
        turn.response_id = response_id
        turn.span.set_attribute(names.RESPONSE_ID, response_id)
        told: Attributes = {}
        if turn.decided_ms is not None:
            held_ms = now_ms - turn.decided_ms
            by = turn.confirmed_by(held_ms)
            told = {names.HELD_MS: held_ms, names.CONFIRMED_BY: str(by)}
            turn.span.set_attributes(told)
        turn.decided_ms = None
        self._note(turn, names.RESPONSE_STARTED, now_ms, told)

    def _resumed(self, response_id: int, now_ms: float) -> None:
        """A reply goes on; the rest of one that was cut is a span of its own."""
        if self._speaking is None:
            span = self._trace.begin(names.RESPONSE_REST, now_ms, {names.RESPONSE_ID: response_id})
            assert span is not None
            self._speaking = TurnUnderWay(
                span, now_ms, response_id=response_id, has_reply_text=True
            )
        self._note(self._speaking, names.RESPONSE_RESUMED, now_ms)

    def _said(self, turn: TurnUnderWay, text: str, now_ms: float) -> None:
        if not turn.has_reply_text:
            turn.span.set_attribute(names.FIRST_TEXT_MS, now_ms - turn.heard_ms)
        turn.says(self._piece(text, now_ms))

    def _piece(
        self, text: str, now_ms: float, is_revision: bool = False, is_final: bool = False
    ) -> ReplyText:
        kept = text if self.records_text else ""
        return ReplyText(now_ms, len(text), kept, is_revision, is_final)

    def _end(self, turn: TurnUnderWay, now_ms: float) -> None:
        turn.tell_pieces(with_text=self.records_text)
        end(turn.span, now_ms)

    def _note(
        self, turn: TurnUnderWay | None, name: str, now_ms: float, told: Attributes | None = None
    ) -> None:
        if turn is not None:
            turn.span.add_event(name, told, nanoseconds(now_ms))


def _slice_attributes(work: Slice, result: SliceResult | None) -> Attributes:
    told: dict[str, str | int | float | bool] = {
        names.TICK: work.tick,
        names.PATIENCE: work.patience.name.lower(),
    }
    if result is None:
        return {**told, names.IS_ABANDONED: True}
    if result.judgement is not None:
        told[names.STATE] = str(result.judgement.state)
    used = usage_of(result)
    return {
        **told,
        names.BATCHING_MS: round(result.took_ms, 1),
        names.NUM_FORWARDS: result.num_forwards,
        names.NUM_ROWS: result.num_rows,
        names.INPUT_TOKENS: used.input_tokens,
        names.OUTPUT_TOKENS: used.output_tokens,
    }


def _error_of(result: SliceResult | None) -> str | None:
    if result is None:
        return "abandoned"
    return type(result.error).__name__ if result.error is not None else None
