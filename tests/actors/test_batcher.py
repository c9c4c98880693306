"""A batching actor on real sockets, with a tiny model: what sessions get from it."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from duologue.actors import batcher as batcher_module
from duologue.actors.batcher import BatcherProcess
from duologue.actors.batcher_client import RemoteSeat, describe
from duologue.actors.batcher_options import BatcherOptions
from duologue.batching.load_plan import Load
from duologue.batching.observer import LoopObserver
from duologue.clock import ManualClock
from duologue.cluster_status import BatcherStatus, Shedding
from duologue.errors import (
    BatcherUnavailable,
    CapacityExceeded,
    InvalidInput,
    StaleEpoch,
)
from duologue.events import ClientEvent, InputAppend, InputCommit
from duologue.forward.rows import ForwardOutput
from duologue.lane.slices import Slice, SliceResult
from duologue.runtime.assembly import Assembly
from duologue.service_settings import BatchingSettings
from duologue.session.session import Session
from duologue.settings import Settings
from duologue.states import State
from duologue.text.token_edit import TokenEdit
from duologue.v1 import batching_pb2 as pb
from duologue.v1.batching_pb2_grpc import BatchingServiceStub
from tests.actors.speaker import Speaker, sit, speaker
from tests.frugal_client import frugal_client
from tests.unit.talk.worlds import TICK_MS, DictatedHead, Theatre, tiny_assembly
from tests.waiting import WITHIN_S, waiting_for


class House:
    """A batching actor whose clock stands still, unless an observer moves it."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.assembly, self.head = tiny_assembly(folder)
        self.clock = ManualClock()
        self._stack = stack

    async def start(
        self,
        *,
        listen: str = "127.0.0.1:0",
        max_sessions: int = 4,
        observer: LoopObserver | None = None,
        announcer: "Notes | None" = None,
    ) -> BatcherProcess:
        settings = Settings(
            batching=BatchingSettings(gather_ms=0, max_sessions=max_sessions),
            decoding=self.assembly.setup.decoding,
        )
        batcher = BatcherProcess(
            self.assembly,
            settings,
            BatcherOptions("b1", listen=(listen,), stop_within_s=1.0),
            clock=self.clock,
            observer=observer,
            announcer=announcer,
        )
        return await self._stack.enter_async_context(batcher)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        yield House(tmp_path / "served", stack)


Play = list[tuple[State, ClientEvent | None]]

PAUSE: Play = [(State.INCOMPLETE, None)] * 14
"""Long enough for what was decided to be confirmed, and for what follows to be something new."""
TALK: Play = [
    (State.INCOMPLETE, InputAppend("a", "what is the")),
    (State.QUERY, InputAppend("a", " capital")),
    *PAUSE,
    (State.INCOMPLETE, InputAppend("b", "mhm")),
    (State.NON_QUERY, InputAppend("b", " yes")),
    *PAUSE,
    (State.INCOMPLETE, InputAppend("c", "no, how far")),
    (State.QUERY, InputAppend("c", " is the train")),
    (State.INCOMPLETE, None),
    (State.INCOMPLETE, None),
    (State.INCOMPLETE, None),
    (State.INCOMPLETE, InputCommit()),
]


def play_locally(assembly: Assembly, head: DictatedHead) -> Theatre:
    """The talk in a `LocalRuntime`."""
    world = Theatre(assembly)
    for state, event in TALK:
        head.state = state
        if event is not None:
            world.runtime.send("s", event)
        world.run_ticks()
    return world


async def play(one: Speaker, head: DictatedHead) -> None:
    """The same through a seat."""
    for state, event in TALK:
        head.state = state
        if event is not None:
            one.send(event)
        await one.run_tick()


async def test_a_conversation_is_the_same_as_in_one_process(house: House, tmp_path: Path) -> None:
    batcher = await house.start()
    one = await speaker(batcher.address, house.assembly.setup)
    await play(one, house.head)
    world = play_locally(*tiny_assembly(tmp_path / "local"))
    assert one.told == world.told
    assert one.session.transcript == world.session.transcript
    assert one.session.state == world.session.state
    assert len(one.session.transcript) >= 4
    await one.seat.close()


