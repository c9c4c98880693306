"""The Realtime API as the official client speaks it, before real sessions with a tiny model."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from duologue.states import State
from duologue.store.valkey import EmbeddedValkey
from tests.actors.premises import TENANT
from tests.gateway.real import MODEL, House, house
from tests.waiting import waiting_for


@pytest.fixture
async def home(tmp_path: Path, server: EmbeddedValkey) -> AsyncIterator[House]:
    async with house(tmp_path, server.url) as home:
        yield home


@pytest.fixture
async def client(home: House) -> AsyncIterator[AsyncOpenAI]:
    async with home.openai() as client:
        yield client


class Talk:
    """A connection, and what came over it."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.told: list[Any] = []

    async def until(self, kind: str) -> Any:
        """Read on until an event of this kind comes."""
        async with waiting_for(kind, lambda: self.kinds):
            while True:
                event = await self.connection.recv()
                self.told.append(event)
                if event.type == kind:
                    return event

    async def say(self, text: str) -> None:
        """What the user says, as turn-based clients have it."""
        content: Any = [{"type": "input_text", "text": text}]
        item: Any = {"type": "message", "role": "user", "content": content}
        await self.connection.conversation.item.create(item=item)
        await self.connection.response.create()

    async def send(self, **event: Any) -> None:
        """An event that the client has no method for."""
        await self.connection.send(event)  # type: ignore[arg-type]

    @property
    def kinds(self) -> list[str]:
        return [event.type for event in self.told]

    @property
    def text(self) -> str:
        deltas = [e.delta for e in self.told if e.type == "response.output_text.delta"]
        return "".join(deltas)


@asynccontextmanager
async def talking(client: AsyncOpenAI, model: str = MODEL) -> AsyncIterator[Talk]:
    async with client.realtime.connect(model=model) as connection:
        yield Talk(connection)


async def test_a_question_and_its_answer(client: AsyncOpenAI) -> None:
    async with talking(client) as talk:
        created = await talk.until("session.created")
        assert created.session.model == MODEL
        assert created.session.output_modalities == ["text"]
        await talk.connection.session.update(
            session={"type": "realtime", "instructions": "Be brief.", "output_modalities": ["text"]}
        )
        updated = await talk.until("session.updated")
        assert updated.session.instructions == "Be brief."
        await talk.say("what is it?")
        done = await talk.until("response.done")
        assert [kind for kind in talk.kinds if not kind.startswith("duologue.")] == [
            "session.created",
            "conversation.created",
            "session.updated",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            *["response.output_text.delta"] * talk.kinds.count("response.output_text.delta"),
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "conversation.item.done",
            "response.done",
        ]
        assert talk.text
        assert done.response.output[0].content[0].text == talk.text
        assert done.response.status in ("completed", "incomplete")
        assert done.response.usage.output_tokens > 0
        assert done.response.usage.input_tokens > 0
        assert len({event.event_id for event in talk.told}) == len(talk.told)


async def test_the_assistant_speaks_first(client: AsyncOpenAI) -> None:
    async with talking(client) as talk:
        await talk.connection.response.create(response={"instructions": "Greet the user."})
        done = await talk.until("response.done")
        assert done.response.output[0].content[0].text == talk.text
        assert talk.text


async def test_text_is_judged_while_it_is_said(client: AsyncOpenAI, home: House) -> None:
    async with talking(client) as talk:
        home.premises.dictate(State.INCOMPLETE)
        await talk.send(type="duologue.input_text.append", text="what is")
        state = await talk.until("duologue.input_state")
        assert (state.state, state.text) == ("incomplete", "what is")
        home.premises.dictate(State.QUERY)
        await talk.send(type="duologue.input_text.append", text=" it?")
        await talk.send(type="duologue.input_text.commit")
        await talk.until("response.done")
        assert talk.text


async def test_a_response_is_cancelled(client: AsyncOpenAI) -> None:
    async with talking(client) as talk:
        await talk.say("what is it?")
        created = await talk.until("response.created")
        await talk.until("response.output_text.delta")
        await talk.connection.response.cancel(response_id=created.response.id)
        done = await talk.until("response.done")
        assert done.response.status == "cancelled"
        assert done.response.status_details.reason == "client_cancelled"
        await talk.connection.response.cancel()
        assert (await talk.until("error")).error.code == "response_cancel_not_active"


async def test_the_user_cuts_in(client: AsyncOpenAI) -> None:
    async with talking(client) as talk:
        await talk.say("what is it?")
        await talk.until("response.output_text.delta")
        await talk.send(type="duologue.input_text.append", text="no, wait, who is it?")
        await talk.send(type="duologue.input_text.commit")
        await talk.until("duologue.interrupted")
        done = await talk.until("response.done")
        assert done.response.status == "cancelled"
        assert done.response.status_details.reason == "turn_detected"
        again = await talk.until("response.done")
        assert again.response.status in ("completed", "incomplete")
        assert again.response.id != done.response.id


async def test_what_wants_no_answer_gets_an_empty_response(
    client: AsyncOpenAI, home: House
) -> None:
    async with talking(client) as talk:
        home.premises.dictate(State.NON_QUERY)
        await talk.say("uh huh")
        done = await talk.until("response.done")
        assert (done.response.status, done.response.output) == ("completed", [])


