"""The official client of OpenAI's API, before the whole platform with the bundled model."""

from typing import Any

import pytest
from openai import AsyncOpenAI

from tests.e2e.conftest import Platform
from tests.waiting import waiting_for

pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.timeout(300)]

ANSWERED_WITHIN_S = 120.0


async def test_a_question_by_both_doors(platform: Platform) -> None:
    question = "What is the capital of France?"
    async with (
        AsyncOpenAI(
            base_url=f"http://{platform.cluster.http_address}/v1", api_key=platform.api_key
        ) as client,
        waiting_for("both answers", within_s=ANSWERED_WITHIN_S),
    ):
        whole = await client.chat.completions.create(
            model="default", messages=[{"role": "user", "content": question}]
        )
        assert "Paris" in (whole.choices[0].message.content or "")
        item: Any = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": question}],
        }
        async with client.realtime.connect(model="default") as connection:
            await connection.conversation.item.create(item=item)
            await connection.response.create()
            async for event in connection:
                assert event.type != "error", event
                if event.type == "response.output_text.done":
                    assert "Paris" in event.text
                    break
