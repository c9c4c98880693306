"""The checks of the rules fail when the engine is wrong: proven by making it wrong.

Each mutation is a mistake that is easily made. Every one is tried on the fixed schedules that the
engine as it is passes (`test_tiny_models`, and below what is not tried there).
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import count
from random import Random
from typing import Any
from unittest.mock import patch

import pytest
from torch import Tensor

from duologue.engine.job import Job
from duologue.engine.openings import Openings
from duologue.engine.passage import Passage
from duologue.engine.readers import Readers
from duologue.engine.seat import SlotCells
from duologue.forward import slot_rows
from duologue.forward.plan import AttentionPlan
from duologue.forward.sampling_rows import TokenRequests
from duologue.forward.transformers_pass import TransformersPass
from duologue.forward.visibility import visible_cells
from duologue.kv.blocks import CELLS_PER_BLOCK
from duologue.kv.channel import FREE, Channel
from duologue.kv.memory import KVMemory, Opening
from duologue.kv.slot import Slot
from duologue.lane.aside import SetAside
from duologue.lane.cells import Cells
from duologue.lane.kept_input import KeptInput
from duologue.lane.lane import Lane
from duologue.lane.steps import Step
from duologue.lane.tokens import CachedTokens
from duologue.strategies.base import SliceRun
from tests.rules.checks import check_channels, check_company, check_losses
from tests.rules.profile import BUSY_SEEDS
from tests.rules.schedules import random_schedule
from tests.rules.worlds import World, adapted_world, random_world

WRONG_READING = "relative error"
WRONG_MEMORY = "visible|differ|lost|doubled|written to"
OTHER_CONVERSATION = "."


def rows_see_the_other_channel() -> Any:
    """The mask forgets whose a cell is: input rows see the reply, output rows the utterance."""

    def visible(
        owners: Tensor,
        positions: Tensor,
        row_channels: Tensor,
        row_positions: Tensor,
        window: int | None = None,
    ) -> Tensor:
        right = visible_cells(owners, positions, row_channels, row_positions, window)
        others = (owners != FREE) & (positions <= row_positions[:, None])
        return right | others if window is None else right

    return patch.object(slot_rows, "visible_cells", visible)


def channels_start_a_position_late() -> Any:
    def first_position(lane: Lane, owner: Channel) -> int:
        return 0 if owner is Channel.TRUNK else len(lane.trunk) + 1

    return patch.object(Lane, "first_position", first_position)


def look_ahead_leaks() -> Any:
    """It leaves the channel, but its cells stay where they are."""

    def cut_look_ahead(lane: Lane, length: int) -> None:
        lane.input.cut(length)

    return patch.object(Lane, "cut_look_ahead", cut_look_ahead)


def freed_cells_stay_visible() -> Any:
    """Until they are used again, which they are so soon that readings seldom show it."""
    original = Slot.label

    def label(slot: Slot, cells: Sequence[int], owner: int) -> None:
        if owner != FREE:
            original(slot, cells, owner)

    return patch.object(Slot, "label", label)


def shared_blocks_are_written_to() -> Any:
    """The block that an opening ends in is not copied for those who go on in it."""
    return patch.object(KVMemory, "_copied", lambda _memory, block: block)


def openings_are_shared_before_they_are_computed() -> Any:
    def computed(openings: Openings, jobs: Sequence[Job]) -> None:
        for job in jobs:
            opening, slot = job.seat.opening, job.seat.slot
            if opening is None or slot is None or job.seat.is_opening_shared:
                continue
            num_cells = min(len(opening.tokens), slot.num_entries * CELLS_PER_BLOCK)
            begun = Opening(opening.scope, opening.tokens[:num_cells])
            openings._memory.share(slot, begun, range(num_cells))

    return patch.object(Openings, "computed", computed)


def promotion_forgets_to_relabel() -> Any:
    return patch.object(KVMemory, "relabel", lambda *_: None)


def adapted_input_becomes_trunk() -> Any:
    """Promotion relabels what was computed with updates, as it does without them."""
    return patch.object(SlotCells, "fit", lambda *_: True)


def every_row_is_adapted() -> Any:
    """Updates are for listening, but a reply is made of rows that have them too."""
    original = AttentionPlan.__init__

    def build(plan: AttentionPlan, *arguments: Any) -> None:
        original(plan, *arguments)
        plan.input_rows = list(range(len(plan.tokens)))

    return patch.object(AttentionPlan, "__init__", build)


def no_row_is_adapted() -> Any:
    return patch.object(TransformersPass, "_adapting", lambda *_: nullcontext())


def an_utterance_returns_behind_any_trunk() -> Any:
    """What was kept of the last one serves as the beginning of the next, wherever that stands."""
    original = KeptInput.give_back

    def give_back(kept: KeptInput, begun: CachedTokens, _start: int, cells: Cells) -> None:
        original(kept, begun, kept.start, cells)

    return patch.object(KeptInput, "give_back", give_back)


def a_reply_returns_to_another_place() -> Any:
    """One that was set aside is taken to have begun a token later."""
    place = property(lambda aside: aside.start + aside.num_joined + 1)
    return patch.object(SetAside, "first_position", place)


def what_was_heard_is_amended_without_what_follows() -> Any:
    """The tokens change, but what was computed behind them stays."""
    original = Lane._amend

    def amend(lane: Lane, keep: int, tail: Sequence[int]) -> None:
        with patch.object(CachedTokens, "uncache", lambda *_: []):
            original(lane, keep, tail)

    return patch.object(Lane, "_amend", amend)


def evidence_is_never_void() -> Any:
    """As long as there is an utterance: it is decided by what was read before it changed."""

    def do(run: SliceRun, step: Step) -> None:
        run.lane.apply(step)
        run.steps.append(step)
        if not run.lane.is_listening:
            run.evidence.clear()

    return patch.object(SliceRun, "do", do)


def random_numbers_have_a_state() -> Any:
    """They are drawn one after the other, whoever needs one."""
    numbers = count()
    original = Readers.requests

    def requests(readers: Readers, passages: Sequence[Passage]) -> TokenRequests:
        asked = original(readers, passages)
        return replace(asked, draws=[(0, next(numbers)) for _ in asked.draws])

    return patch.object(Readers, "requests", requests)


Check = Callable[..., None]

CAUGHT: list[tuple[Callable[[], Any], Check, str]] = [
    (rows_see_the_other_channel, check_channels, WRONG_READING),
    (channels_start_a_position_late, check_channels, WRONG_READING),
    (look_ahead_leaks, check_channels, WRONG_READING),
    (look_ahead_leaks, check_channels, WRONG_MEMORY),
    (freed_cells_stay_visible, check_channels, WRONG_MEMORY),
    (shared_blocks_are_written_to, check_channels, WRONG_MEMORY),
    (shared_blocks_are_written_to, check_channels, WRONG_READING),
    (openings_are_shared_before_they_are_computed, check_channels, WRONG_READING),
    (promotion_forgets_to_relabel, check_channels, WRONG_READING),
    (promotion_forgets_to_relabel, check_channels, WRONG_MEMORY),
    (a_reply_returns_to_another_place, check_channels, WRONG_MEMORY),
    (what_was_heard_is_amended_without_what_follows, check_channels, WRONG_READING),
    (evidence_is_never_void, check_losses, OTHER_CONVERSATION),
    (random_numbers_have_a_state, check_company, OTHER_CONVERSATION),
    (random_numbers_have_a_state, check_losses, OTHER_CONVERSATION),
]


CAUGHT_WHEN_ADAPTED = [
    adapted_input_becomes_trunk,
    every_row_is_adapted,
    no_row_is_adapted,
    an_utterance_returns_behind_any_trunk,
]


def try_all(
    mutation: Callable[[], Any],
    check: Check,
    found: str,
    world: Callable[[Random], World] = random_world,
) -> None:
    """Until one fails."""
    is_sampled = True if mutation is random_numbers_have_a_state else None
    for seed in BUSY_SEEDS:
        random = Random(seed)
        schedule = random_schedule(random, max_sessions=6, sampled=is_sampled)
        with mutation():
            # Where the memory is checked, it is always the first to tell.
            is_memory = found == WRONG_MEMORY
            check(schedule, world(random), random, checks_memory=is_memory)


@pytest.mark.parametrize(("mutation", "check", "found"), CAUGHT)
def test_mistake_is_found(mutation: Callable[[], Any], check: Check, found: str) -> None:
    with pytest.raises(AssertionError, match=found):
        try_all(mutation, check, found)


@pytest.mark.parametrize("mutation", CAUGHT_WHEN_ADAPTED)
def test_mistake_about_adapted_rows_is_found(mutation: Callable[[], Any]) -> None:
    with pytest.raises(AssertionError, match=WRONG_READING):
        try_all(mutation, check_channels, WRONG_READING, adapted_world)


@pytest.mark.parametrize("check", [check_company, check_losses])
def test_nothing_is_found_without_a_mistake(check: Check) -> None:
    for seed in BUSY_SEEDS:
        random = Random(seed)
        schedule = random_schedule(random, max_sessions=6, sampled=True)
        check(schedule, random_world(random), random)
