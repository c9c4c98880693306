"""Random schedules: whatever a client may say at any moment, and a model that heeds it all."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from zlib import crc32

from hypothesis import strategies as st

from duologue.events import AssistantSaid, ContextAppend, Error, ResponseCreate
from duologue.floor_settings import FloorSettings
from duologue.history import EarlierTurn
from duologue.lane.lane import Lane
from duologue.session.transcript import Outcome
from duologue.session_config import SessionConfig
from duologue.speaker import FOR_CLIENTS
from duologue.text.tokenizer import Tokenizer
from duologue.tools import Tool
from tests.unit.session.scripted_engine import Probabilities, state_of
from tests.unit.session.stage import CONFIRMED, DECODING, EAGER, Setting, Stage, chat_of
from tests.unit.text.tiny_tokenizers import byte_level

SEGMENTS = ("a", "b", "c")
MARKS = ("", "", "?", "?", "?", " mhm", " hush", " please", " maybe", " la")
"""What a piece of speech ends with tells the model what it is."""

MIN_ACTIONS, MAX_ACTIONS = 40, 80


class Deed(Enum):
    """What happens next."""

    SAY = auto()
    END = auto()
    """The last words of a segment; what follows is in another one."""
    REVISE = auto()
    REPEAT = auto()
    """The text of a segment once more, written in another way: maybe of one that was decided."""
    GO_ON = auto()
    ECHO = auto()
    """The assistant's own words come back."""
    COMMIT = auto()
    REPORT = auto()
    CANCEL = auto()
    WAIT = auto()
    ELAPSE = auto()
    """Time passes, and brings what is due."""
    DEPART = auto()
    ARRIVE = auto()
    TICK = auto()
    REST = auto()
    """The engine drops what it can compute again."""
    STARVE = auto()
    """The next slice runs out of room."""
    TELL = auto()
    """The caller says something with a model of its own, where that is its part."""
    NOTE = auto()
    """The caller lets the model know something."""
    ASK = auto()
    """The caller wants the assistant to speak."""
    RESULT = auto()
    """A tool that was called has done its work."""
    CHANGE = auto()
    """The client wants the session held in another way."""


@dataclass(frozen=True, slots=True)
class Action:
    deed: Deed
    place: int
    """Chooses the segment, the mark, or how far a thing goes."""


def actions(*deeds: Deed) -> st.SearchStrategy[list[Action]]:
    """Long schedules of these deeds; time passes and speech comes more often than the rest."""
    often = [Deed.TICK] * 5 + [Deed.SAY] * 3 + [Deed.DEPART, Deed.ARRIVE] * 2
    action = st.builds(Action, st.sampled_from([*often, *deeds]), st.sampled_from(range(100)))
    return st.lists(action, min_size=MIN_ACTIONS, max_size=MAX_ACTIONS)


FLOORS = (
    EAGER,
    CONFIRMED,
    CONFIRMED,
    FloorSettings(confirm_above=0.9),
    FloorSettings(held_reply_tokens=2, confirm_word_gaps=6.0, late_ack_ms=2000),
)

HISTORY = (
    EarlierTurn("assistant", "Welcome back."),
    EarlierTurn("user", " Where were we? "),
    EarlierTurn("system", "It is late."),
    EarlierTurn("assistant", "At the weather."),
)

TOOLS = (Tool("weather", "How it is somewhere."), Tool("clock"))
CALL = '<call>{"name": "weather", "arguments": {"at": "Köln"}}</call>'

settings_of_sessions = st.builds(
    Setting,
    stop_strings=st.sampled_from([(), (), ("e",), ("###", "th")]),
    rows_per_forward=st.sampled_from([1000, 1000, 7, 2]),
    max_positions=st.just(100_000),
    floor=st.sampled_from(FLOORS),
    history=st.sampled_from([(), (), HISTORY]),
    tools=st.sampled_from([(), (), TOOLS]),
)


