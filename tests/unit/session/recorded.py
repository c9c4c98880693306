"""A stage whose session is a chronicle that is kept in bytes, lost and brought back."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from duologue.errors import DuologueError
from duologue.events import ClientEvent, Envelope, ServerEvent
from duologue.lane.lane import Lane
from duologue.lane.slices import Slice, SliceResult
from duologue.lane.state import LaneState
from duologue.session.chronicle import Checkpoint, Chronicle, JournalEntry
from duologue.session.session import Session
from duologue.session.setup import SessionSetup
from duologue.session.transcript import Entry
from duologue.wire.checkpoints import checkpoint_from_bytes, checkpoint_to_bytes
from duologue.wire.journal import entry_from_bytes, entry_to_bytes
from duologue.wire.lanes import lane_state_from_pb, lane_state_to_pb
from tests.unit.session.schedules import Action, HashedModel, Play
from tests.unit.session.scripted_engine import Model, ScriptedEngine
from tests.unit.session.stage import Setting, Stage, picture
from tests.unit.text.tiny_tokenizers import byte_level

SESSION_ID = "session"
AT_ONCE_AND_LATER_MS = (0.0, 200.0, 700.0, 1100.0, 5000.0)


class RecordedStage(Stage):
    """Keeps every record as soon as it is made, as the store would."""

    def __init__(
        self, setting: Setting | None = None, *, model: Model | None = None, **decoding: Any
    ) -> None:
        super().__init__(setting, model=model, **decoding)
        self.first_setup = self.setup
        self.checkpoint: bytes | None = None
        self.entries_kept: list[bytes] = []
        self.entry_sizes: list[int] = []
        self.transcript_kept: list[Entry] = []
        self.num_checkpoints = 0
        self.num_abandoned = 0
        self._client_seq = 0
        self._take(Chronicle(Session(SESSION_ID, self.setup)))
        self._keep()

    def send(self, event: ClientEvent) -> list[ServerEvent]:
        self._client_seq += 1
        now_ms, tick = self.clock.now_ms(), self.tick_number
        told = self.chronicle.receive(self._client_seq, event, now_ms, tick)
        return self._shown(told)

    def elapse(self, ms: float = 0.0) -> list[ServerEvent]:
        self.clock.advance(ms)
        return self._shown(self.chronicle.elapse(self.clock.now_ms(), self.tick_number))

    def depart(self) -> Slice | None:
        assert self._flying is None, "a slice is under way already"
        work = self.chronicle.next_slice(self.clock.now_ms(), self.tick_number)
        if work is not None:
            self.slices.append(work)
            self._flying = self.engine.run(work)
        self._shown(())
        return work

    def arrive(self) -> list[ServerEvent]:
        result, self._flying = self._flying, None
        assert result is not None, "no slice is under way"
        self.results.append(result)
        told = self._shown(self.chronicle.absorb(result, self.clock.now_ms()))
        self.check()
        return told

    def refuse(self, error: DuologueError) -> list[ServerEvent]:
        """A slice leaves and is refused before anything comes of it."""
        now_ms, tick = self.clock.now_ms(), self.tick_number
        work = self.chronicle.next_slice(now_ms, tick)
        assert work is not None
        result = SliceResult(work.session_id, work.epoch, work.tick, (), error=error)
        return self._shown(self.chronicle.absorb(result, now_ms))

    def keep_checkpoint(self) -> None:
        """Put a checkpoint in the place of the journal, unless nothing happened since the last."""
        made = self.chronicle.next_checkpoint()
        if made is not None:
            self._keep_checkpoint(made)
            self.num_checkpoints += 1

    def restored(self, epoch: int, setup: SessionSetup | None = None) -> Chronicle:
        """The session once more, from what was kept; `setup` is what new sessions begin with."""
        kept = None if self.checkpoint is None else checkpoint_from_bytes(self.checkpoint)
        chronicle = Chronicle.restore(setup or self.first_setup, SESSION_ID, epoch, kept)
        for data in self.entries_kept:
            chronicle.replay(*entry_from_bytes(data, SESSION_ID))
        return chronicle

    def crash(self) -> None:
        """Lose the session, but not its batcher: what is under way still comes back."""
        alive, again = self.chronicle, self.restored(self.session.epoch)
        assert fingerprint(again, self.clock.now_ms()) == fingerprint(alive, self.clock.now_ms())
        self._take(again)

    def lose_batcher(self) -> None:
        """The cells are gone, and so is the slice under way."""
        if self._flying is not None:
            self.num_abandoned += 1
            self._flying = None
        assert self.chronicle.abandon(self.clock.now_ms()) == []
        self._shown(())
        self._seat()

    def take_over(self) -> None:
        """Lose everything: the session comes to life elsewhere, under a higher epoch."""
        self._take(self.restored(self.session.epoch + 1))
        self.lose_batcher()

    def check(self) -> None:
        assert picture(self.session.lane) == picture(self.engine.lane)
        numbers = [envelope.server_seq for envelope in self.envelopes]
        assert numbers == list(range(1, len(numbers) + 1))
        assert [envelope for envelope, _ in self.chronicle.events_after(0)] == self.envelopes

    def _take(self, chronicle: Chronicle) -> None:
        self.chronicle = chronicle
        self.session = chronicle.session

    def _seat(self) -> None:
        """A seat at a new batcher, which is told the lane as it is."""
        state = lane_state_from_pb(lane_state_to_pb(LaneState.of(self.session.lane)))
        lane: Lane = state.lane(self.setup.chat)
        strategy, profile = self.setup.strategy, self.session.setup.profile
        before = self.engine
        self.engine = ScriptedEngine(lane, profile, strategy, before.model)
        self.engine.rows_per_forward, self.engine.shows = before.rows_per_forward, before.shows

    def _shown(self, envelopes: Sequence[Envelope]) -> list[ServerEvent]:
        """Keep first, then show."""
        self._keep()
        return self._told(envelopes)

    def _keep(self) -> None:
        """Keep all that waits for it."""
        while (what := self.chronicle.next_write()) is not None:
            match what:
                case JournalEntry():
                    self._keep_entry(what)
                case Checkpoint():
                    self._keep_checkpoint(what)

    def _keep_entry(self, entry: JournalEntry) -> None:
        data = entry_to_bytes(self.session.epoch, entry.records)
        self.entries_kept.append(data)
        self.entry_sizes.append(len(data))
        edit = entry.transcript
        if edit is not None:
            assert edit.keep <= len(self.transcript_kept)
            self.transcript_kept = [*self.transcript_kept[: edit.keep], *edit.entries]
        self.chronicle.kept()

    def _keep_checkpoint(self, made: Checkpoint) -> None:
        self.checkpoint, self.entries_kept = checkpoint_to_bytes(made), []
        self.chronicle.kept()


def fingerprint(chronicle: Chronicle, now_ms: float) -> dict[str, object]:
    """All of a session that anybody can see, and what it would do next."""
    session = chronicle.session
    return {
        "lane": LaneState.of(session.lane),
        "state": session.state,
        "setup": session.setup,
        "epoch": session.epoch,
        "seqs": (chronicle.last_client_seq, chronicle.last_server_seq),
        "events": chronicle.events_after(0),
        "pending": session.pending(now_ms),
        "next": [copy_of(session).next_slice(now_ms + ms, 10**6) for ms in AT_ONCE_AND_LATER_MS],
        "elapses": [copy_of(session).elapse(now_ms + ms, 10**6) for ms in AT_ONCE_AND_LATER_MS],
    }


def copy_of(session: Session) -> Session:
    """All that may change is copied; the setup is a plain value, and its tokenizer a large one."""
    return deepcopy(session, {id(session.setup): session.setup})


class RecordedPlay(Play):
    """A play in which things go wrong between the actions."""

    def __init__(self, stage: RecordedStage, every: int, checkpoints: int, harm: str) -> None:
        super().__init__(stage)
        self.recorded = stage
        self._every = every
        self._checkpoints = checkpoints
        self._harm = harm
        self._num_actions = 0

    def _do(self, action: Action) -> None:
        super()._do(action)
        self._num_actions += 1
        if self._checkpoints and self._num_actions % self._checkpoints == 0:
            self.recorded.keep_checkpoint()
        if self._every and self._num_actions % self._every == 0:
            getattr(self.recorded, self._harm)()
            self._is_flying = self.recorded.session.is_busy


def play_recorded(
    schedule: Sequence[Action],
    setting: Setting,
    *,
    every: int = 0,
    checkpoints: int = 0,
    harm: str = "crash",
    **decoding: object,
) -> RecordedStage:
    """Run a schedule to its end, with harm done after every so many actions."""
    model = HashedModel(byte_level(), calls=bool(setting.tools))
    stage = RecordedStage(setting, model=model, **decoding)
    done = RecordedPlay(stage, every, checkpoints, harm)
    done.run(schedule)
    done.finish()
    return stage
