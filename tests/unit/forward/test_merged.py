"""What a merged forward returns, apart from its exactness (test_attention.py)."""

import pytest
import torch

from duologue.forward.merged import MergedForward
from duologue.kv.channel import Channel
from tests.unit.forward.conversations import TOLERANCE, Exchange, relative_error


@pytest.fixture(scope="module")
def exchange() -> Exchange:
    return Exchange("llama", hidden_layers=(0, -1))


def test_only_what_was_asked_for_is_returned_in_the_order_of_the_stretches(
    exchange: Exchange,
) -> None:
    one, other = exchange.open(), exchange.open()
    for conversation in (one, other):
        exchange.forward.run([exchange.say(conversation, Channel.TRUNK, [1, 2, 3])])
    output = exchange.forward.run(
        [
            exchange.say(other, Channel.INPUT, [4, 5], reads_hidden=True),
            exchange.say(one, Channel.OUTPUT, [6], reads_logits=True),
            exchange.say(one, Channel.INPUT, [7, 8, 9], reads_logits=False),
            exchange.say(other, Channel.OUTPUT, [9], reads_logits=True),
        ]
    )
    logits_one, _ = exchange.plain_reading([1, 2, 3, 6])
    logits_other, _ = exchange.plain_reading([1, 2, 3, 9])
    _, hidden = exchange.plain_reading([1, 2, 3, 4, 5])
    wanted = torch.stack([logits_one, logits_other])
    assert relative_error(output.logits, wanted) < TOLERANCE
    assert relative_error(output.hidden, hidden[None]) < TOLERANCE


def test_a_forward_that_nobody_reads_still_fills_its_cells(exchange: Exchange) -> None:
    conversation = exchange.open()
    output = exchange.forward.run(
        [exchange.say(conversation, Channel.TRUNK, [1, 2, 3], reads_logits=False)]
    )
    assert output.logits.shape[0] == output.hidden.shape[0] == 0
    assert exchange.run([exchange.say(conversation, Channel.OUTPUT, [4])]) < TOLERANCE


def test_hidden_states_lie_side_by_side_in_the_order_of_the_layers(exchange: Exchange) -> None:
    conversation = exchange.open()
    reversed_layers = MergedForward(exchange.merged, exchange.memory, (-1, 0))
    stretch = exchange.say(conversation, Channel.TRUNK, [1, 2], reads_hidden=True)
    hidden = exchange.forward.run([stretch]).hidden
    size = hidden.shape[1] // 2
    assert torch.equal(
        reversed_layers.run([stretch]).hidden, torch.cat([hidden[:, size:], hidden[:, :size]], 1)
    )


def test_no_hook_stays_behind(exchange: Exchange) -> None:
    conversation = exchange.open()
    stretch = exchange.say(conversation, Channel.TRUNK, [1], reads_hidden=True)
    exchange.forward.run([stretch])
    assert not any(module._forward_hooks for module in exchange.merged.modules())


def test_a_forward_needs_rows(exchange: Exchange) -> None:
    with pytest.raises(AssertionError, match="without rows"):
        exchange.forward.run([])