class HashedModel:
    """Says something that depends on every token before it, in whole and in broken characters.

    One that has tools ends half of its replies by calling one.
    """

    _TEXT = "The weather is fine, isn't it? e\u0301 naïve 🙂 👩‍👩‍👧 天气 ### other thing. "

    def __init__(self, tokenizer: Tokenizer, *, calls: bool = False) -> None:
        (stop_token,) = chat_of(tokenizer).stop_tokens
        lone_bytes = list(range(20, 250, 9))
        self._tokenizer = tokenizer
        self._tokens = [*tokenizer.encode(self._TEXT) * 3, *lone_bytes[:8], *[stop_token] * 6]
        self._call = [*tokenizer.encode(CALL), stop_token] if calls else []

    def read(self, lane: Lane) -> Probabilities:
        return state_of(self._tokenizer.decode(lane.utterance))

    def look_ahead(self, lane: Lane) -> int:
        return self._pick(lane.trunk.tokens, lane.input.tokens)

    def speak(self, lane: Lane) -> int:
        begins_at = crc32(repr(lane.trunk.tokens).encode()) % 16 - 8
        place = lane.num_reply_tokens - begins_at
        if self._call and begins_at >= 0 and place >= 0:
            return self._call[min(place, len(self._call) - 1)]
        return self._pick(lane.trunk.tokens, lane.output.tokens)

    def _pick(self, *past: Sequence[int]) -> int:
        return self._tokens[crc32(repr(past).encode()) % len(self._tokens)]