async def test_sessions_side_by_side_do_not_disturb_each_other(
    house: House, tmp_path: Path
) -> None:
    batcher = await house.start()
    setup = house.assembly.setup
    crowd = [await speaker(batcher.address, setup, f"s{number}") for number in range(4)]
    for state, event in TALK:
        house.head.state = state
        for one in crowd:
            if event is not None:
                one.send(event)
        await asyncio.gather(*(one.run_tick() for one in crowd))
    alone = play_locally(*tiny_assembly(tmp_path / "local"))
    assert all(one.told == alone.told for one in crowd)


async def test_the_model_is_described_once_and_then_known_by_its_digest(house: House) -> None:
    batcher = await house.start()
    words = await describe(batcher.address)
    model = house.assembly.model
    assert words.tokenizer.encode("what is it") == model.tokenizer.encode("what is it")
    assert (words.chat, words.model) == (model.chat, model.name)
    assert words.max_positions == model.geometry.max_positions
    assert words.thresholds == house.head.thresholds
    assert await describe(batcher.address) is words
    async with aio.insecure_channel(batcher.address) as channel:
        stub = BatchingServiceStub(channel)
        known = await stub.Describe(pb.DescribeRequest(known_digest=words.digest))
        whole = await stub.Describe(pb.DescribeRequest(known_digest="another"))
    assert (known.digest, known.tokenizer, known.chat_format) == (words.digest, b"", "")
    assert whole.tokenizer


async def test_a_newer_epoch_takes_over_and_the_older_ones_result_is_dropped(
    house: House,
) -> None:
    class Held(LoopObserver):
        """The forwards of the first slice wait until the second owner has come."""

        def forward_over(self, took_ms: float, num_rows: int) -> None:
            if not has_waited:
                has_waited.append(True)
                is_under_way.set_soon()
                batcher.loop.queue.wait(WITHIN_S * 1e3)

    has_waited: list[bool] = []
    is_under_way = _ThreadedEvent()
    batcher = await house.start(observer=Held())
    setup = house.assembly.setup
    house.head.state = State.QUERY
    old = await speaker(batcher.address, setup)
    old.send(InputAppend("a", "what is it"))
    await old.ask()
    await is_under_way.wait()
    new = await sit(batcher.address, setup, epoch=2)
    with pytest.raises(StaleEpoch, match="under epoch 2"):
        await old.listen()
    assert old.results == []
    with pytest.raises(StaleEpoch):
        await sit(batcher.address, setup, epoch=1)
    second = Session("s", setup, epoch=2)
    follower = Speaker(second, new, ManualClock(), TICK_MS)
    follower.send(InputAppend("a", "what is it"))
    follower.send(InputCommit())
    await follower.run_tick()
    assert follower.results[0].epoch == 2
    assert second.transcript[0].text == "what is it"
    house.assembly.engine.check_integrity()


async def test_a_stream_that_breaks_leaves_its_seat_and_cells_to_others(house: House) -> None:
    batcher = await house.start(max_sessions=1)
    setup = house.assembly.setup
    house.head.state = State.QUERY
    first = await speaker(batcher.address, setup, "first")
    first.send(InputAppend("a", "what is it"))
    await first.run_ticks(2)
    assert house.assembly.engine.memory.num_slots == 1
    with pytest.raises(CapacityExceeded, match="all 1 seats"):
        await sit(batcher.address, setup, "second")
    first.seat._call.cancel()
    seat = await _sit_when_free(batcher.address, house, "second")
    second = Speaker(Session("second", setup), seat, ManualClock(), TICK_MS)
    second.send(InputAppend("a", "how far is it"))
    await second.run_ticks(2)
    assert second.results[-1].error is None
    assert house.assembly.engine.memory.num_slots == 1
    house.assembly.engine.check_integrity()


async def _sit_when_free(address: str, house: House, session_id: str) -> RemoteSeat:
    """Each attempt is a call over the network, so that this does not spin."""
    async with waiting_for("a free seat"):
        while True:
            with suppress(CapacityExceeded):
                return await sit(address, house.assembly.setup, session_id)


