"""A host with everything around it in memory: a scripted model, a store, a client, a clock."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from duologue.clock import ManualClock, TickClock
from duologue.errors import BatcherUnavailable, DuologueError
from duologue.events import (
    ClientEvent,
    Envelope,
    InputAppend,
    ResponseDelta,
    ServerEvent,
    SessionClose,
)
from duologue.hosting.actions import (
    Action,
    Adjust,
    AskTokens,
    EndOfHosting,
    FindSeat,
    Keep,
    Leave,
    Notify,
    Show,
    Submit,
    Write,
)
from duologue.hosting.host import Host
from duologue.hosting.ration import FREE_TOKENS, Ration
from duologue.lane.slices import Slice
from duologue.notices import NoticeEvent
from duologue.service_settings import SessionSettings
from duologue.session.chronicle import Chronicle, JournalEntry
from duologue.session.setup import SessionSetup
from duologue.session.transcript import Entry
from duologue.wire.checkpoints import checkpoint_from_bytes, checkpoint_to_bytes
from duologue.wire.journal import entry_from_bytes, entry_to_bytes
from tests.unit.session.scripted_engine import Reciter, ScriptedEngine
from tests.unit.session.stage import TICK_MS, Setting, Stage

SESSION_ID = "session"
WAIT_MS = 2_000
"""After which more of the tenant's tokens are promised."""


class MemoryStore:
    """Takes what is written, at once or when it is told to; refuses an older epoch."""

    def __init__(self) -> None:
        self.is_slow = False
        self.epoch = 0
        self.checkpoint: bytes | None = None
        self.entries: list[bytes] = []
        self.all_entries: list[JournalEntry] = []
        self.num_checkpoints = 0
        self.transcript: list[Entry] = []

    def take(self, action: Write | Keep, epoch: int) -> None:
        assert epoch == self.epoch, "a write under an older epoch"
        if isinstance(action, Keep):
            self.checkpoint, self.entries = checkpoint_to_bytes(action.checkpoint), []
            self.num_checkpoints += 1
            return
        entry = action.entry
        self.entries.append(entry_to_bytes(epoch, entry.records))
        self.all_entries.append(entry)
        if entry.transcript is not None:
            assert entry.transcript.keep <= len(self.transcript)
            kept = self.transcript[: entry.transcript.keep]
            self.transcript = [*kept, *entry.transcript.entries]


