"""A conversation on the bundled model, slice by slice: the worked example of docs/method.md.

    .venv/bin/python docs/examples/one_conversation.py

What the state head says is written into the script, so that the example does not change whenever a
head is trained anew. Everything else is the engine at work, in float32, greedy, with k = 4 reply
tokens and α = 3 look-ahead tokens in a slice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch

from duologue.engine.engine import Engine, EngineSettings
from duologue.lane.judging import Judge
from duologue.lane.lane import Lane
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Heard, Slice, SliceResult
from duologue.lane.steps import Promotion
from duologue.model.loading import LoadedModel, load_model
from duologue.states import State
from duologue.strategies.duo import DuoStrategy
from duologue.text.token_edit import token_edit

LABELS = (State.QUERY, State.NON_QUERY, State.INCOMPLETE)


@dataclass(frozen=True, slots=True)
class ScriptedTick:
    """What happens in one tick: the user's utterance so far, and what the head reads in it."""

    utterance: str = ""
    readings: tuple[State, ...] = ()
    """After the last token of the input, then after each look-ahead token."""
    heard: Heard | None = None


QUERY, NON_QUERY, INCOMPLETE = LABELS
SCRIPT = (
    ScriptedTick("Tell me", (INCOMPLETE,) * 4),
    ScriptedTick("Tell me about the Moon.", (INCOMPLETE, QUERY)),
    ScriptedTick(),
    ScriptedTick("uh-huh", (NON_QUERY,)),
    ScriptedTick("And what", (INCOMPLETE,) * 4),
    ScriptedTick("And what about Mars?", (QUERY,), heard=Heard(keep=9)),
    ScriptedTick(),
)


class ScriptedHead:
    """Stands in for a trained head: an engine asks no more of one than this."""

    layers = (-1,)
    lora = None
    labels = LABELS

    def __init__(self) -> None:
        self.readings: list[State] = []

    def probabilities(self, hidden: torch.Tensor) -> torch.Tensor:
        """One reading per forward, the same for all rows."""
        state = self.readings.pop(0)
        row = [0.9 if label is state else 0.05 for label in LABELS]
        return torch.tensor([row] * hidden.shape[0])


def story(model: LoadedModel) -> Iterator[str]:
    """Lines that tell of two sessions with the same script, one for each promotion policy."""
    head = ScriptedHead()
    engine = Engine(model, cast(Any, head), EngineSettings(kv_bytes=1 << 28))
    opening = model.chat.opening(model.tokenizer, "You are a helpful assistant.")
    judge = Judge({State.QUERY: 0.5, State.NON_QUERY: 0.5})
    for policy in Promotion:
        profile = LaneProfile(judge, model.chat.stop_tokens, promotion=policy)
        engine.open(policy, 1, Lane(model.chat, opening), profile, DuoStrategy())
    for tick, scripted in enumerate(SCRIPT, start=1):
        head.readings = list(scripted.readings)
        for policy in Promotion:
            engine.submit(_slice(model, engine.lane(policy), policy, tick, scripted))
        before = engine.num_forwards
        results = {result.session_id: result for result in engine.run()}
        engine.check_integrity()
        shown = Promotion if tick >= len(SCRIPT) - 1 else (Promotion.REBASE,)
        utterance = repr(scripted.utterance) if scripted.utterance else "nothing new"
        yield f"slice {tick}: {utterance}"
        yield f"  {engine.num_forwards - before} forwards for both sessions"
        for policy in shown:
            yield from _told(model, engine.lane(policy), policy, results[policy])


def _slice(
    model: LoadedModel, lane: Lane, session_id: str, tick: int, scripted: ScriptedTick
) -> Slice:
    edit = token_edit(lane.utterance, model.tokenizer.encode(scripted.utterance))
    is_same = not edit.append and edit.keep == len(lane.utterance)
    return Slice(
        session_id,
        epoch=1,
        tick=tick,
        edit=None if is_same else edit,
        heard=scripted.heard,
        reply_tokens=4,
        look_ahead_tokens=3,
    )


def _told(model: LoadedModel, lane: Lane, policy: str, result: SliceResult) -> Iterator[str]:
    judged = ""
    if result.judgement is not None:
        ahead = result.judgement.look_ahead_tokens
        judged = f", {result.judgement.state} after {ahead} look-ahead tokens"
    steps = [type(step).__name__ for step in result.steps]
    yield f"  {policy}: {result.num_forwards} forwards, {result.num_rows} rows{judged}"
    yield f"    steps   {' '.join(steps) or 'none'}"
    yield f"    trunk   {len(lane.trunk)} tokens, {lane.trunk.num_cached} with cells"
    for name, channel, text in (
        ("input", lane.input, lane.utterance),
        ("output", lane.output, lane.reply),
    ):
        if len(channel):
            spelled = f": {model.tokenizer.decode(text)!r}"
            yield f"    {name:7s} {len(channel)} tokens, {channel.num_cached} with cells{spelled}"


if __name__ == "__main__":
    print("\n".join(story(load_model(device="cpu", dtype="float32"))))