async def test_an_orderly_end_frees_the_seat_too(house: House) -> None:
    batcher = await house.start(max_sessions=1)
    one = await speaker(batcher.address, house.assembly.setup)
    await one.seat.close()
    async with waiting_for("the end of the seat"):
        assert [response async for response in one.seat] == []
    await _sit_when_free(batcher.address, house, "next")


async def test_a_late_slice_joins_the_running_forwards(house: House) -> None:
    class WaitsOnce(LoopObserver):
        """After its first forward, the loop waits for the late one's slice to come in."""

        def forward_over(self, took_ms: float, num_rows: int) -> None:
            if not has_waited:
                has_waited.append(True)
                first_forward.set_soon()
                batcher.loop.queue.wait(WITHIN_S * 1e3)

    has_waited: list[bool] = []
    first_forward = _ThreadedEvent()
    batcher = await house.start(observer=WaitsOnce())
    setup = house.assembly.setup
    house.head.state = State.QUERY
    early = await speaker(batcher.address, setup, "early")
    late = await speaker(batcher.address, setup, "late")
    early.send(InputAppend("a", "what is it"))
    late.send(InputAppend("a", "how far"))
    await early.ask()
    await first_forward.wait()
    await late.ask()
    results = [await early.listen(), await late.listen()]
    assert [result.num_forwards for result in results] == [4, 4]
    assert house.assembly.engine.num_forwards == 5


