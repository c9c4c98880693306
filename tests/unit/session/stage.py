"""The stage: a session, its scripted engine and a clock, and what the client came to know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from duologue.clock import ManualClock
from duologue.events import (
    ClientEvent,
    ContextTrimmed,
    Envelope,
    Error,
    InputAppend,
    InputCommit,
    InputRevise,
    InputState,
    Interrupted,
    PlaybackAck,
    ResponseCancel,
    ResponseDelta,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
    ServerEvent,
    SessionClosed,
    SessionUpdate,
    ToolCall,
    ToolResult,
)
from duologue.floor_settings import FloorSettings, ListeningSettings
from duologue.history import EarlierTurn
from duologue.lane.lane import Lane
from duologue.lane.phase import ReplyPhase
from duologue.lane.room import num_fixed_tokens
from duologue.lane.slices import Slice, SliceResult
from duologue.lane.steps import Step
from duologue.session.session import Session
from duologue.session.setup import SessionSetup
from duologue.session.transcript import Outcome, Role
from duologue.session_config import SessionConfig
from duologue.settings import DecodingSettings, ReplySamplingSettings
from duologue.states import State
from duologue.text.chat import ChatFormat
from duologue.text.detokenizer import shows_text
from duologue.text.tokenizer import Tokenizer
from duologue.text.tool_markup import ToolMarkup
from duologue.tools import Tool
from tests.unit.session.scripted_engine import Model, Probabilities, Script, ScriptedEngine
from tests.unit.text.tiny_tokenizers import byte_level

TICK_MS = 160.0
START, END = "<|im_start|>", "<|im_end|>"
EAGER = FloorSettings(mode="eager")
"""Replies are shown at once."""
CONFIRMED = FloorSettings()
"""Replies wait until the decision behind them is confirmed: by default."""
LISTENING = ListeningSettings()
DECODING = DecodingSettings(
    look_ahead_tokens=0,
    continues_within_ms=0,
    system_prompt="Be brief.",
    max_reply_tokens=400,
    reply_tokens_per_second=0,
)
"""Replies go on as fast as slices do, unless a scene says otherwise."""


def chat_of(tokenizer: Tokenizer) -> ChatFormat:
    """Turns between special tokens, which no text can spell."""

    def piece(markup: str) -> tuple[int, ...]:
        return tuple(tokenizer.encode_markup(markup))

    return ChatFormat(
        bare_opening=(),
        system_header=piece(f"{START}system\n"),
        system_end=piece(f"{END}\n"),
        user_header=piece(f"{START}user\n"),
        user_end=piece(f"{END}\n"),
        reply_header=piece(f"{START}assistant\n"),
        reply_end=piece(f"{END}\n"),
        stop_tokens=frozenset(piece(END)),
        supports_system=True,
        tools=ToolMarkup(
            head=piece(f"{START}system\n"),
            middle=piece("\nTools: "),
            between=piece(", "),
            tail=piece(f"{END}\n"),
            prompt_is_first=True,
            is_nested=False,
            indent=None,
            call_start="<call>",
            call_start_token=None,
            call_head=piece("<call>"),
            call_tail=piece("</call>"),
            result_header=piece(f"{START}tool\n"),
            result_end=piece(f"{END}\n"),
        ),
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """What a scene is played with."""

    replies: Sequence[str | Sequence[int]] = ("Fine.",)
    states: Mapping[str, Probabilities] | None = None
    ahead: str = "#"
    stop_strings: tuple[str, ...] = ()
    max_positions: int = 100_000
    decoding: DecodingSettings = DECODING
    floor: FloorSettings = EAGER
    listening: ListeningSettings = LISTENING
    rows_per_forward: int = 1000
    knows_languages: bool = True
    history: tuple[EarlierTurn, ...] = ()
    tools: tuple[Tool, ...] = ()


class Stage:
    """Plays one session. After each slice it checks what has to hold always."""

    def __init__(
        self, setting: Setting | None = None, *, model: Model | None = None, **decoding: Any
    ) -> None:
        setting = setting or Setting()
        tokenizer = byte_level()
        chat = chat_of(tokenizer)
        decoding_settings = replace(setting.decoding, **decoding)
        has_tools = decoding_settings.strategy in ("duo", "turn")  # others refuse them
        self.setup = SessionSetup(
            tokenizer=tokenizer,
            chat=chat,
            max_positions=setting.max_positions,
            thresholds={State.QUERY: 0.5, State.NON_QUERY: 0.5, State.HOLD: 0.5},
            decoding=decoding_settings,
            sampling=ReplySamplingSettings(stop_strings=setting.stop_strings),
            floor=setting.floor,
            listening=setting.listening,
            knows_languages=setting.knows_languages,
            history=setting.history,
            tools=setting.tools if has_tools else (),
        )
        (stop_token,) = chat.stop_tokens
        self.script = Script(
            tokenizer, stop_token, setting.replies, setting.ahead, dict(setting.states or {})
        )
        self.engine = ScriptedEngine(
            self.setup.new_lane(),
            self.setup.profile,
            self.setup.strategy,
            model or self.script,
        )
        self.engine.rows_per_forward = setting.rows_per_forward
        self.engine.shows = partial(shows_text, tokenizer)
        self.session = Session("session", self.setup)
        self.clock = ManualClock()
        self.envelopes: list[Envelope] = []
        self.slices: list[Slice] = []
        self.results: list[SliceResult] = []
        self.reply_numbers: dict[int, int] = {}
        """Which reply of the engine's a response is; those that were never shown are none."""
        self._flying: SliceResult | None = None

    # What the client does.

    def send(self, event: ClientEvent) -> list[ServerEvent]:
        return self._told(self.session.receive(event, self.clock.now_ms(), self.tick_number))

    def say(self, text: str, segment_id: str = "a", is_final: bool = False) -> list[ServerEvent]:
        return self.send(InputAppend(segment_id, text, is_final))

    def revise(self, text: str, segment_id: str = "a", is_final: bool = False) -> list[ServerEvent]:
        return self.send(InputRevise(segment_id, text, is_final))

    def commit(self) -> list[ServerEvent]:
        return self.send(InputCommit())

    def ack(self, response_id: int, heard_chars: int) -> list[ServerEvent]:
        return self.send(PlaybackAck(response_id, heard_chars))

    def cancel(self, response_id: int | None = None) -> list[ServerEvent]:
        return self.send(ResponseCancel(response_id))

    def result(self, call_id: str, output: str, *, is_silent: bool = False) -> list[ServerEvent]:
        return self.send(ToolResult(call_id, output, is_silent))

    def change(self, config: SessionConfig) -> list[ServerEvent]:
        told = self.send(SessionUpdate(config))
        self.engine.profile = self.session.setup.profile
        return told

    # What time does.

    @property
    def tick_number(self) -> int:
        return int(self.clock.now_ms() // TICK_MS)

    def wait(self, ms: float = TICK_MS) -> None:
        """Let time pass without a slice."""
        self.clock.advance(ms)

    def elapse(self, ms: float = 0.0) -> list[ServerEvent]:
        """Let time pass, and what it brings by itself."""
        self.clock.advance(ms)
        return self._told(self.session.elapse(self.clock.now_ms(), self.tick_number))

    def depart(self) -> Slice | None:
        """Send the session's slice off to the engine, if it wants one."""
        assert self._flying is None, "a slice is under way already"
        work = self.session.next_slice(self.clock.now_ms(), self.tick_number)
        if work is not None:
            self.slices.append(work)
            self._flying = self.engine.run(work)
        return work

    def arrive(self) -> list[ServerEvent]:
        """Bring back what came of the slice under way."""
        result, self._flying = self._flying, None
        assert result is not None, "no slice is under way"
        self.results.append(result)
        told = self._told(self.session.absorb(result, self.clock.now_ms()))
        self.check()
        return told

    def tick(self, count: int = 1) -> list[ServerEvent]:
        """Let so many ticks pass, with whatever slices the session wants."""
        told = []
        for _ in range(count):
            self.wait()
            told += self.elapse()
            if self.depart() is not None:
                told += self.arrive()
        return told

    def settle(self, max_ticks: int = 150) -> list[ServerEvent]:
        """Let ticks pass until nothing is left to do, however long one waits."""
        told: list[ServerEvent] = []
        for _ in range(max_ticks):
            told += self.tick()
            if self.session.pending(self.clock.now_ms()).next_ms is None:
                num_slices = len(self.slices)
                assert self.tick(3) == []
                assert len(self.slices) == num_slices, "a slice that was not announced"
                return told
        raise AssertionError("the session never falls silent")

    # What came of it.

    @property
    def events(self) -> list[ServerEvent]:
        return [envelope.event for envelope in self.envelopes]

    @property
    def steps(self) -> list[Step]:
        """All that the engine did."""
        return [step for result in self.results for step in result.steps]

    @property
    def states(self) -> list[tuple[State, str]]:
        """What was judged, and how."""
        return [(event.state, event.text) for event in self.events if isinstance(event, InputState)]

    @property
    def entries(self) -> list[tuple[Role, str, Outcome]]:
        return [(entry.role, entry.text, entry.outcome) for entry in self.session.transcript]

    def shown(self, response_id: int) -> str:
        """What the client was shown of a response; what was given twice counts once."""
        text = ""
        for event in self.events:
            match event:
                case ResponseDelta(number, more) if number == response_id:
                    text += more
                case ResponseResumed(number, from_chars) if number == response_id:
                    assert from_chars <= len(text)
                    text = text[:from_chars]
        return text

    @property
    def trunk(self) -> str:
        """The trunk behind the system prompt, turns in brackets."""
        tokens = self.session.lane.trunk.tokens[len(self.setup.opening) :]
        return self.spelled(tokens)

    def spelled(self, tokens: Sequence[int]) -> str:
        """Tokens as text, in which also the special ones show."""
        tokenizer = self.setup.tokenizer
        (start,), (end,) = tokenizer.encode_markup(START), tokenizer.encode_markup(END)
        signs = {start: "[", end: "]", self.setup.idle_token: "·"}
        pieces: list[str] = []
        plain: list[int] = []
        for token in tokens:
            if token in signs:
                pieces += [tokenizer.decode(plain), signs[token]]
                plain = []
            else:
                plain.append(token)
        text = "".join([*pieces, tokenizer.decode(plain)]).replace("]\n", "]")
        headers = {"user": "user", "assistant": "reply", "system": "note", "tool": "result"}
        for header, name in headers.items():
            text = text.replace(f"[{header}\n", f"[{name}: ")
        return text

    @property
    def story(self) -> list[str]:
        """All that the client was told, in few words."""
        return story(self.events)

    def check(self) -> None:
        """The session's lane is the engine's; so is the journal's; events are counted."""
        ours, theirs = self.session.lane, self.engine.lane
        assert picture(ours) == picture(theirs)
        steps = [*self.setup.earlier_notes, *self.steps]
        replayed = Lane.replay(self.setup.chat, self.setup.opening, steps)
        assert picture(replayed) == picture(ours)
        assert [envelope.server_seq for envelope in self.envelopes] == list(
            range(1, len(self.envelopes) + 1)
        )

    def _told(self, envelopes: Sequence[Envelope]) -> list[ServerEvent]:
        self.envelopes.extend(envelopes)
        lane, response = self.session.lane, self.session.response
        if response is not None and response.response_id and lane.phase is not ReplyPhase.NONE:
            self.reply_numbers.setdefault(response.response_id, lane.reply_number)
        return [envelope.event for envelope in envelopes]


def picture(lane: Lane) -> tuple[object, ...]:
    """All that a lane is but for its cells."""
    return (
        lane.trunk.tokens,
        lane.input.tokens,
        lane.output.tokens,
        lane.phase,
        lane.num_turns,
        lane.num_replies,
        lane.num_reply_tokens,
        lane.num_utterance_tokens,
        num_fixed_tokens(lane),
    )


def user(text: str, outcome: Outcome = Outcome.ANSWERED) -> tuple[Role, str, Outcome]:
    return (Role.USER, text, outcome)


def assistant(text: str, outcome: Outcome = Outcome.COMPLETE) -> tuple[Role, str, Outcome]:
    return (Role.ASSISTANT, text, outcome)


def story(events: Sequence[ServerEvent]) -> list[str]:
    """Events in few words; deltas of one response that follow each other are one."""
    told: list[str] = []
    spoken: ResponseDelta | None = None
    for event in events:
        if isinstance(event, ResponseDelta):
            if spoken is not None:
                told.pop()
                event = ResponseDelta(event.response_id, spoken.text + event.text)
            spoken = event
        else:
            spoken = None
        told.append(_in_words(event))
    return told


def _in_words(event: ServerEvent) -> str:
    match event:
        case InputState(state, _, text):
            return f"{state}: {text}"
        case ResponseStarted(number):
            return f"{number} starts"
        case ResponseDelta(number, text):
            return f"{number} says: {text}"
        case ResponseDone(number, reason):
            return f"{number} done: {reason}"
        case Interrupted(number, heard_chars):
            return f"{number} interrupted at {heard_chars}"
        case ResponsePaused(number):
            return f"{number} pauses"
        case ResponseResumed(number):
            return f"{number} resumes"
        case ToolCall(call_id, number, name, arguments):
            return f"{number} calls {name} {arguments} as {call_id}"
        case ContextTrimmed(turns):
            return f"trimmed {turns}"
        case Error(code):
            return f"error: {code}"
        case SessionClosed():
            return "closed"