@dataclass(slots=True)
class Play:
    """A session under a schedule."""

    stage: Stage
    num_words: int = 0
    pieces: list[str] = field(default_factory=list)
    """All that the user said; none of it twice."""
    num_reports: int = 0
    num_ended: int = 0
    told_chars: dict[int, int] = field(default_factory=dict)
    """Of each response that the caller said."""
    _is_flying: bool = False

    def run(self, schedule: Sequence[Action]) -> None:
        for action in schedule:
            self._do(action)

    def finish(self) -> None:
        """Whatever is left comes to its end."""
        stage = self.stage
        if self._is_flying:
            self._arrive()
        stage.engine.fails_after_forwards = None
        for _ in range(50):
            stage.settle(max_ticks=400)
            if stage.session.is_silent:
                return
            assert stage.session.response is not None
            stage.ack(stage.session.response.response_id, 10_000)
        raise AssertionError("the session never falls silent")

    def _do(self, action: Action) -> None:
        stage, place = self.stage, action.place
        segment = f"{SEGMENTS[place % len(SEGMENTS)]}{self.num_ended}"
        response = stage.session.response
        match action.deed:
            case Deed.SAY:
                stage.say(self._piece(place), segment)
            case Deed.END:
                stage.say(self._piece(place), segment, is_final=True)
                self.num_ended += 1
            case Deed.REVISE:
                stage.revise(self._piece(place) if place % 4 else "", segment)
            case Deed.REPEAT:
                self._repeat(segment, is_final=place % 2 == 0)
            case Deed.GO_ON:
                stage.say("go on", f"go on {len(stage.envelopes)} {place}", is_final=place % 2 == 0)
            case Deed.ECHO if response is not None:
                stage.say(" ".join(response.shown_text.split()[-5 - place % 3 :]), segment)
            case Deed.COMMIT:
                stage.commit()
            case Deed.REPORT:
                self._report(place)
            case Deed.CANCEL if response is not None:
                stage.cancel((None, response.response_id or None, 1)[place % 3])
            case Deed.WAIT:
                stage.wait(place * 20)
            case Deed.ELAPSE:
                stage.elapse(place * 7)
            case Deed.DEPART if not self._is_flying:
                self._is_flying = stage.depart() is not None
                stage.engine.fails_after_forwards = None
            case Deed.ARRIVE if self._is_flying:
                self._arrive()
            case Deed.TICK:
                if self._is_flying:
                    self._arrive()
                stage.tick()
                stage.engine.fails_after_forwards = None
            case Deed.REST:
                stage.engine.rest()
            case Deed.TELL if not stage.setup.strategy.speaks:
                self._tell(place)
            case Deed.NOTE:
                role = FOR_CLIENTS[place % len(FOR_CLIENTS)]
                stage.send(
                    ContextAppend(role, f" n{len(stage.envelopes)}x {'known ' * (place % 9)}")
                )
            case Deed.ASK if stage.setup.strategy.speaks:
                text = "" if place % 3 == 0 else f"g{len(stage.envelopes)}x naïve 天气 👩‍👩‍👧."
                stage.send(ResponseCreate("Be kind." if place % 4 == 0 else "", text))
            case Deed.RESULT if stage.session.state.calls:
                call = stage.session.state.calls[place % len(stage.session.state.calls)]
                stage.result(call.call_id, f" t{len(stage.envelopes)}x", is_silent=place % 3 == 0)
            case Deed.CHANGE:
                changed = SessionConfig(
                    reply_tokens_per_slice=1 + place % 7, look_ahead_tokens=place % 3
                )
                stage.change(changed)
            case Deed.STARVE if place % 2:
                stage.engine.fails_after_forwards = place % 6
            case _:
                pass

    def _repeat(self, segment_id: str, *, is_final: bool) -> None:
        segment = self.stage.session.state.utterance.segments.get(segment_id)
        if segment is not None and segment.text and not segment.is_final:
            self.stage.revise(f"{segment.text.replace('w', 'W')} .", segment_id, is_final)
            self.num_ended += is_final

    def _report(self, place: int) -> None:
        """Also for a reply that was cut, of which more had been heard than was known."""
        state = self.stage.session.state
        meant = state.cut if state.cut is not None and place % 4 == 0 else state.response
        if meant is not None and meant.response_id:
            self.num_reports += 1
            self.stage.ack(meant.response_id, place * meant.num_shown_chars // 80)

    def _tell(self, place: int) -> None:
        """More of the last response, of the one before, or of a new one; now and then the end."""
        latest = self.stage.session.state.num_responses
        number = max(1, latest + (1, 0, 0, 0, -1)[place % 5])
        text = "" if place % 7 == 0 else f"r{len(self.stage.envelopes)}x naïve 天气 👩‍👩‍👧. "
        heard = place if place % 11 == 0 else None
        event = AssistantSaid(text, number, is_end=place % 3 == 0, heard_chars=heard)
        if not any(isinstance(told, Error) for told in self.stage.send(event)):
            self.told_chars[number] = self.told_chars.get(number, 0) + len(text)

    def _arrive(self) -> None:
        self._is_flying = False
        self.stage.arrive()

    def _piece(self, place: int) -> str:
        self.num_words += 1
        piece = f" w{self.num_words}x{MARKS[place % len(MARKS)]}"
        self.pieces.append(piece)
        return piece


def play(
    schedule: Sequence[Action], setting: Setting, *, finishes: bool = True, **decoding: object
) -> Play:
    """Run a schedule to its end."""
    model = HashedModel(byte_level(), calls=bool(setting.tools))
    done = Play(Stage(setting, model=model, **decoding))
    done.run(schedule)
    if finishes:
        done.finish()
    return done


def as_trunk(stage: Stage) -> str:
    """What the trunk should be by the transcript: what was ignored is not in it, nor a call for
    silence where the reply waits."""
    names = {"user": "user", "assistant": "reply", "system": "note", "tool": "result"}
    left_out = {Outcome.IGNORED, *([Outcome.HELD] if stage.setup.strategy.takes_back else [])}
    earlier = "".join(f"[{names[each.role]}: {each.text.strip()}]" for each in stage.setup.history)
    return earlier + "".join(
        f"[{names[role]}: {_called(text) if outcome is Outcome.CALLED else _kept(stage, text)}]"
        for role, text, outcome in stage.entries
        if outcome not in left_out and _kept(stage, text)
    )


def _called(written: str) -> str:
    return "".join(f"<call>{line}</call>" for line in written.split("\n"))


def _kept(stage: Stage, text: str) -> str:
    """Of what a caller said, blanks at the ends mean nothing."""
    return text if stage.setup.strategy.speaks else text.strip()


def words_of(text: str) -> list[str]:
    """The words by which the pieces of speech are known."""
    return re.findall(r"w\d+x", text.lower())


__all__ = ["DECODING", "Action", "Deed", "Play", "actions", "as_trunk", "play", "words_of"]
