"""Conversations with random tokens, run through merged forwards and checked against plain ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import torch
from torch import Tensor

from duologue.forward.attention import ATTENTION_NAME, register
from duologue.forward.merged import MergedForward
from duologue.forward.rows import Stretch
from duologue.kv.channel import Channel
from duologue.kv.memory import KVMemory
from duologue.kv.slot import Slot
from duologue.model.geometry import ModelGeometry
from tests.tiny_models import VOCAB_SIZE, tiny_network

TOLERANCE = 1e-4


@dataclass(slots=True)
class Spoken:
    """Tokens of a channel and the cells that hold them."""

    tokens: list[int] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)


class Conversation:
    """A trunk and two channels in one slot."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.said = {channel: Spoken() for channel in Channel}

    def path(self, channel: Channel) -> list[int]:
        """The tokens that the last row of a channel may see, its own included."""
        trunk = self.said[Channel.TRUNK].tokens
        return trunk if channel is Channel.TRUNK else trunk + self.said[channel].tokens

    @property
    def is_between_turns(self) -> bool:
        return not (self.said[Channel.INPUT].tokens or self.said[Channel.OUTPUT].tokens)

    def labels(self) -> dict[Channel, list[tuple[int, int]]]:
        start = len(self.said[Channel.TRUNK].tokens)
        return {
            channel: [
                (cell, position + (0 if channel is Channel.TRUNK else start))
                for position, cell in enumerate(spoken.cells)
            ]
            for channel, spoken in self.said.items()
        }


class Exchange:
    """Random conversations on one memory; every read row is compared with the plain model's."""

    def __init__(
        self,
        family: str,
        *,
        hidden_layers: Sequence[int] = (-1, 0),
        **changes: Any,
    ) -> None:
        register()
        self.plain = tiny_network(family, attn_implementation="eager", **changes)
        self.merged = tiny_network(family, **changes)
        self.merged.set_attn_implementation(ATTENTION_NAME)
        geometry = ModelGeometry.from_config(self.plain.config)
        self.memory = KVMemory(geometry, budget_bytes=1 << 28)
        self.forward = MergedForward(self.merged, self.memory, hidden_layers)
        self.conversations: list[Conversation] = []

    def open(self) -> Conversation:
        slot, _ = self.memory.open()
        conversation = Conversation(slot)
        self.conversations.append(conversation)
        return conversation

    def close(self, conversation: Conversation) -> None:
        self.conversations.remove(conversation)
        self.memory.close(conversation.slot)

    def say(
        self, conversation: Conversation, channel: Channel, tokens: Sequence[int], **reads: bool
    ) -> Stretch:
        """The stretch that adds these tokens to a channel."""
        trunk, spoken = conversation.said[Channel.TRUNK], conversation.said[channel]
        start = (
            len(conversation.path(channel)) if channel is not Channel.TRUNK else len(trunk.tokens)
        )
        cells = self.memory.take(conversation.slot, len(tokens))
        spoken.tokens.extend(tokens)
        spoken.cells.extend(cells)
        reads = reads or {"reads_logits": True, "reads_hidden": True}
        return Stretch(conversation.slot, channel, list(tokens), cells, start, **reads)

    def roll_back(self, conversation: Conversation, channel: Channel, length: int) -> None:
        spoken = conversation.said[channel]
        self.memory.free(conversation.slot, spoken.cells[length:])
        del spoken.tokens[length:], spoken.cells[length:]

    def promote(self, conversation: Conversation) -> None:
        """The input joins the trunk; the output is dropped."""
        self.roll_back(conversation, Channel.OUTPUT, 0)
        trunk, spoken = conversation.said[Channel.TRUNK], conversation.said[Channel.INPUT]
        self.memory.relabel(conversation.slot, spoken.cells, Channel.TRUNK)
        trunk.tokens.extend(spoken.tokens)
        trunk.cells.extend(spoken.cells)
        conversation.said[Channel.INPUT] = Spoken()

    def run(self, stretches: Sequence[Stretch]) -> float:
        """Run a merged forward; the largest relative error of what was read."""
        output = self.forward.run(stretches)
        by_slot = {id(c.slot): c for c in self.conversations}
        paths = [by_slot[id(s.slot)].path(s.channel) for s in stretches]
        wanted = [self.plain_reading(path) for path in paths]
        pairs = [(logits, s.reads_logits) for (logits, _), s in zip(wanted, stretches, strict=True)]
        expected_logits = torch.stack([logits for logits, read in pairs if read])
        states = [(state, s.reads_hidden) for (_, state), s in zip(wanted, stretches, strict=True)]
        expected_hidden = torch.stack([state for state, read in states if read])
        return max(
            relative_error(output.logits, expected_logits),
            relative_error(output.hidden, expected_hidden),
        )

    @torch.inference_mode()
    def plain_reading(self, tokens: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Logits and hidden states of the last token, by the model as transformers runs it."""
        output = self.plain(torch.tensor([tokens]), output_hidden_states=True)
        # hidden_states[0] is the embedding; the last one has passed the final norm.
        layers = [layer if layer < 0 else layer + 1 for layer in self.forward.hidden_layers]
        states = [output.hidden_states[layer][0, -1] for layer in layers]
        return output.logits[0, -1], torch.cat(states)

    def check_integrity(self) -> None:
        self.memory.check_integrity({c.slot: c.labels() for c in self.conversations})


def relative_error(found: Tensor, wanted: Tensor) -> float:
    assert found.shape == wanted.shape, (found.shape, wanted.shape)
    if found.equal(wanted):
        return 0.0  # also where both are zero, as after a padding token
    return float((found - wanted).norm() / wanted.norm())


def random_tokens(random: Random, count: int) -> list[int]:
    return [random.randrange(VOCAB_SIZE) for _ in range(count)]


def random_stretches(exchange: Exchange, random: Random) -> list[Stretch]:
    """Something for most conversations to say, in random order; at least one row."""
    stretches: list[Stretch] = []
    for conversation in random.sample(exchange.conversations, len(exchange.conversations)):
        if conversation.is_between_turns and random.random() < 0.4:
            channels = [Channel.TRUNK]
        else:
            channels = [c for c in (Channel.INPUT, Channel.OUTPUT) if random.random() < 0.7]
        for channel in channels:
            count = random.choice((1, 1, 2, 3, 20))
            stretches.append(exchange.say(conversation, channel, random_tokens(random, count)))
    random.shuffle(stretches)
    return stretches


def random_change(exchange: Exchange, random: Random) -> None:
    """A roll-back, a promotion, or a conversation that makes room for another."""
    conversation = random.choice(exchange.conversations)
    match random.choice(("roll back", "promote", "replace", "nothing")):
        case "roll back":
            channel = random.choice((Channel.INPUT, Channel.OUTPUT))
            length = len(conversation.said[channel].tokens)
            exchange.roll_back(conversation, channel, random.randint(0, length))
        case "promote":
            exchange.promote(conversation)
        case "replace":
            exchange.close(conversation)
            begin(exchange, random)


def begin(exchange: Exchange, random: Random) -> None:
    """Open a conversation whose trunk has tokens already, some close to the end of a block."""
    conversation = exchange.open()
    count = random.choice((1, 9, 40, 191))
    stretch = exchange.say(conversation, Channel.TRUNK, random_tokens(random, count))
    assert exchange.run([stretch]) < TOLERANCE