class _ThreadedEvent:
    """Set by a thread, awaited by the event loop that made it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def set_soon(self) -> None:
        self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self) -> None:
        async with waiting_for("the first forward"):
            await self._event.wait()


class _Slow(LoopObserver):
    """Lets every forward take a while, by the clock of the batching actor."""

    def __init__(self, clock: ManualClock, forward_ms: float) -> None:
        self._clock = clock
        self._forward_ms = forward_ms

    def forward_over(self, took_ms: float, num_rows: int) -> None:
        self._clock.advance(self._forward_ms)


async def test_overload_sheds_and_says_so(house: House) -> None:
    batcher = await house.start(observer=_Slow(house.clock, 1.2 * TICK_MS))
    setup = house.assembly.setup
    house.head.state = State.QUERY
    one = await speaker(batcher.address, setup)
    seats = aiter(one.seat)
    loads: list[Load] = []
    results: list[SliceResult] = []
    while not loads or loads[-1].shedding is not Shedding.ADMISSION:
        work = Slice("s", 1, one.tick, edit=_edit(one), reply_tokens=4, look_ahead_tokens=2)
        await one.seat.submit(work)
        async with waiting_for("the result of a slice", lambda: loads):
            while not isinstance(response := await anext(seats), SliceResult):
                loads.append(response)
        results.append(response)
    assert [(load.shedding, load.max_reply_tokens) for load in loads] == [
        (Shedding.LOOK_AHEAD, None),
        (Shedding.REPLY_TOKENS, loads[1].max_reply_tokens),
        *[(Shedding.REPLY_TOKENS, load.max_reply_tokens) for load in loads[2:-1]],
        (Shedding.ADMISSION, 1),
    ]
    assert one.seat.load == loads[-1]
    assert results[-1].num_forwards <= 2  # the query's own, and a single token
    with pytest.raises(CapacityExceeded, match="overloaded"):
        await sit(batcher.address, setup, "another")
    # A conversation that is under way is no new load: it lost its seat, here or elsewhere.
    await sit(batcher.address, setup, "another", had_seat=True)
    assert batcher.status.shedding is Shedding.ADMISSION
    told = batcher.status
    assert told.late_tick_share > 0
    assert told.longest_tick_ms >= told.tick_ms > told.deadline_ms == TICK_MS
    assert told.rows_per_forward >= 1
    assert 0 < told.held_cells <= told.max_cells


def _edit(one: Speaker) -> TokenEdit:
    """A new utterance, which the dictated head takes for a query."""
    return TokenEdit(0, tuple(one.session.setup.tokenizer.encode("what is it")))


async def test_what_a_session_sends_wrong_is_refused_and_disturbs_nobody(house: House) -> None:
    batcher = await house.start()
    setup = house.assembly.setup
    house.head.state = State.QUERY
    good = await speaker(batcher.address, setup, "good")
    bad = await speaker(batcher.address, setup, "bad")
    good.send(InputAppend("a", "what is it"))
    vocab_size = house.assembly.model.geometry.vocab_size
    await bad.seat.submit(Slice("bad", 1, 0, edit=TokenEdit(0, (vocab_size,))))
    await good.run_tick()
    async with waiting_for("the refusal"):
        response = await anext(aiter(bad.seat))
    assert isinstance(response, SliceResult)
    assert isinstance(response.error, InvalidInput)
    assert "slice.edit.append" in str(response.error)
    # The seat stays, and another slice is run.
    bad.send(InputAppend("a", "how far"))
    await bad.run_tick()
    assert bad.results[-1].error is None
    await good.run_tick()
    assert all(result.error is None for result in good.results)


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (pb.SitRequest(), "take_seat must be the first"),
        (pb.SitRequest(rest=pb.Rest()), "take_seat must be the first"),
        (pb.SitRequest(take_seat=pb.TakeSeat(strategy="duo")), "take_seat.tenant_id"),
        (
            pb.SitRequest(
                take_seat=pb.TakeSeat(tenant_id="t", session_id="s", epoch=1, strategy="none")
            ),
            "strategy must be one of",
        ),
    ],
)
async def test_a_stream_that_begins_wrong_is_told_why_and_ends(
    house: House, request_: pb.SitRequest, says: str
) -> None:
    batcher = await house.start()
    async with aio.insecure_channel(batcher.address) as channel:
        call: Any = BatchingServiceStub(channel).Sit()
        async with waiting_for("the refusal"):
            await call.write(request_)
            response = await call.read()
        assert isinstance(response, pb.SitResponse)
        assert response.unseated.code in ("invalid_input", "invalid_setting")
        assert says in response.unseated.message
        assert await call.read() is aio.EOF
        assert (await call.code()).name == "OK"


async def test_bytes_that_are_no_message_cost_only_their_own_stream(house: House) -> None:
    batcher = await house.start()
    one = await speaker(batcher.address, house.assembly.setup)
    async with aio.insecure_channel(batcher.address) as channel:
        call: Any = channel.stream_stream("/duologue.v1.BatchingService/Sit")()
        await call.write(b"\xff\xff\xff\xff")
        await call.done_writing()
        async with waiting_for("the end of the call"):
            assert await call.read() is aio.EOF
    house.head.state = State.QUERY
    one.send(InputAppend("a", "what is it"))
    await one.run_tick()
    assert one.results[0].error is None


async def test_a_second_slice_before_the_result_of_the_first_costs_the_seat(house: House) -> None:
    class Held(LoopObserver):
        def forward_over(self, took_ms: float, num_rows: int) -> None:
            batcher.loop.queue.wait(WITHIN_S * 1e3)

    batcher = await house.start(observer=Held())
    house.head.state = State.QUERY
    one = await speaker(batcher.address, house.assembly.setup)
    work = Slice("s", 1, 0, edit=_edit(one))
    await one.seat.submit(work)
    await one.seat.submit(work)
    async with waiting_for("the loss of the seat"):
        with pytest.raises(InvalidInput, match="slice must wait"):
            await anext(aiter(one.seat))


async def test_a_failed_forward_fails_its_slices_and_the_conversations_go_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    batcher = await house.start()
    engine, setup = house.assembly.engine, house.assembly.setup
    house.head.state = State.QUERY
    one = await speaker(batcher.address, setup)
    one.send(InputAppend("a", "what is it"))
    run = engine._merged.run

    def fail(*_: object) -> ForwardOutput:
        raise MemoryError("none left")

    monkeypatch.setattr(engine._merged, "run", fail)
    await one.run_tick()
    assert "MemoryError: none left" in str(one.results[0].error)
    assert not batcher.status.is_healthy
    monkeypatch.setattr(engine._merged, "run", run)
    one.clock.advance(2_000)
    await one.run_tick()
    assert one.results[1].error is None
    assert one.session.transcript[0].text == "what is it"
    assert batcher.is_healthy
    engine.check_integrity()


async def test_everybody_is_told_when_the_batching_actor_stops(house: House) -> None:
    batcher = await house.start()
    one = await speaker(batcher.address, house.assembly.setup)
    await batcher.stop()
    async with waiting_for("the loss of the seat"):
        with pytest.raises(BatcherUnavailable, match="being stopped"):
            await anext(aiter(one.seat))
    with pytest.raises(BatcherUnavailable):
        await one.seat.submit(Slice("s", 1, 0))
    with pytest.raises(BatcherUnavailable):
        await RemoteSeat.take(
            batcher.address,
            tenant_id="t",
            session_id="s",
            epoch=1,
            strategy=house.assembly.setup.strategy,
            lane=one.seat.request.lane,
            profile=one.seat.request.profile,
            within_s=0.5,
        )


class Notes:
    """A store that only writes down who announced what."""

    def __init__(self) -> None:
        self.announced: list[BatcherStatus] = []
        self.retracted: list[str] = []

    async def announce_batcher(self, status: BatcherStatus, ttl_ms: int = 5_000) -> bool:
        self.announced.append(status)
        return False

    async def batchers(self) -> tuple[BatcherStatus, ...]:
        return ()

    async def retract_batcher(self, batcher_id: str) -> None:
        self.retracted.append(batcher_id)


async def test_it_announces_itself_and_takes_that_back_when_it_stops(
    house: House, tmp_path: Path
) -> None:
    notes = Notes()
    batcher = await house.start(listen=f"unix:{tmp_path}/b.sock", announcer=notes)
    told = notes.announced[0]
    assert told == replace(batcher.status, sessions=0)
    assert (told.address, told.max_sessions) == (f"unix:{tmp_path}/b.sock", 4)
    assert told.is_healthy
    assert told.model == house.assembly.model.name
    await batcher.stop()
    assert notes.retracted == ["b1"]


class FullForAWhile(Notes):
    """A store that takes the first announcement, and then not the next two."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals = [CapacityExceeded("the store is full"), RuntimeError("a fault")]
        self.is_told_again = asyncio.Event()

    async def announce_batcher(self, status: BatcherStatus, ttl_ms: int = 5_000) -> bool:
        if self.announced and self.refusals:
            raise self.refusals.pop()
        is_wanted = await super().announce_batcher(status, ttl_ms)
        if not self.refusals:
            self.is_told_again.set()
        return is_wanted


