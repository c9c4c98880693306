"""Channel exactness: a merged forward reads what a plain forward over trunk + channel would."""

from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from duologue.errors import ModelUnavailable
from duologue.forward.attention import slot_attention
from duologue.forward.plan import MAX_FEW_ROWS, size_class
from duologue.forward.visibility import visible_cells
from duologue.kv.channel import FREE, Channel
from tests.unit.forward.conversations import (
    TOLERANCE,
    Exchange,
    begin,
    random_change,
    random_stretches,
    random_tokens,
)

MODELS: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {},
    "qwen3": {},
    "mistral": {"sliding_window": 16},
    "gemma2": {"sliding_window": 16, "attn_logit_softcapping": 2.0},
    "gemma3": {"sliding_window": 16},
}


@pytest.fixture(scope="module", params=sorted(MODELS))
def exchange(request: pytest.FixtureRequest) -> Exchange:
    return Exchange(request.param, **MODELS[request.param])


@settings(max_examples=6, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_random_conversations_are_exact(exchange: Exchange, seed: int) -> None:
    random = Random(seed)
    for conversation in list(exchange.conversations):
        exchange.close(conversation)
    for _ in range(random.randint(1, 5)):
        begin(exchange, random)
    for _ in range(6):
        stretches = random_stretches(exchange, random)
        if stretches:
            assert exchange.run(stretches) < TOLERANCE
        exchange.check_integrity()
        random_change(exchange, random)


@pytest.mark.parametrize("rows", [1, MAX_FEW_ROWS, MAX_FEW_ROWS + 1, 60])
def test_both_ways_of_attending_agree_with_the_plain_model(exchange: Exchange, rows: int) -> None:
    random = Random(rows)
    for conversation in list(exchange.conversations):
        exchange.close(conversation)
    stretches = []
    for channel in (Channel.INPUT, Channel.OUTPUT):
        conversation = exchange.open()
        trunk = exchange.say(conversation, Channel.TRUNK, random_tokens(random, 30))
        assert exchange.run([trunk]) < TOLERANCE
        stretches.append(exchange.say(conversation, channel, random_tokens(random, rows)))
    assert exchange.run(stretches) < TOLERANCE


def test_a_conversation_grows_through_the_size_classes() -> None:
    exchange, random = Exchange("llama"), Random(0)
    growing, neighbour = exchange.open(), exchange.open()
    for conversation in (growing, neighbour):
        assert exchange.run([exchange.say(conversation, Channel.TRUNK, [1, 2, 3])]) < TOLERANCE
    classes = set()
    for _ in range(12):
        tokens = random_tokens(random, 40)
        stretches = [
            exchange.say(neighbour, Channel.OUTPUT, tokens[:1]),
            exchange.say(growing, Channel.OUTPUT, tokens),
            exchange.say(growing, Channel.INPUT, tokens[:2]),
        ]
        assert exchange.run(stretches) < TOLERANCE
        classes.add(size_class(growing.slot.num_entries))
    assert len(classes) >= 4


def test_what_a_reused_block_held_makes_no_difference() -> None:
    """Bit for bit: the cells of the past are multiplied by zero, whatever they hold."""
    exchange = Exchange("llama")
    readings = []
    for past in (0, 100):
        conversation = exchange.open()
        if past:
            exchange.forward.run([exchange.say(conversation, Channel.TRUNK, [7] * past)])
            exchange.roll_back(conversation, Channel.TRUNK, 0)
        exchange.forward.run([exchange.say(conversation, Channel.TRUNK, [1, 2, 3, 4])])
        output = exchange.forward.run([exchange.say(conversation, Channel.OUTPUT, [5])])
        readings.append(output.logits)
        exchange.close(conversation)
    assert torch.equal(*readings)


def test_who_shares_the_forward_makes_no_difference() -> None:
    exchange = Exchange("llama")
    one, other = exchange.open(), exchange.open()
    for conversation in (one, other):
        exchange.forward.run([exchange.say(conversation, Channel.TRUNK, [1, 2, 3, 4])])
    together = exchange.forward.run(
        [exchange.say(c, Channel.OUTPUT, [9], reads_logits=True) for c in (other, one)]
    )
    exchange.roll_back(one, Channel.OUTPUT, 0)
    alone = exchange.forward.run([exchange.say(one, Channel.OUTPUT, [9], reads_logits=True)])
    torch.testing.assert_close(together.logits[1], alone.logits[0], rtol=1e-5, atol=1e-6)


def test_the_rule_of_the_two_channels() -> None:
    owners = torch.tensor([[Channel.TRUNK, Channel.TRUNK, Channel.INPUT, Channel.OUTPUT, FREE]])
    positions = torch.tensor([[0, 1, 2, 2, 0]])

    def seen(channel: Channel, position: int, window: int | None = None) -> list[bool]:
        row = torch.tensor([int(channel)]), torch.tensor([position])
        found: list[bool] = visible_cells(owners, positions, *row, window)[0].tolist()
        return found

    assert seen(Channel.INPUT, 2) == [True, True, True, False, False]
    assert seen(Channel.OUTPUT, 2) == [True, True, False, True, False]
    assert seen(Channel.TRUNK, 2) == [True, True, False, False, False]
    assert seen(Channel.INPUT, 1) == [True, True, False, False, False]
    assert seen(Channel.INPUT, 0) == [True, False, False, False, False]
    assert seen(Channel.INPUT, 2, window=2) == [False, True, True, False, False]


def test_attention_sinks_are_refused() -> None:
    module = torch.nn.Module()
    module.register_parameter("sinks", torch.nn.Parameter(torch.zeros(4)))
    rows = torch.zeros(1, 4, 1, 8)
    with pytest.raises(ModelUnavailable, match="attention sinks"):
        slot_attention(module, rows, rows, rows, None, scaling=1.0, duologue_plan=None)  # type: ignore[arg-type]
