"""From what a forward gave to what each slice learns: states, look-ahead and reply tokens."""

from collections.abc import Mapping, Sequence

from duologue.engine.passage import Passage
from duologue.forward.running import Answers
from duologue.forward.sampling_rows import TokenRequests
from duologue.forward.sampling_settings import SamplingSettings
from duologue.forward.state_head import StateHead
from duologue.kv.channel import Channel
from duologue.states import State
from duologue.strategies.base import ForwardOutcome

GREEDY = SamplingSettings()
"""Look-ahead is what the model finds likeliest, however the reply is sampled."""


class Readers:
    """Asks for, and understands, what the rows of all passages of a forward tell."""

    def __init__(self, head: StateHead | None) -> None:
        self.head = head

    @property
    def can_judge(self) -> bool:
        return self.head is not None

    def requests(self, passages: Sequence[Passage]) -> TokenRequests:
        """How the tokens of the rows whose logits are read are chosen, in their order."""
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
        return TokenRequests(settings, draws, history)

    def outcomes(self, passages: Sequence[Passage], answers: Answers) -> list[ForwardOutcome]:
        """One outcome per passage, in their order."""
        tokens = iter(answers.tokens)
        states = iter(self._states(answers.probabilities))
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
            outcomes.append(ForwardOutcome(probabilities, look_ahead, reply_token))
        return outcomes

    def _states(self, rows: Sequence[Sequence[float]]) -> list[Mapping[State, float]]:
        if self.head is None:
            return []
        return [dict(zip(self.head.labels, row, strict=True)) for row in rows]
