"""A resume token is good once, and a client can always resume with the last one that arrived."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from duologue.errors import SessionEnded
from duologue.store.keys import SessionKeys
from duologue.store.resuming import Resumption
from duologue.store.scripts import RESUME, SETTLE_TOKEN
from duologue.store.store import Store
from duologue.store.valkey import EmbeddedValkey
from duologue.usage import Usage
from tests.store.records import a_session, new_lease

FIRST = a_session().resume_digest


def _digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


async def _resume(store: Store, given: bytes, next_one: bytes) -> int | None:
    """The number of the connection."""
    resumed = await store.resume("acme", "one", given, next_one)
    return None if resumed is None else resumed.connection_number


async def test_each_resumption_takes_a_token_and_gives_another(store: Store) -> None:
    await store.create_session(a_session())
    assert await _resume(store, FIRST, _digest(1)) == 1
    assert await _resume(store, _digest(1), _digest(2)) == 2
    assert await _resume(store, FIRST, _digest(3)) is None, "a newer one was used"
    assert await _resume(store, _digest(2), _digest(4)) == 3
    assert await _resume(store, _digest(9), _digest(5)) is None


async def test_one_whose_successor_was_lost_is_good_again(store: Store) -> None:
    await store.create_session(a_session())
    for number in (1, 2, 3):
        assert await _resume(store, FIRST, _digest(number)) == number
    assert await _resume(store, _digest(2), _digest(4)) == 4, "it was only late"
    assert await _resume(store, FIRST, _digest(5)) is None


async def test_one_that_has_arrived_is_the_only_one(store: Store) -> None:
    await store.create_session(a_session())
    await _resume(store, FIRST, _digest(1))
    await _resume(store, FIRST, _digest(2))
    await store.settle_token("acme", "one", _digest(9))  # nobody's
    await store.settle_token("acme", "one", FIRST)  # one before says nothing of those behind it
    await store.settle_token("acme", "one", _digest(1))
    for old in (FIRST, _digest(2), _digest(9)):
        assert await _resume(store, old, _digest(3)) is None
    assert await _resume(store, _digest(1), _digest(4)) == 3


async def test_a_repeat_gets_what_the_first_got(store: Store) -> None:
    """As after an answer of the server that was lost."""
    await store.create_session(a_session())
    assert [await _resume(store, FIRST, _digest(1)) for _ in range(3)] == [1, 1, 1]
    assert [await _resume(store, _digest(1), _digest(2)) for _ in range(2)] == [2, 2]


async def test_who_has_a_token_learns_how_the_session_stands(store: Store) -> None:
    await store.create_session(a_session())
    await store.close_session("acme", "one")
    assert await _resume(store, _digest(9), _digest(1)) is None
    with pytest.raises(SessionEnded):
        await _resume(store, FIRST, _digest(1))


async def test_it_is_told_what_was_used_before(store: Store) -> None:
    lease = await new_lease(store)
    await store.append(lease, b"entry", usage=Usage(1, 2, 3, 4))
    for _ in range(2):
        resumed = await store.resume("acme", "one", FIRST, _digest(1))
        assert resumed == Resumption(1, Usage(1, 2, 3, 4))


async def test_two_at_once_do_not_share_a_number(store: Store) -> None:
    await store.create_session(a_session())
    numbers = await asyncio.gather(*(_resume(store, FIRST, _digest(n)) for n in (1, 2, 3)))
    assert sorted(map(int, filter(None, numbers))) == [1, 2, 3]


# A client over a network that loses and delays: whatever happens, it can resume.


@dataclass(slots=True)
class Play:
    """One session at the server, its client, and what is still on its way to the server."""

    redis: Redis
    key: str
    has: int = 0
    """The token that the client received last."""
    num_given: int = 0
    under_way: list[tuple[str, int]] = field(default_factory=list)
    connection_has: int | None = None
    """The token that came over the present connection."""
    before: set[int] = field(default_factory=set)
    """Tokens that the client had, and has not any more."""

    def resume(self, given: int) -> int | None:
        self.num_given += 1
        made = self.num_given
        arguments = (_digest(given), _digest(made))
        answer = self.redis.eval(RESUME.source, 1, self.key, *arguments)
        return made if answer[0] == b"ok" else None

    def settle(self, token: int) -> None:
        self.redis.eval(SETTLE_TOKEN.source, 1, self.key, _digest(token))

    def receive(self, token: int | None) -> None:
        assert token is not None, f"token {self.has}, the last that arrived, is refused"
        self.before.add(self.has)
        self.has = self.connection_has = token

    @property
    def good(self) -> list[int]:
        kept = self.redis.hmget(self.key, "resume_digest", "resume_also")
        text = b"".join(each for each in kept if isinstance(each, bytes))
        return [int.from_bytes(text[n : n + 32], "big") for n in range(0, len(text), 32)]

    def step(self, what: str) -> None:
        """What the client does, and what becomes of it on the way."""
        match what:
            case "resumes":
                used = self.has
                self.receive(self.resume(self.has))
                assert {*self.good} <= {used, *range(used + 1, self.num_given + 1)}
            case "resumes, and the answer is lost":
                assert self.resume(self.has) is not None
                self.connection_has = None
            case "resumes, and is late" if len(self.late("resume")) < 3:
                self.under_way.append(("resume", self.has))
                self.connection_has = None
            case "speaks" if self.connection_has is not None:
                self.settle(self.connection_has)
                assert self.connection_has != self.has or self.good == [self.has]
            case "speaks, and is late" if self.connection_has is not None:
                self.under_way.append(("settle", self.connection_has))
            case "something arrives" if self.under_way:
                kind, token = self.under_way.pop(0)
                if kind == "settle":
                    self.settle(token)
                else:
                    self.resume(token)  # its answer goes to a connection that is no more

    def late(self, kind: str) -> list[int]:
        return [token for each, token in self.under_way if each == kind]


STEPS = st.lists(
    st.sampled_from(
        [
            "resumes",
            "resumes, and the answer is lost",
            "resumes, and is late",
            "speaks",
            "speaks, and is late",
            "something arrives",
            "something arrives",
        ]
    ),
    max_size=20,
)


@pytest.mark.parametrize("server", ["single"], indirect=True)
@settings(max_examples=50)
@given(steps=STEPS)
def test_the_last_token_that_arrived_is_always_good(
    server: EmbeddedValkey, steps: list[str]
) -> None:
    key = SessionKeys.of("acme", "played").meta
    with Redis.from_url(server.url) as redis:
        redis.delete(key)
        redis.hset(key, mapping={"status": "new", "resume_digest": _digest(0)})
        play = Play(redis, key)
        for what in steps:
            play.step(what)
            good = play.good
            assert play.has in good
            assert len(good) <= 5
        # Once it has spoken with everything arrived, that one is the only one.
        while play.under_way:
            play.step("something arrives")
        play.step("resumes")
        play.step("speaks")
        assert play.good == [play.has]
        for old in play.before:
            assert play.resume(old) is None