async def test_it_announces_itself_again_when_the_store_has_room_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher_module, "ANNOUNCE_EVERY_S", 0.001)
    notes = FullForAWhile()
    await house.start(announcer=notes)
    async with waiting_for("another announcement"):
        await notes.is_told_again.wait()


async def test_its_health_can_be_asked_for(house: House) -> None:
    batcher = await house.start()
    async with aio.insecure_channel(batcher.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", "duologue.v1.BatchingService"):
            told = await stub.Check(health_pb2.HealthCheckRequest(service=service))
            assert told.status == health_pb2.HealthCheckResponse.SERVING


async def test_who_watches_its_health_and_reads_nothing_holds_up_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher_module, "ANNOUNCE_EVERY_S", 0.001)
    notes = Notes()
    batcher = await house.start(announcer=notes)
    async with frugal_client(batcher.address) as frugal:
        for service in ("", "duologue.v1.BatchingService"):
            request = health_pb2.HealthCheckRequest(service=service).SerializeToString()
            stream = await frugal.call("/grpc.health.v1.Health/Watch", request)
            async with waiting_for("the beginning of an answer"):
                await frugal.until_headers(stream)
        num_told = len(notes.announced)
        async with waiting_for("more announcements"):
            while len(notes.announced) < num_told + 2:
                await asyncio.sleep(0.001)
            await batcher.stop()
    assert notes.retracted == ["b1"]


async def test_an_address_that_is_taken_is_an_error(house: House, tmp_path: Path) -> None:
    with pytest.raises(BatcherUnavailable, match="cannot listen at"):
        await house.start(listen=f"unix:{tmp_path}/missing/b.sock")


def test_a_sessions_process_needs_no_torch() -> None:
    code = (
        "import sys, duologue.actors.batcher_client\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
