"""Every family of docs/models.md loads, reads what the plain model would, and minds no company."""

from pathlib import Path
from random import Random

import pytest
import torch

from duologue.kv.channel import Channel
from duologue.model.loading import load_model
from tests.model_families import FAMILIES, PAGE, Family, shown, table
from tests.tiny_models import write_tiny_model
from tests.unit.forward.conversations import TOLERANCE, Exchange, random_tokens


@pytest.fixture(params=FAMILIES, ids=lambda family: family.kind)
def family(request: pytest.FixtureRequest) -> Family:
    found: Family = request.param
    return found


def test_it_loads_from_a_folder(tmp_path: Path, family: Family) -> None:
    folder = write_tiny_model(tmp_path, family.kind, **family.sizes)
    model = load_model(folder, device="cpu", dtype="float32", kernels="torch")
    assert model.network.config.model_type == family.kind


def test_merged_forwards_read_what_the_plain_model_does(family: Family) -> None:
    exchange, random = Exchange(family.kind, **family.sizes), Random(1)
    one, other = exchange.open(), exchange.open()
    for conversation, length in ((one, 30), (other, 9)):
        trunk = exchange.say(conversation, Channel.TRUNK, random_tokens(random, length))
        assert exchange.run([trunk]) < TOLERANCE
    for _ in range(3):
        stretches = [
            exchange.say(conversation, channel, random_tokens(random, count))
            for conversation in (other, one)
            for channel, count in ((Channel.INPUT, 4), (Channel.OUTPUT, 1))
        ]
        assert exchange.run(stretches) < TOLERANCE


def test_a_conversation_reads_the_same_alone_and_beside_a_longer_one(family: Family) -> None:
    exchange, random = Exchange(family.kind, **family.sizes), Random(2)
    one, longer = exchange.open(), exchange.open()
    words = random_tokens(random, 12)
    exchange.forward.run([exchange.say(one, Channel.TRUNK, words[:-1])])
    exchange.forward.run([exchange.say(longer, Channel.TRUNK, random_tokens(random, 300))])
    beside = exchange.forward.run(
        [
            exchange.say(longer, Channel.OUTPUT, [9], reads_logits=True),
            exchange.say(one, Channel.INPUT, words[-1:], reads_logits=True),
        ]
    )
    exchange.roll_back(one, Channel.INPUT, 0)
    alone = exchange.forward.run([exchange.say(one, Channel.INPUT, words[-1:], reads_logits=True)])
    torch.testing.assert_close(beside.logits[1], alone.logits[0], rtol=1e-4, atol=1e-5)


def test_the_page_shows_the_table() -> None:
    assert shown(PAGE.read_text(encoding="utf-8")) == table(), "run python -m tests.model_families"
