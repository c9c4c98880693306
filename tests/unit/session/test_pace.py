"""The pace of a reply: ahead of its listener, neither too far nor too little, in few slices."""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import ceil

from hypothesis import assume, given
from hypothesis import strategies as st

from duologue.session.pace import CLOSE, Listener, Pace
from duologue.settings import DecodingSettings

START_MS = 1.7e12
"""About what a clock of Unix time says."""
USUAL = Pace.of(DecodingSettings())

paces = st.builds(
    Pace,
    tokens_per_second=st.floats(0.5, 200),
    ahead_tokens=st.integers(1, 60),
    tokens_per_slice=st.integers(1, 16),
    tick_ms=st.sampled_from([20, 80, 160, 333]),
)
listeners = st.none() | st.builds(
    Listener, st.floats(0, 20_000).map(lambda ms: START_MS + ms), st.integers(0, 300)
)
moments = st.floats(0, 30_000).map(lambda ms: START_MS + ms)


@dataclass
class Reply:
    """One without an end, asked for tick by tick; its slices take no time."""

    pace: Pace
    tick: int
    listener: Listener | None = None
    num_tokens: int = 1
    """The slice in which it began has said the first one."""
    asked: list[tuple[int, int]] = field(default_factory=list)
    """In which ticks, and for how many tokens."""

    @property
    def now_ms(self) -> float:
        return self.tick * self.pace.tick_ms

    @property
    def lead(self) -> float:
        """Tokens that the listener has not come to."""
        listener, rate = self.listener, self.pace.tokens_per_second / 1000
        if listener is None:
            return self.num_tokens
        return self.num_tokens - listener.num_tokens - (self.now_ms - listener.at_ms) * rate

    def show(self) -> None:
        self.listener = Listener(self.now_ms, 0)

    def pass_ticks(self, count: int) -> None:
        for _ in range(count):
            self.tick += 1
            due_ms = self.pace.due_at_ms(self.num_tokens, self.listener, self.now_ms)
            if due_ms is not None and due_ms <= self.now_ms:
                num_due = self.pace.num_due(self.num_tokens, self.listener, self.now_ms)
                self.num_tokens += num_due
                self.asked.append((self.tick, num_due))

    @property
    def asked_ticks(self) -> list[int]:
        return [tick for tick, _ in self.asked]


def begun(pace: Pace, tick: int = 10_000_000_000) -> Reply:
    reply = Reply(pace, tick)
    reply.show()
    return reply


def keeps_up(pace: Pace) -> bool:
    """Whether slices can bring what is listened to, and the lead lasts for the waiting."""
    per_tick = pace.tokens_per_second * pace.tick_ms / 1000
    return pace.tokens_per_slice >= per_tick + 1 and pace.ahead_tokens >= 2 * (per_tick + 1)


@given(paces, st.integers(0, 300), listeners, moments)
def test_what_is_announced_comes_and_is_worth_a_slice(
    pace: Pace, num_tokens: int, listener: Listener | None, now_ms: float
) -> None:
    due_ms = pace.due_at_ms(num_tokens, listener, now_ms)
    if due_ms is None:
        assert listener is None
        assert num_tokens >= pace.ahead_tokens
        return
    assert due_ms >= now_ms
    again_ms = pace.due_at_ms(num_tokens, listener, due_ms)
    assert again_ms == due_ms
    assert 1 <= pace.num_due(num_tokens, listener, due_ms) <= pace.tokens_per_slice


@given(paces, st.integers(0, 300), listeners, moments, st.floats(0, 5_000))
def test_more_is_due_later_and_less_of_a_longer_reply(
    pace: Pace, num_tokens: int, listener: Listener | None, now_ms: float, passed_ms: float
) -> None:
    num_due = pace.num_due(num_tokens, listener, now_ms)
    assert pace.num_due(num_tokens, listener, now_ms + passed_ms) >= num_due
    assert pace.num_due(num_tokens + 1, listener, now_ms) <= num_due