async def test_the_client_answers_with_a_model_of_its_own(client: AsyncOpenAI, home: House) -> None:
    listen = {"type": "realtime", "duologue": {"strategy": "listen"}}
    async with talking(client) as talk:
        await talk.send(type="session.update", session=listen)
        await talk.send(type="duologue.input_text.append", text="what is it?")
        await talk.send(type="duologue.input_text.commit")
        assert (await talk.until("duologue.input_state")).state == "query"
        first = (await talk.until("response.created")).response.id
        await talk.send(type="duologue.assistant_said", response_id=first, text="It is a")
        more = {"text": " long story.", "heard_chars": 7}
        await talk.send(type="duologue.assistant_said", response_id=first, **more)
        await talk.send(type="duologue.input_text.append", text="and what else?")
        await talk.send(type="duologue.input_text.commit")
        assert (await talk.until("duologue.interrupted")).heard_chars == 7
        assert (await talk.until("response.done")).response.status == "cancelled"
        second = (await talk.until("response.created")).response.id
        last = {"text": "Nothing.", "is_end": True, "heard_chars": 8}
        await talk.send(type="duologue.assistant_said", response_id=second, **last)
        done = await talk.until("response.done")
        assert done.response.output[0].content[0].text == "Nothing."
        assert done.response.usage.output_tokens == 0
        assert talk.text == "", "nothing is said by the platform"
        told = next(event for event in talk.told if event.type == "duologue.session_ready")
        page = await home.premises.store.transcript_page(TENANT, told.session_id, 9, "")
    assert [(entry.role.value, entry.text) for entry in page.entries] == [
        ("user", "what is it?"),
        ("assistant", "It is a"),
        ("user", "and what else?"),
        ("assistant", "Nothing."),
    ]


async def test_the_clients_own_assistant_speaks_first(client: AsyncOpenAI) -> None:
    async with talking(client) as talk:
        listen = {"type": "realtime", "duologue": {"strategy": "listen"}}
        await talk.send(type="session.update", session=listen)
        await talk.send(type="duologue.assistant_said", text="Hello.", is_end=True)
        done = await talk.until("response.done")
        assert done.response.output[0].content[0].text == "Hello."
        await talk.connection.response.create()
        assert "the client speaks" in (await talk.until("error")).error.message


async def test_what_was_heard_is_what_stays(client: AsyncOpenAI, home: House) -> None:
    async with talking(client) as talk:
        await talk.say("what is it?")
        added = await talk.until("response.output_item.added")
        await talk.until("response.output_text.delta")
        await talk.connection.response.cancel()
        await talk.until("response.done")
        await talk.send(
            type="conversation.item.truncate",
            item_id=added.item.id,
            content_index=0,
            audio_end_ms=0,
        )
        assert (await talk.until("conversation.item.truncated")).item_id == added.item.id


async def test_errors_name_the_event_and_its_field(client: AsyncOpenAI) -> None:
    async with talking(client) as talk:
        await talk.connection.input_audio_buffer.append(audio="AAAA")
        assert (await talk.until("error")).error.code == "audio_not_supported"
        await talk.send(type="session.update", event_id="mine", session={"tools": [{}]})
        error = (await talk.until("error")).error
        assert (error.type, error.param) == ("invalid_request_error", "session.tools[0].name")
        assert error.event_id == "mine"
        await talk.send(type="session.update", session={"duologue": {"temperature": -1}})
        error = (await talk.until("error")).error
        assert error.param == "session.duologue.temperature"
        await talk.send(type="duologue.input_text.commit")
        assert (await talk.until("error")).error.code == "no_input"
        await talk.say("what is it?")
        await talk.until("response.done")
        await talk.connection.session.update(session={"type": "realtime", "instructions": "New."})
        error = (await talk.until("error")).error
        assert error.param == "session.instructions"
        await talk.connection.session.update(session={"type": "realtime", "max_output_tokens": 3})
        await talk.until("session.updated")
        note: Any = {
            "type": "message",
            "role": "system",
            "content": [{"type": "input_text", "text": "It rains."}],
        }
        await talk.connection.conversation.item.create(item=note)
        await talk.say("and now?")
        done = await talk.until("response.done")
        assert done.response.status_details.reason == "max_output_tokens"


@pytest.mark.parametrize(
    ("key", "model", "status", "code"),
    [
        ("duo_a_b", MODEL, 401, "invalid_api_key"),
        (None, "gpt-realtime", 404, "model_not_found"),
    ],
)
async def test_what_cannot_begin(
    home: House, key: str | None, model: str, status: int, code: str
) -> None:
    async with home.openai(key) as client:
        with pytest.raises(InvalidStatus) as caught:
            await client.realtime.connect(model=model).enter()
    answer = caught.value.response
    assert answer.status_code == status
    assert answer.body is not None
    assert f'"code":"{code}"' in answer.body.decode()


async def test_the_end_of_the_connection_closes_the_session(
    client: AsyncOpenAI, home: House
) -> None:
    async with talking(client) as talk:
        await talk.say("what is it?")
        session_id = (await talk.until("duologue.session_ready")).session_id
    async with waiting_for("the end of the session"):
        while True:
            session = await home.premises.store.require_session(TENANT, session_id)
            if session.status == "closed":
                break
            await asyncio.sleep(0.01)


async def test_a_drained_gateway_sends_its_clients_away(client: AsyncOpenAI, home: House) -> None:
    async with talking(client) as idle, talking(client) as busy:
        await busy.say("what is it?")
        await busy.until("duologue.session_ready")
        await home.gateway.drain(within_ms=0)
        for talk in (idle, busy):
            await talk.until("duologue.go_away")
            assert (await talk.until("error")).error.code == "draining"
            with pytest.raises(ConnectionClosed):
                await talk.until("nothing more")
