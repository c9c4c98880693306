"""Whatever holders, takers, closers and time do, the store is what a simple model of it is."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from duologue.clock import ManualClock
from duologue.errors import DuologueError, LeaseHeld, SessionEnded, StaleEpoch
from duologue.service_settings import StoreSettings
from duologue.session.transcript import Entry
from duologue.session_lease import Lease
from duologue.session_record import SessionStatus, TranscriptEdit
from duologue.store.store import Store
from duologue.store.valkey import EmbeddedValkey
from duologue.usage import Usage
from tests.store.raw_cluster import Servers, behind
from tests.store.records import LEASE_MS, LISTING_MS, START_MS, TTL_S, a_session, said, take

T = TypeVar("T")
NAMES = ("one", "two")


@dataclass(slots=True)
class Model:
    """What one session should be."""

    status: SessionStatus = SessionStatus.NEW
    epoch: int = 0
    is_held: bool = False
    lease_until_ms: int = 0
    checkpoint: bytes | None = None
    num_covered: int = 0
    entries: list[bytes] = field(default_factory=list)
    """All of them, those under the checkpoint too."""
    transcript: list[Entry] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)

    def is_alive(self, now_ms: float) -> bool:
        return self.is_held and self.lease_until_ms > now_ms

    def takes(self, lease: Lease) -> bool:
        """Whether a write under this lease is to be taken."""
        return self.is_held and lease.epoch == self.epoch

    def end(self, status: SessionStatus) -> None:
        self.status, self.is_held = status, False


class StoreMachine(RuleBasedStateMachine):
    """Drives two sessions of one tenant by any number of holders, of which most are overtaken."""

    server: Servers
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        with behind(self.server) as client:
            client.flushall()
        self.clock = ManualClock(START_MS)
        self.models = {name: Model() for name in NAMES}
        self.runner = asyncio.Runner()
        settings = StoreSettings(lease_ms=LEASE_MS, session_ttl_s=TTL_S)
        now_ms = lambda: int(self.clock.now_ms())  # noqa: E731
        self.store = self.run(Store.connect(self.server.url, settings, now_ms=now_ms))
        self.num_writes = 0

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    def outcome_of(self, coroutine: Coroutine[Any, Any, T]) -> T | DuologueError:
        """What is returned, or else the deliberate error."""
        try:
            return self.run(coroutine)
        except DuologueError as error:
            return error

    def is_refused(self, coroutine: Coroutine[Any, Any, object]) -> bool:
        """Whether the store finds the caller overtaken."""
        outcome = self.outcome_of(coroutine)
        if isinstance(outcome, DuologueError):
            assert isinstance(outcome, StaleEpoch)
        return isinstance(outcome, StaleEpoch)

    @initialize()
    def make_sessions(self) -> None:
        for name in NAMES:
            self.run(self.store.create_session(a_session(name)))

    @rule(target=leases, name=st.sampled_from(NAMES), behind=st.integers(0, 2))
    def take(self, name: str, behind: int) -> Lease:
        """Take the lease, knowing the present epoch or an older one."""
        model, now_ms = self.models[name], int(self.clock.now_ms())
        known_epoch = max(0, model.epoch - behind)
        outcome = self.outcome_of(take(self.store, name, known_epoch=known_epoch))
        if model.status is SessionStatus.CLOSED:
            assert isinstance(outcome, SessionEnded)
            return Lease("acme", name, "nobody", model.epoch, LEASE_MS)
        if model.is_alive(now_ms) and known_epoch < model.epoch:
            assert isinstance(outcome, LeaseHeld)
            assert (outcome.epoch, outcome.address) == (model.epoch, "host:1")
            return Lease("acme", name, "guesses", model.epoch - 1, LEASE_MS)
        lease = outcome
        assert isinstance(lease, Lease)
        assert (lease.epoch, lease.num_entries) == (model.epoch + 1, len(model.entries))
        model.status, model.epoch, model.is_held = SessionStatus.LIVE, lease.epoch, True
        model.lease_until_ms = now_ms + LEASE_MS
        return lease

    @rule(lease=leases, keep=st.none() | st.integers(0, 3), repeats=st.integers(0, 2))
    def append(self, lease: Lease, keep: int | None, repeats: int) -> None:
        """Append, now and then also what was taken already, as after a lost answer."""
        self.num_writes += 1
        model, entry = self.models[lease.session_id], b"entry %d" % self.num_writes
        edit, number = None, lease.num_entries
        if keep is not None:
            keep = min(keep, len(model.transcript))
            edit = TranscriptEdit(keep, (said(str(self.num_writes)),))
        usage = model.usage + Usage(1, 2, 3, 4)
        is_taken = model.takes(lease)
        for _ in range(repeats + 1):
            lease.num_entries = number
            call = self.store.append(lease, entry, transcript=edit, usage=usage)
            assert self.is_refused(call) is not is_taken
        if is_taken:
            assert lease.num_entries == number + 1
            model.entries.append(entry)
            model.usage = usage
            model.lease_until_ms = int(self.clock.now_ms()) + LEASE_MS
            if edit is not None:
                model.transcript = [*model.transcript[: edit.keep], *edit.entries]

    @rule(lease=leases, behind=st.integers(0, 2))
    def write_checkpoint(self, lease: Lease, behind: int) -> None:
        model = self.models[lease.session_id]
        num_entries = max(model.num_covered, len(model.entries) - behind)
        blob = b"checkpoint %d" % num_entries
        is_refused = self.is_refused(self.store.checkpoint(lease, blob, num_entries=num_entries))
        assert is_refused is not model.takes(lease)
        if not is_refused:
            model.checkpoint, model.num_covered = blob, num_entries

    @rule(lease=leases)
    def renew(self, lease: Lease) -> None:
        model = self.models[lease.session_id]
        assert self.is_refused(self.store.renew_lease(lease)) is not model.takes(lease)
        if model.takes(lease):
            model.lease_until_ms = int(self.clock.now_ms()) + LEASE_MS

    @rule(
        lease=consumes(leases), status=st.sampled_from([SessionStatus.ASLEEP, SessionStatus.CLOSED])
    )
    def release(self, lease: Lease, status: SessionStatus) -> None:
        model = self.models[lease.session_id]
        is_refused = self.is_refused(self.store.release_lease(lease, status))
        assert is_refused is (lease.epoch != model.epoch)
        if model.takes(lease):
            model.end(status)

    @rule(name=st.sampled_from(NAMES), really=st.integers(0, 5))
    def close(self, name: str, really: int) -> None:
        """Close the session; seldom, since little can happen to it afterwards."""
        model = self.models[name]
        if really or model.status is SessionStatus.CLOSED:
            return
        self.run(self.store.close_session("acme", name))
        model.end(SessionStatus.CLOSED)
        model.epoch += 1

    @rule(by_ms=st.sampled_from([1, LISTING_MS - 1, LISTING_MS, LEASE_MS - 1, LEASE_MS]))
    def pass_time(self, by_ms: int) -> None:
        self.clock.advance(by_ms)

    @invariant()
    def sessions_are_as_they_should_be(self) -> None:
        now_ms = self.clock.now_ms()
        for name, model in self.models.items():
            record = self.run(self.store.session("acme", name))
            if record is None:  # before they are made
                return
            status = model.status
            if status is SessionStatus.LIVE and not model.is_alive(now_ms):
                status = SessionStatus.ASLEEP
            assert (record.status, record.epoch) == (status, model.epoch)
            assert record.address == ("host:1" if model.is_alive(now_ms) else "")
            assert record.usage == model.usage

    @invariant()
    def nothing_is_lost_and_nothing_is_doubled(self) -> None:
        for name, model in self.models.items():
            if model.epoch:
                journal = self.run(self.store.read("acme", name))
                assert journal.checkpoint == model.checkpoint
                assert journal.entries == tuple(model.entries[model.num_covered :])
                assert self.run(self.store.transcript("acme", name)) == model.transcript

    @invariant()
    def the_living_are_counted_and_the_dead_soon_are_not(self) -> None:
        now_ms, models = self.clock.now_ms(), self.models.values()
        living = sum(model.is_alive(now_ms) for model in models)
        lately = sum(model.is_alive(now_ms - LISTING_MS) for model in models)
        assert living <= self.run(self.store.count_live("acme")) <= lately

    def teardown(self) -> None:
        for name, model in self.models.items():
            if model.epoch and model.status is not SessionStatus.CLOSED:
                self.run(self.store.touch("acme", name))
        total = sum((model.usage for model in self.models.values()), Usage())
        assert self.run(self.store.usage("acme")) == total
        self.run(self.store.aclose())
        self.runner.close()


def test_the_store_is_what_its_model_is(server: Servers) -> None:
    num_examples = 60 if isinstance(server, EmbeddedValkey) else 20  # where it is slower
    machine = type("Machine", (StoreMachine,), {"server": server})
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=num_examples, stateful_step_count=40, deadline=None),
    )


@pytest.mark.parametrize("sabotage", ["takes", "is_alive"])
def test_the_model_can_tell(server: Servers, sabotage: str) -> None:
    """A model with another idea of one rule is found out."""

    class OtherModel(Model):
        pass

    setattr(OtherModel, sabotage, lambda *_: True)

    class OtherMachine(StoreMachine):
        def __init__(self) -> None:
            super().__init__()
            self.models = {name: OtherModel() for name in NAMES}

        def teardown(self) -> None:
            self.run(self.store.aclose())
            self.runner.close()

    OtherMachine.server = server
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            OtherMachine,
            settings=settings(max_examples=60, stateful_step_count=40, phases=[Phase.generate]),
        )
