"""`duologue check` of a platform whose clients speak: its sessions judge, and say nothing."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from duologue.checking import answer
from duologue.checking.conversation import converse
from duologue.checking.steps import Step, StepFailed, Steps
from duologue.clock import MonotonicClock
from duologue.states import State
from duologue.store.valkey import EmbeddedValkey
from tests.actors.premises import TENANT, Premises
from tests.gateway.talking import Api
from tests.gateway.test_real_sessions import building, client, valkey

__all__ = ["building", "client", "valkey"]


@pytest.fixture
async def premises(tmp_path: Path, valkey: EmbeddedValkey) -> AsyncIterator[Premises]:
    async with AsyncExitStack() as stack:
        premises = Premises(tmp_path, valkey.url, stack)
        await premises.open()
        premises.dictate(State.QUERY)
        decoding = replace(premises.settings.decoding, strategy="listen")
        premises.settings = replace(premises.settings, decoding=decoding)
        yield premises


async def checked(client: Api, premises: Premises, within_s: float = 30.0) -> dict[str, Step]:
    """The steps that were taken, by name."""
    key = (await premises.store.create_key(TENANT)).key
    clock = MonotonicClock()
    steps = Steps(clock, within_s, lambda _step: None)
    try:
        await converse(client.address, key, None, steps, clock)
    except StepFailed:
        assert not steps.are_good
    return {step.name: step for step in steps.taken}


async def test_where_clients_speak_the_check_does(client: Api, premises: Premises) -> None:
    taken = await checked(client, premises)
    assert list(taken) == ["key", "session", "answer", "closed"]
    assert all(step.is_good for step in taken.values()), taken
    assert taken["answer"].told.startswith("found to be a query after")
    (session,) = (await premises.store.list_sessions(TENANT)).sessions
    entries = await premises.store.transcript(TENANT, session.session_id)
    assert [entry.text for entry in entries] == [answer.QUERY, answer.ANSWER]


async def test_where_nothing_is_found_to_be_a_query_it_fails(
    client: Api, premises: Premises
) -> None:
    premises.dictate(State.NON_QUERY)
    taken = await checked(client, premises, within_s=1.0)
    assert not taken["answer"].is_good
    assert "not done within" in taken["answer"].told
