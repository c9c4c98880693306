"""The rules on the bundled model, and its faithfulness: it says what it says without an engine."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import pytest
import torch

from duologue.engine.engine import EngineSettings
from duologue.model.loading import LoadedModel, load_model
from duologue.states import State
from tests.rules.bundled import Script
from tests.rules.checks import check_channels, check_company, check_losses
from tests.rules.crowd import Crowd, hear, wait
from tests.rules.prompts import PROMPTS, SYSTEM_PROMPT
from tests.rules.worlds import World

MAX_REPLY_TOKENS = 24
PER_SLICE = 4


@pytest.fixture(scope="module")
def world(bundled_float32: LoadedModel) -> World:
    plain = load_model("bundled", device="cpu", dtype="float32", attention="eager")
    chat = bundled_float32.chat
    opening = chat.opening(bundled_float32.tokenizer, SYSTEM_PROMPT)
    return World(bundled_float32, plain.network, opening, chat.stop_tokens)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("check", [check_channels, check_company, check_losses])
def test_rules_hold(world: World, check: Callable[..., None], number: int) -> None:
    schedule = Script(world.model.tokenizer).schedules()[number]
    check(schedule, world, Random(number))


@pytest.mark.timeout(300)  # a hundred replies by the real model, half of them one by one
def test_replies_are_those_of_the_unmodified_model(world: World) -> None:
    """Fifty people ask at once, each in two pieces: token for token what `generate` gives."""
    crowd = Crowd(
        settings=EngineSettings(kv_bytes=2 << 30), stop_tokens=world.stop_tokens, world=world
    )
    asked = {str(number): world.model.tokenizer.encode(text) for number, text in enumerate(PROMPTS)}
    replies = replies_of_engine(crowd, asked)
    prompts = {name: templated(world, PROMPTS[int(name)]) for name in asked}
    for name, prompt in prompts.items():
        assert tuple(prompt) == laid_out(world, asked[name])
    expected = replies_of_generate(world.plain, prompts, world.stop_tokens)
    assert replies == expected
    assert len(set(map(tuple, replies.values()))) > 45  # they do have something to say


def replies_of_engine(crowd: Crowd, asked: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    crowd.do({name: hear(*text[: len(text) // 2], k=4, ahead=2) for name, text in asked.items()})
    crowd.head.script = [State.INCOMPLETE, State.QUERY]
    crowd.do(
        {
            name: hear(*text[len(text) // 2 :], keep=len(text) // 2, k=PER_SLICE, ahead=2)
            for name, text in asked.items()
        }
    )
    while speaking := [name for name in asked if is_speaking(crowd, name)]:
        crowd.do({name: wait(k=PER_SLICE, ahead=2) for name in speaking})
    return {name: reply[:MAX_REPLY_TOKENS] for name, reply in crowd.replies.items()}


def is_speaking(crowd: Crowd, name: str) -> bool:
    return crowd.engine.lane(name).is_speaking and len(crowd.replies[name]) < MAX_REPLY_TOKENS


def replies_of_generate(
    network: Any, prompts: Mapping[str, Sequence[int]], stop_tokens: frozenset[int]
) -> dict[str, list[int]]:
    """Prompts of the same length share a batch: nothing is padded, so nothing is masked."""
    by_length: dict[int, list[str]] = defaultdict(list)
    for name, prompt in prompts.items():
        by_length[len(prompt)].append(name)
    replies = {}
    for length, names in by_length.items():
        batch = torch.tensor([prompts[name] for name in names])
        generated = network.generate(
            batch,
            attention_mask=torch.ones_like(batch),
            max_new_tokens=MAX_REPLY_TOKENS,
            do_sample=False,
            pad_token_id=0,
        )
        for name, row in zip(names, generated[:, length:].tolist(), strict=True):
            end = next((i for i, token in enumerate(row) if token in stop_tokens), len(row))
            replies[name] = row[:end]
    return replies


def templated(world: World, text: str) -> list[int]:
    """What transformers feeds the model for a single turn."""
    from transformers import AutoTokenizer

    words: Any = AutoTokenizer.from_pretrained(world.model.folder)
    messages = [
        {"role": "system", "content": SYSTEM_PROMPT},
        {"role": "user", "content": text},
    ]
    encoded = words.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)
    tokens: list[int] = encoded["input_ids"]
    return tokens


def laid_out(world: World, text: Sequence[int]) -> tuple[int, ...]:
    """The same as the engine lays it out."""
    chat = world.model.chat
    return (*world.opening, *chat.user_header, *text, *chat.user_end, *chat.reply_header)
