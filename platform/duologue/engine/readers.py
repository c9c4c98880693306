"""From what a forward gave to what each slice learns: states, look-ahead and reply tokens."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from duologue.engine.passage import Passage
from duologue.forward.rows import ForwardOutput
from duologue.forward.sampling import sample
from duologue.forward.sampling_settings import SamplingSettings
from duologue.forward.state_head import StateHead
from duologue.kv.channel import Channel
from duologue.states import State
from duologue.strategies.base import Outcome

GREEDY = SamplingSettings()
"""Look-ahead is what the model finds likeliest, however the reply is sampled."""


class Readers:
    """Reads the rows of all passages of a forward at once."""

    def __init__(self, head: StateHead | None) -> None:
        self._head = head

    @property
    def can_judge(self) -> bool:
        return self._head is not None

    def read(self, passages: Sequence[Passage], output: ForwardOutput) -> list[Outcome]:
        """One outcome per passage, in their order."""
        tokens = iter(self._tokens(passages, output.logits))
        states = iter(self._states(output.hidden))
        outcomes = []
        for passage in passages:
            probabilities, look_ahead, reply_token = None, None, None
            for stretch in passage.stretches:
                if stretch.reads_hidden:
                    probabilities = next(states)
                if stretch.reads_logits and stretch.channel is Channel.INPUT:
                    look_ahead = next(tokens)
                elif stretch.reads_logits:
                    reply_token = next(tokens)
            outcomes.append(Outcome(probabilities, look_ahead, reply_token))
        return outcomes

    def _states(self, hidden: Tensor) -> list[Mapping[State, float]]:
        if self._head is None or hidden.shape[0] == 0:
            return []
        rows = self._head.probabilities(hidden).tolist()
        return [dict(zip(self._head.labels, row, strict=True)) for row in rows]

    def _tokens(self, passages: Sequence[Passage], logits: Tensor) -> list[int]:
        settings: list[SamplingSettings] = []
        draws: list[tuple[int, int]] = []
        history: list[Sequence[int]] = []
        for passage in passages:
            lane, profile = passage.job.seat.lane, passage.job.run.profile
            for stretch in passage.stretches:
                if not stretch.reads_logits:
                    continue
                is_reply = stretch.channel is Channel.OUTPUT
                sampling = profile.sampling if is_reply else GREEDY
                settings.append(sampling)
                draws.append((lane.reply_number, lane.num_reply_tokens))
                counts = sampling.repetition_penalty != 1
                history.append([*lane.trunk.tokens, *lane.output.tokens] if counts else ())
        return sample(logits, settings, draws, history)
