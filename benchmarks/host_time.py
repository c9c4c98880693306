"""What a batching actor's Python costs: milliseconds of CPU for each session and slice.

    python -m benchmarks.host_time --sessions 512

Runs the loop of a batching actor with sessions that all speak, a token in every tick, outside of
the network: slices in, answers out. The model is a tiny one with random weights; its forward is
told apart. Outside of it are the Python of all that surrounds it, and the choice of tokens among
the logits of a whole vocabulary.
"""

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from duologue.batching.loop import BatchLoop
from duologue.batching.messages import Delivery, Take, Work
from duologue.batching.model_limits import ModelLimits
from duologue.batching.seating import Seating
from duologue.clock import ManualClock, TickClock
from duologue.engine.engine import Engine, EngineSettings
from duologue.lane.judging import Judge
from duologue.lane.lane import Lane
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Slice, SliceResult
from duologue.lane.state import LaneState
from duologue.lane.steps import Say
from duologue.model.loading import LoadedModel, load_model
from duologue.service_settings import BatchingSettings
from duologue.states import State
from duologue.strategies.registry import strategy_named
from duologue.text.token_edit import TokenEdit

TICK_MS = 160.0
TICKS, ROUNDS = 5, 5


class QueryHead:
    """Takes whatever is said for a question: an engine asks no more of a head than this."""

    layers = (-1,)
    lora = None
    labels = (State.QUERY,)

    def probabilities(self, hidden: torch.Tensor) -> torch.Tensor:
        return torch.ones(hidden.shape[0], 1)


class Crowd:
    """Sessions that speak, at a loop whose clock is moved by hand."""

    def __init__(self, model: LoadedModel, num_sessions: int) -> None:
        self.forward_s = 0.0
        self._names = [f"session {number}" for number in range(num_sessions)]
        self._clock, self._ticks = ManualClock(), TickClock(0.0, TICK_MS)
        self._answers: list[Delivery] = []
        settings = EngineSettings(kv_bytes=1 << 30, max_rows=32 * num_sessions)
        engine = Engine(model, cast(Any, QueryHead()), settings)
        vocab_size, max_positions = model.geometry.vocab_size, model.geometry.max_positions
        self._loop = BatchLoop(
            Seating(engine, model.chat, ModelLimits(vocab_size, max_positions, True), num_sessions),
            self._clock,
            self._ticks,
            BatchingSettings(gather_ms=0, max_sessions=num_sessions),
            self._answers.extend,
        )
        self._time_forwards(engine)
        profile = LaneProfile(
            Judge({State.QUERY: 0.5}), frozenset(), context_limit_tokens=max_positions
        )
        lane = LaneState.of(Lane(model.chat, model.chat.opening(model.tokenizer, "Be brief.")))
        for name in self._names:
            self._loop.post(Take(name, name, name, 1, strategy_named("duo"), lane, profile))
        self._loop.run_once()
        self.tick(TokenEdit(0, (*model.tokenizer.encode("How are you?"),)))

    def tick(self, edit: TokenEdit | None = None) -> int:
        """One tick with a slice of each session; returns the number of tokens said."""
        self._clock.advance(self._ticks.until_next(self._clock.now_ms()))
        now_ms, self._answers[:] = self._clock.now_ms(), []
        tick = self._ticks.tick_at(now_ms)
        for name in self._names:
            self._loop.post(Work(name, Slice(name, 1, tick, edit=edit, reply_tokens=1), now_ms))
        num_results = 0
        while num_results < len(self._names):
            self._loop.run_once()
            results = [answer for _, answer in self._answers if isinstance(answer, SliceResult)]
            num_results = len(results)
        return sum(isinstance(step, Say) for result in results for step in result.steps)

    def _time_forwards(self, engine: Engine) -> None:
        run = engine._merged.run

        def timed(stretches: Sequence[Any], beside: Any = None) -> Any:
            began_s = time.process_time()
            output = run(stretches, beside)
            self.forward_s += time.process_time() - began_s
            return output

        engine._merged.run = timed  # type: ignore[method-assign]


def tiny_model(folder: Path) -> LoadedModel:
    """Random weights in the shape of the bundled model, but small; its words."""
    bundled = load_model("bundled").folder
    config = AutoConfig.from_pretrained(bundled)
    config.update(
        {
            "num_hidden_layers": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 16,
        }
    )
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(bundled).save_pretrained(folder)
    return load_model(folder, dtype="float32", kernels="torch")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=512)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        crowd = Crowd(tiny_model(Path(folder)), args.sessions)
    crowd.tick()
    gc.collect()
    gc.freeze()  # as a batching actor does when it has started
    host_ms, forward_ms = [], []
    for _ in range(ROUNDS):
        began_s, crowd.forward_s = time.process_time(), 0.0
        num_said = sum(crowd.tick() for _ in range(TICKS))
        assert num_said == TICKS * args.sessions, "somebody has fallen silent"
        took_s = time.process_time() - began_s
        host_ms.append((took_s - crowd.forward_s) * 1000 / num_said)
        forward_ms.append(crowd.forward_s * 1000 / num_said)
    print(f"{args.sessions} sessions, milliseconds of CPU for each and slice, of {ROUNDS} rounds")
    for name, values in (("outside of the forward", host_ms), ("forward", forward_ms)):
        print(f"  {name:24} median {statistics.median(values):.4f}  least {min(values):.4f}")


if __name__ == "__main__":
    main()
