"""A whole platform in one process on a tiny random model, with states that a test dictates."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from duologue.clock import ManualClock
from duologue.engine.engine import Engine
from duologue.events import Envelope, ServerEvent
from duologue.forward.state_head import AdapterCard, StateHead
from duologue.lane.steps import Step
from duologue.model.loading import load_model
from duologue.runtime.assembly import Assembly
from duologue.runtime.local import Charge, LocalRuntime
from duologue.session.setup import SessionSetup
from duologue.settings import DecodingSettings, ReplySamplingSettings
from duologue.states import State
from tests.tiny_models import VOCAB_SIZE, write_tiny_model

THRESHOLDS = {State.QUERY: 0.5, State.NON_QUERY: 0.5, State.HOLD: 0.5}
TICK_MS = 100


class DictatedHead(StateHead):
    """Says of every row what the test dictates at that moment."""

    def __init__(self, hidden_size: int) -> None:
        card = AdapterCard(hidden_size, tuple(State), THRESHOLDS)
        size = len(card.labels)
        super().__init__(card, [(torch.zeros(size, hidden_size), torch.zeros(size))])
        self.state = State.INCOMPLETE

    def probabilities(self, hidden: torch.Tensor) -> torch.Tensor:
        row = [0.91 if label is self.state else 0.03 for label in self.labels]
        return torch.tensor([row] * hidden.shape[0])


def tiny_assembly(
    folder: Path,
    *,
    max_reply_tokens: int = 12,
    vocab_size: int = VOCAB_SIZE,
    write: Callable[[Path], Path] | None = None,
    tick_ms: int = TICK_MS,
) -> tuple[Assembly, DictatedHead]:
    """An assembly of a tiny Llama; its replies are random words of a fixed length.

    Or of another model, which `write` puts into a folder.
    """
    if write is None:
        written = write_tiny_model(folder, "llama", vocab_size=vocab_size)
    else:
        written = write(folder)
    model = load_model(written, device="cpu", dtype="float32")
    head = DictatedHead(model.geometry.hidden_size)
    setup = SessionSetup(
        tokenizer=model.tokenizer,
        chat=model.chat,
        max_positions=model.geometry.max_positions,
        thresholds=THRESHOLDS,
        decoding=DecodingSettings(
            tick_ms=tick_ms, max_reply_tokens=max_reply_tokens, system_prompt="hi"
        ),
        sampling=ReplySamplingSettings(temperature=1.0, seed=7),
    )
    return Assembly(model, head, Engine(model, head), setup), head


class Theatre:
    """One session, what it was told, and a clock that the test moves tick by tick."""

    def __init__(
        self, assembly: Assembly, *, session_id: str = "s", charge: Charge | None = None
    ) -> None:
        self.clock = ManualClock()
        self.told: list[Envelope] = []
        self.steps: list[Step] = []
        """All that the engine did."""
        self.runtime = LocalRuntime(
            assembly.engine, self.clock, tick_ms=TICK_MS, listener=self._listen, charge=charge
        )
        self.session = self.runtime.open(session_id, assembly.setup)

    def run_ticks(self, count: int = 1) -> None:
        for _ in range(count):
            for result in self.runtime.run_tick().results:
                self.steps.extend(result.steps)
            self.clock.advance(TICK_MS)

    def events(self, kind: type[ServerEvent]) -> list[ServerEvent]:
        return [envelope.event for envelope in self.told if isinstance(envelope.event, kind)]

    def _listen(self, session_id: str, envelopes: Sequence[Envelope], now_ms: float) -> None:
        assert session_id == self.session.session_id
        self.told.extend(envelopes)
