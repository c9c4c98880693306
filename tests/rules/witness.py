"""The witness: sees every forward of an engine, and asks the plain model what was to be said."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from duologue.engine.engine import Engine
from duologue.forward.merged import MergedForward
from duologue.forward.rows import ForwardOutput, Stretch
from duologue.forward.sampling_settings import SamplingSettings
from duologue.kv.channel import Channel
from duologue.lane.lane import Lane
from tests.rules.margins import token_margin
from tests.rules.worlds import LinearHead, World

MAX_RELATIVE_ERROR = 1e-4
BATCH = 16


@dataclass(frozen=True, slots=True)
class Reading:
    """One row that was read, and the tokens that its channel has up to there."""

    context: tuple[int, ...]
    num_trunk: int | None
    """How many of them are the trunk's, if the rest are of the input channel."""
    logits: Tensor | None  # [vocab]
    hidden: Tensor | None  # [layers * hidden_size]


class Witness:
    """Writes down what the forwards of one engine read."""

    def __init__(self, engine: Engine, head: LinearHead) -> None:
        self.engine = engine
        self.head = head
        self.readings: list[Reading] = []
        self.margins: dict[tuple[str, int, Channel], float] = {}
        """By session, tick and channel, how close the closest choice was to another."""
        self.num_merged = 0
        """Forwards that carried several sessions."""
        self.num_pieces = 0
        """Stretches that are only a part of what their channel lacked."""
        self.num_blocks_used_again = 0
        self.num_blocks_shared = 0
        self.num_tables_grown = 0
        self._owners: dict[int, int] = {}
        self._entries: dict[int, int] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While this lasts, every merged forward is written down."""
        original = MergedForward.run

        def run(
            merged: MergedForward, stretches: Sequence[Stretch], beside: Any = None
        ) -> ForwardOutput:
            output = original(merged, stretches, beside)
            self._write_down(stretches, output)
            return output

        with patch.object(MergedForward, "run", run):
            yield

    def _write_down(self, stretches: Sequence[Stretch], output: ForwardOutput) -> None:
        lanes = {
            id(seat.slot): seat.lane
            for seat in self.engine._seats.values()
            if seat.slot is not None
        }
        logits, hidden = iter(output.logits), iter(output.hidden)
        for stretch in stretches:
            lane = lanes[id(stretch.slot)]
            reading = Reading(
                context=_context(lane, stretch),
                num_trunk=len(lane.trunk) if stretch.channel is Channel.INPUT else None,
                logits=next(logits).clone() if stretch.reads_logits else None,
                hidden=next(hidden).clone() if stretch.reads_hidden else None,
            )
            if stretch.reads_logits or stretch.reads_hidden:
                self.readings.append(reading)
        self._count(lanes, stretches)
        self._measure(stretches, output)

    def _measure(self, stretches: Sequence[Stretch], output: ForwardOutput) -> None:
        """Enter the margins of all choices that this forward leads to."""
        jobs = {id(job.seat.slot): job for job in self.engine._jobs.values()}
        logits, states = iter(output.logits), iter(self._state_margins(output))
        for stretch in stretches:
            job = jobs[id(stretch.slot)]
            lane, sampling = job.seat.lane, job.run.profile.sampling
            margins = [next(states)] if stretch.reads_hidden else []
            if stretch.reads_logits:
                is_reply = stretch.channel is Channel.OUTPUT
                chosen = sampling if is_reply else SamplingSettings()
                draw = (lane.reply_number, lane.num_reply_tokens)
                history = [*lane.trunk.tokens, *lane.output.tokens]
                margins.append(token_margin(next(logits), chosen, draw, history))
            place = (job.run.work.session_id, job.run.work.tick, stretch.channel)
            self.margins[place] = min(self.margins.get(place, 1.0), *margins, 1.0)

    def _state_margins(self, output: ForwardOutput) -> list[float]:
        return self.head.margins(output.hidden) if len(output.hidden) else []

    def _count(self, lanes: Mapping[int, Lane], stretches: Sequence[Stretch]) -> None:
        self.num_merged += len({id(stretch.slot) for stretch in stretches}) > 1
        for stretch in stretches:
            slot, lane = stretch.slot, lanes[id(stretch.slot)]
            self.num_pieces += len(stretch.tokens) < lane.channel(stretch.channel).num_uncached
            for block in {slot.block_of(cell) for cell in stretch.cells}:
                self.num_blocks_used_again += self._owners.get(block, id(slot)) != id(slot)
                self._owners[block] = id(slot)
            self.num_tables_grown += slot.num_entries > self._entries.get(id(slot), 9999)
            self._entries[id(slot)] = slot.num_entries
        pool = self.engine.memory.pool
        blocks = {block for slot in {s.slot for s in stretches} for block in slot.blocks}
        self.num_blocks_shared += sum(pool.num_holders(block) > 2 for block in blocks)


def _context(lane: Lane, stretch: Stretch) -> tuple[int, ...]:
    """Trunk and channel up to the last row of the stretch, by what the lane says.

    How far the channel is computed is known by its cells, which the engine enters later.
    """
    own = lane.channel(stretch.channel)
    end = own.num_cached + len(stretch.tokens)
    assert list(stretch.tokens) == own.tokens[own.num_cached : end]
    past = [] if stretch.channel is Channel.TRUNK else lane.trunk.tokens
    return (*past, *own.tokens[:end])


def check_readings(readings: Sequence[Reading], world: World, layers: Sequence[int]) -> None:
    """Assert that every reading is what the plain model gives for its tokens alone.

    With an adapted input channel, its rows are compared with a model whose weights are merged with
    the updates, which reads them behind what the plain model computed of the trunk.
    """
    is_adapted = world.lora is not None
    adapted = [r for r in readings if is_adapted and r.num_trunk is not None]
    others = [r for r in readings if not is_adapted or r.num_trunk is None]
    contexts = sorted({reading.context for reading in others})
    _compare(others, _plain_states(_longest(contexts), world.plain, layers))
    by_trunk: dict[tuple[int, ...], list[Reading]] = {}
    for reading in adapted:
        by_trunk.setdefault(reading.context[: reading.num_trunk], []).append(reading)
    for trunk, behind in by_trunk.items():
        _compare(behind, _adapted_states(trunk, {r.context for r in behind}, world, layers))


def _compare(
    readings: Sequence[Reading], truth: Mapping[tuple[int, ...], tuple[Tensor, Tensor]]
) -> None:
    for reading in readings:
        logits, hidden = truth[reading.context]
        if reading.logits is not None:
            _assert_close(reading.logits, logits)
        if reading.hidden is not None:
            _assert_close(reading.hidden, hidden)


def _assert_close(actual: Tensor, expected: Tensor) -> None:
    error = float((actual - expected).abs().max() / expected.abs().max())
    assert error < MAX_RELATIVE_ERROR, f"relative error {error:.2g}"


def _longest(contexts: Sequence[tuple[int, ...]]) -> list[tuple[tuple[int, ...], list[int]]]:
    """Sequences that contain all the sorted contexts as beginnings, with the lengths to read."""
    found: list[tuple[tuple[int, ...], list[int]]] = []
    for context in reversed(contexts):
        if found and found[-1][0][: len(context)] == context:
            found[-1][1].append(len(context))
        else:
            found.append((context, [len(context)]))
    return found


@torch.inference_mode()
def _plain_states(
    sequences: Sequence[tuple[tuple[int, ...], list[int]]],
    plain: PreTrainedModel,
    layers: Sequence[int],
) -> dict[tuple[int, ...], tuple[Tensor, Tensor]]:
    """Logits and hidden states after every context.

    Sequences are filled up at their ends, which the rows before, being causal, cannot see.
    """
    truth = {}
    by_length = sorted(sequences, key=lambda item: len(item[0]))
    for start in range(0, len(by_length), BATCH):
        batch = by_length[start : start + BATCH]
        width = max(len(tokens) for tokens, _ in batch)
        rows = [[*tokens, *[0] * (width - len(tokens))] for tokens, _ in batch]
        wanted = sorted({length - 1 for _, lengths in batch for length in lengths})
        output = plain(
            torch.tensor(rows),
            use_cache=False,
            output_hidden_states=True,
            logits_to_keep=torch.tensor(wanted),
        )
        hidden = _side_by_side(output, layers)
        for row, (tokens, lengths) in enumerate(batch):
            for length in lengths:
                truth[tokens[:length]] = (
                    output.logits[row, wanted.index(length - 1)],
                    hidden[row, length - 1],
                )
    return truth


@torch.inference_mode()
def _adapted_states(
    trunk: tuple[int, ...],
    contexts: Collection[tuple[int, ...]],
    world: World,
    layers: Sequence[int],
) -> dict[tuple[int, ...], tuple[Tensor, Tensor]]:
    """Logits and hidden states after every context, of which all begin with this trunk."""
    assert world.merged is not None
    truth = {}
    for tokens, lengths in _longest(sorted(contexts)):
        # A cache that forgets nothing, whatever window a layer looks through.
        past = DynamicCache()
        world.plain(torch.tensor([trunk]), past_key_values=past, logits_to_keep=1)
        rest = torch.tensor([tokens[len(trunk) :]])
        output = world.merged(rest, past_key_values=past, output_hidden_states=True)
        hidden = _side_by_side(output, layers)
        for length in lengths:
            row = length - len(trunk) - 1
            truth[tokens[:length]] = (output.logits[0, row], hidden[0, row])
    return truth


def _side_by_side(output: Any, layers: Sequence[int]) -> Tensor:
    """[batch, rows, layers * hidden_size]"""
    # The states are those of the embedding, then of each layer, the last one normed.
    return torch.cat(
        [output.hidden_states[layer if layer < 0 else layer + 1] for layer in layers], dim=-1
    )