@given(paces, st.lists(st.integers(1, 9), max_size=30), st.integers(0, 1000))
def test_a_reply_is_never_further_ahead_than_its_lead(
    pace: Pace, pauses: list[int], tick: int
) -> None:
    """Whatever ticks were missed before."""
    reply = begun(pace, tick)
    for num_missed in pauses:
        reply.tick += num_missed
        reply.pass_ticks(1)
        assert reply.lead <= pace.ahead_tokens + CLOSE
        assert all(num_due <= pace.tokens_per_slice for _, num_due in reply.asked)


@given(paces, st.integers(0, 1000))
def test_a_listener_never_waits(pace: Pace, tick: int) -> None:
    assume(keeps_up(pace))
    reply = begun(pace, tick)
    while reply.lead < pace.ahead_tokens / 2:  # the first ticks bring the lead
        reply.pass_ticks(1)
        assert len(reply.asked) <= ceil(pace.ahead_tokens)
    for _ in range(200):
        reply.pass_ticks(1)
        assert reply.lead > 0


@given(paces, st.integers(0, 1000), st.integers(1, 40))
def test_a_reply_that_is_behind_catches_up(pace: Pace, tick: int, num_missed: int) -> None:
    assume(keeps_up(pace))
    reply = begun(pace, tick)
    reply.pass_ticks(20)
    reply.tick += num_missed
    gain = pace.tokens_per_slice - pace.tokens_per_second * pace.tick_ms / 1000
    reply.pass_ticks(
        ceil((pace.ahead_tokens / 2 - reply.lead + 1) / gain) + 1 if reply.lead < 0 else 9
    )
    assert reply.lead >= 0


def test_the_usual_pace_asks_in_every_second_tick_for_all_that_was_listened_to() -> None:
    reply = begun(USUAL)
    reply.pass_ticks(100)
    ticks = reply.asked_ticks
    assert ticks[:3] == [10_000_000_001, 10_000_000_002, 10_000_000_003]  # the lead
    assert {later - tick for tick, later in pairwise(ticks[3:])} == {2}
    assert {num_due for _, num_due in reply.asked[3:]} == {3, 4}
    assert 12 * 16 <= reply.num_tokens <= 12 + 12 * 16
    assert len(ticks) <= reply.num_tokens / USUAL.tokens_per_slice + 3


@given(st.floats(1, 20), st.integers(12, 40), st.integers(2, 8), st.integers(0, 999))
def test_slices_are_few(rate: float, ahead: int, tokens_per_slice: int, tick: int) -> None:
    pace = Pace(rate, ahead, tokens_per_slice, 160)
    assume(keeps_up(pace))
    reply = begun(pace, tick)
    reply.pass_ticks(10)
    reply.asked.clear()
    num_before = reply.num_tokens
    reply.pass_ticks(400)
    whole = min(tokens_per_slice, ahead / 2)
    assert len(reply.asked) <= (reply.num_tokens - num_before) / (whole / 2) + 2


@given(st.lists(st.integers(0, 50), min_size=2, max_size=6))
def test_sessions_ask_in_the_same_ticks(starts: list[int]) -> None:
    replies = [begun(USUAL, 1_000_000 + start) for start in starts]
    asked = set()
    for reply in replies:
        reply.pass_ticks(1_000_100 - reply.tick)
        asked |= {tick % 2 for tick in reply.asked_ticks if tick > 1_000_060}
    assert asked == {0}


def test_only_a_lead_is_computed_of_what_is_not_shown() -> None:
    reply = Reply(USUAL, 10)
    reply.pass_ticks(50)
    assert reply.num_tokens == USUAL.ahead_tokens
    assert reply.asked_ticks == [11, 12, 13]


def test_reports_are_followed() -> None:
    reply = begun(USUAL)
    reply.pass_ticks(10)
    reply.listener = Listener(reply.now_ms, 3)  # a slow player
    num_tokens = reply.num_tokens
    reply.pass_ticks(2)
    assert reply.num_tokens == num_tokens
    reply.listener = Listener(reply.now_ms, num_tokens)  # one that had waited for more
    reply.pass_ticks(1)
    assert reply.num_tokens == num_tokens + USUAL.tokens_per_slice


def test_without_a_pace_every_slice_is_full() -> None:
    reply = begun(replace(USUAL, tokens_per_second=0.0))
    reply.listener = None
    reply.pass_ticks(50)
    assert reply.num_tokens == 1 + 50 * USUAL.tokens_per_slice
