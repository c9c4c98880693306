"""Chat completions and models as the official client asks for them, before real sessions."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI
from redis import Redis

from duologue.scopes import Scope
from duologue.session_record import SessionStatus
from duologue.store.valkey import EmbeddedValkey
from duologue.tenants import Tenant
from tests.actors.premises import TENANT
from tests.gateway.real import MODEL, House, house
from tests.waiting import waiting_for

ASKED: Any = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is it?"},
]


@pytest.fixture
async def home(tmp_path: Path, server: EmbeddedValkey) -> AsyncIterator[House]:
    """With a store that is empty: a gateway that stops leaves sessions that it was closing."""
    with Redis.from_url(server.url) as redis:
        redis.flushall()
    async with house(tmp_path, server.url) as home:
        yield home


@pytest.fixture
async def client(home: House) -> AsyncIterator[AsyncOpenAI]:
    async with home.openai() as client:
        yield client


async def test_an_answer_at_once_and_in_chunks(client: AsyncOpenAI) -> None:
    whole = await client.chat.completions.create(model=MODEL, messages=ASKED, temperature=0)
    (choice,) = whole.choices
    assert choice.message.role == "assistant"
    assert choice.message.content
    assert choice.finish_reason in ("stop", "length")
    assert whole.usage is not None
    assert whole.usage.prompt_tokens > 0
    assert whole.usage.completion_tokens > 0
    stream = await client.chat.completions.create(
        model=MODEL,
        messages=ASKED,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    told = [chunk.choices[0] for chunk in chunks[:-1]]
    assert told[0].delta.role == "assistant"
    assert "".join(each.delta.content or "" for each in told) == choice.message.content
    assert told[-1].finish_reason == choice.finish_reason
    assert chunks[-1].usage == whole.usage
    assert {chunk.id for chunk in chunks} == {chunks[0].id}


async def test_earlier_turns_change_the_answer(client: AsyncOpenAI) -> None:
    earlier: Any = [
        {"role": "user", "content": [{"type": "text", "text": "Where are you?"}]},
        {"role": "assistant", "content": "By the sea."},
        {"role": "developer", "content": "The user is at sea, too."},
    ]
    asked = [ASKED[0], *earlier, ASKED[1]]
    answers = [
        await client.chat.completions.create(model=MODEL, messages=messages, temperature=0)
        for messages in (ASKED, asked, asked)
    ]
    alone, first, again = (answer.choices[0].message.content for answer in answers)
    assert first == again != alone


async def test_what_the_session_refuses(client: AsyncOpenAI, home: House) -> None:
    """An utterance has its own limit."""
    asked: Any = [{"role": "user", "content": "word " * 4_000}]
    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(model=MODEL, messages=asked)
    assert (caught.value.param, caught.value.code) == ("messages", "invalid_input")
    await _closed(home)


async def test_more_than_the_context_holds(client: AsyncOpenAI) -> None:
    earlier: Any = [{"role": "user", "content": "word " * 5_000}]
    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(model=MODEL, messages=[*earlier, *ASKED[1:]])
    assert caught.value.param == "messages"


async def test_limits_of_an_answer(client: AsyncOpenAI) -> None:
    short = await client.chat.completions.create(
        model="default", messages=ASKED, max_completion_tokens=2
    )
    assert short.choices[0].finish_reason == "length"
    assert short.usage is not None
    assert short.usage.completion_tokens == 2


async def test_the_session_is_closed_with_its_answer(client: AsyncOpenAI, home: House) -> None:
    await client.chat.completions.create(model=MODEL, messages=ASKED)
    await _closed(home)


async def test_who_leaves_early_leaves_nothing_behind(client: AsyncOpenAI, home: House) -> None:
    stream = await client.chat.completions.create(model=MODEL, messages=ASKED, stream=True)
    await anext(aiter(stream))
    await stream.close()
    await _closed(home)


async def _closed(home: House) -> None:
    """All sessions of the tenant are closed."""
    async with waiting_for("the end of the session"):
        while True:
            page = await home.premises.store.list_sessions(TENANT)
            if all(each.status is SessionStatus.CLOSED for each in page.sessions):
                return
            await asyncio.sleep(0.01)


async def test_what_is_served(client: AsyncOpenAI) -> None:
    models = [model async for model in client.models.list()]
    assert [model.id for model in models] == [MODEL]
    assert (await client.models.retrieve(MODEL)).id == MODEL
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("gpt-5")


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"messages": []}, "messages", "missing_required_parameter"),
        ({"messages": ASKED[:1]}, "messages", "invalid_value"),
        ({"temperature": -1}, "temperature", "invalid_value"),
        ({"n": 2}, "n", "unsupported_value"),
        ({"tools": [{"type": "function"}]}, "tools", "unsupported_value"),
        ({"max_completion_tokens": "many"}, "max_completion_tokens", "invalid_type"),
        ({"extra_body": {"stopp": "."}}, "stopp", "unknown_parameter"),
    ],
    ids=str,
)
async def test_requests_that_are_refused(
    client: AsyncOpenAI, changes: Any, param: str, code: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(**{"model": MODEL, "messages": ASKED, **changes})
    error = caught.value
    assert (error.type, error.param, error.code) == ("invalid_request_error", param, code)


async def test_models_and_keys_that_are_not_there(client: AsyncOpenAI, home: House) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await client.chat.completions.create(model="gpt-5", messages=ASKED)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert MODEL in caught.value.message
    async with home.openai("duo_a_b") as stranger:
        with pytest.raises(openai.AuthenticationError) as refused:
            await stranger.chat.completions.create(model=MODEL, messages=ASKED)
    assert refused.value.code == "invalid_api_key"
    reads = await home.premises.store.create_key(TENANT, scopes=frozenset({Scope.SESSIONS_READ}))
    async with home.openai(reads.key) as reader:
        with pytest.raises(openai.PermissionDeniedError) as denied:
            await reader.chat.completions.create(model=MODEL, messages=ASKED)
    assert denied.value.code == "missing_scope"


async def test_quotas_say_when_to_come_again(home: House) -> None:
    await home.premises.store.put_tenant(Tenant("small", opens_per_minute=1))
    key = (await home.premises.store.create_key("small")).key
    async with home.openai(key) as client:
        await client.chat.completions.create(model=MODEL, messages=ASKED)
        for is_streamed in (False, True):
            with pytest.raises(openai.RateLimitError) as caught:
                await client.chat.completions.create(
                    model=MODEL, messages=ASKED, stream=is_streamed
                )
            assert caught.value.code == "rate_limit_exceeded"
            assert int(caught.value.response.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("chat/completions", b"{", 400),
        ("chat/completions", b"[" * 60_000, 400),
        ("chat/completions", b" " * 70_000, 400),
        ("chat/completions", json.dumps({"model": "\ud800", "messages": []}).encode(), 400),
        ("responses", b"{}", 404),
        ("models", b"{}", 405),
    ],
    ids=["cut", "deep", "large", "surrogate", "elsewhere", "method"],
)
async def test_every_error_has_the_same_shape(
    home: House, path: str, body: bytes, status: int
) -> None:
    async with httpx2.AsyncClient() as plain:
        headers = {"authorization": f"Bearer {home.key}"}
        answer = await plain.post(f"{home.url}/{path}", content=body, headers=headers)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