class Scene:
    """Plays one session from binding to leaving, and again. `run` lets time pass: the host is woken
    when it wants to be, and whatever it asks for is done, unless it was told not to."""

    def __init__(
        self,
        setting: Setting | None = None,
        *,
        sessions: SessionSettings | None = None,
        max_entries: int = 400,
        is_store_slow: bool = False,
        tokens: int | None = None,
        **decoding: Any,
    ) -> None:
        stage = Stage(setting, **decoding)
        self.setup: SessionSetup = stage.setup
        script = stage.script
        self.script = Reciter(
            script.tokenizer, script.stop_token, script.replies, script.ahead, script.states
        )
        self.clock = ManualClock()
        self.ticks = TickClock(0.0, TICK_MS)
        self.sessions = sessions or SessionSettings()
        self.max_entries = max_entries
        self.store = MemoryStore()
        self.store.is_slow = is_store_slow
        self.tokens = tokens
        """What is left of the tenant's reply tokens; None for no limit."""
        self.num_refusals = 0
        self.has_seats = True
        self.answers = True
        self.shown: list[Envelope] = []
        self.notices: list[NoticeEvent] = []
        self.slices: list[Slice] = []
        self.submitted_ms: list[float] = []
        self.num_wakes = 0
        self.num_seats = 0
        self.is_reading = True
        self._client_seq = 0
        self._sent: list[tuple[int, ClientEvent]] = []
        self.bind()

    # The session's life.

    def bind(self) -> None:
        """Bring it to life from what was kept, under a higher epoch."""
        self.store.epoch += 1
        kept = self.store.checkpoint
        chronicle = Chronicle.restore(
            self.setup,
            SESSION_ID,
            self.store.epoch,
            None if kept is None else checkpoint_from_bytes(kept),
            recent_events=self.sessions.recent_events,
            max_entries=self.max_entries,
        )
        for data in self.store.entries:
            chronicle.replay(*entry_from_bytes(data, SESSION_ID))
        ration = Ration(FREE_TOKENS if self.tokens is None else 0)
        now_ms = self.clock.now_ms()
        self.host = Host(chronicle, self.ticks, self.sessions, now_ms, ration=ration)
        self.left: Leave | None = None
        self._flying: Slice | None = None
        self._engine: ScriptedEngine | None = None
        self._unwritten: Write | Keep | None = None
        self._seat_wanted: FindSeat | None = None
        self.perform()

    def attach(self) -> None:
        """The client comes (back): it gets what it has not seen, and resends what is not kept."""
        self.host.attach(len(self.shown), self.clock.now_ms())
        self._read()
        taken = self.host.chronicle.kept_client_seq
        for seq, event in self._sent:
            if seq > taken:
                self.host.receive(seq, event, self.clock.now_ms())
        self.perform()

    # What the client does.

    def send(self, event: ClientEvent) -> None:
        self._client_seq += 1
        self._sent.append((self._client_seq, event))
        self.host.receive(self._client_seq, event, self.clock.now_ms())
        self.perform()

    def say(self, text: str, segment_id: str = "a") -> None:
        self.send(InputAppend(segment_id, text))

    def close(self) -> None:
        self.send(SessionClose())

    # What others do.

    def answer(self) -> None:
        """The batching actor answers the slice under way."""
        assert self._engine is not None, "there is no seat"
        assert self._flying is not None, "no slice is under way"
        work, self._flying = self._flying, None
        self.host.absorb(self._engine.run(work), self.clock.now_ms())
        self.perform()

    def lose_seat(self, error: DuologueError | None = None) -> None:
        """The batching actor is gone."""
        self._engine = self._flying = None
        self.host.unseated(error or BatcherUnavailable("gone"), self.clock.now_ms())
        self.perform()

    def give_seat(self) -> None:
        """A batching actor has a place."""
        assert self._seat_wanted is not None, "no seat is wanted"
        wanted, self._seat_wanted = self._seat_wanted, None
        lane = wanted.lane.lane(self.setup.chat)
        self._engine = ScriptedEngine(lane, wanted.profile, wanted.strategy, self.script)
        self.num_seats += 1
        self.host.seated()
        self.perform()

    def store_takes(self) -> None:
        """The store takes what waits to be written."""
        assert self._unwritten is not None, "nothing is being written"
        action, self._unwritten = self._unwritten, None
        self.store.take(action, self.host.chronicle.session.epoch)
        self.host.kept(self.clock.now_ms())
        self.perform()

    def run(self, ms: float) -> None:
        """Let time pass."""
        end_ms = self.clock.now_ms() + ms
        while self.left is None:
            now_ms = self.clock.now_ms()
            wake_ms = self.host.wakes_at_ms(now_ms)
            if wake_ms is None or wake_ms > end_ms:
                break
            assert wake_ms > now_ms, "it wants to be woken in the past"
            self.clock.advance(wake_ms - now_ms)
            self.num_wakes += 1
            self.perform()
        self.clock.advance(end_ms - self.clock.now_ms())

    def run_ticks(self, count: int) -> None:
        self.run(count * TICK_MS)

    # What came of it.

    @property
    def events(self) -> list[ServerEvent]:
        return [envelope.event for envelope in self.shown]

    def text(self, response_id: int = 1) -> str:
        return "".join(
            event.text
            for event in self.events
            if isinstance(event, ResponseDelta) and event.response_id == response_id
        )

    @property
    def ending(self) -> EndOfHosting | None:
        return None if self.left is None else self.left.ending

    @property
    def is_held(self) -> bool:
        """Whether the host has not left."""
        return self.left is None

    @property
    def is_flying(self) -> bool:
        """Whether a slice is under way."""
        return self._flying is not None

    def perform(self) -> None:
        """Do what the host asks for, and what follows from it."""
        while actions := self.host.actions(self.clock.now_ms()):
            for action in actions:
                assert self.left is None, f"{action} after it has left"
                self._do(action)
            self._go_on()

    def _ration(self) -> None:
        """Give a portion of what is left, or none."""
        portion = FREE_TOKENS if self.tokens is None else min(4, self.tokens)
        if self.tokens is not None:
            self.tokens -= portion
        self.num_refusals += not portion
        self.host.rationed(portion, 0 if portion else WAIT_MS, self.clock.now_ms())

    def _go_on(self) -> None:
        """What the others do by themselves."""
        if self._seat_wanted is not None and self.has_seats:
            self.give_seat()
        if self._flying is not None and self.answers:
            self.answer()
        if self._unwritten is not None and not self.store.is_slow:
            self.store_takes()

    def _do(self, action: Action) -> None:
        match action:
            case FindSeat():
                self._engine = self._flying = None
                self._seat_wanted = action
            case AskTokens():
                self._ration()
            case Adjust(profile):
                assert self._engine is not None
                self._engine.profile = profile
            case Submit(work):
                assert self._engine is not None, "a slice without a seat"
                assert self._flying is None, "two slices at once"
                self._flying = work
                self.slices.append(work)
                self.submitted_ms.append(self.clock.now_ms())
            case Write() | Keep():
                assert self._unwritten is None, "two writes at once"
                self._unwritten = action
            case Show():
                self._read()
            case Notify(notice):
                self.notices.append(notice.event)
            case Leave():
                self.left = action

    def _read(self) -> None:
        if not self.host.unseen.is_attached:
            return
        told = self.host.events_after(len(self.shown))
        self.shown += [envelope for envelope, _ in told]
        numbers = [envelope.server_seq for envelope in self.shown]
        assert numbers == list(range(1, len(numbers) + 1)), "an event was lost or doubled"
        if self.is_reading and numbers:
            self.host.saw(numbers[-1])


def without_epochs(envelopes: Sequence[Envelope]) -> list[Envelope]:
    """Events as they would be had nobody ever taken the session over."""
    return [replace(envelope, epoch=1) for envelope in envelopes]
