"""The interaction panel: figures over all played scenarios, named as in τ-voice."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from duologue.evaluation.duplex.acts import UNDIRECTED, Act
from duologue.evaluation.duplex.outcome import Label, LineOutcome, outcomes
from duologue.evaluation.duplex.record import Record
from duologue.evaluation.duplex.windows import QUIET_WINDOW_MS, YIELD_WINDOW_MS
from duologue.evaluation.metrics import Share, Spread


@dataclass(frozen=True, slots=True)
class Panel:
    """What was measured on one strategy."""

    records: tuple[Record, ...]
    seen: tuple[LineOutcome, ...]
    """Of all lines that were said."""

    @classmethod
    def of(cls, records: Iterable[Record]) -> "Panel":
        played = tuple(records)
        return cls(played, tuple(each for record in played for each in outcomes(record)))

    @property
    def passed(self) -> Share:
        """Scenarios of which all lines were said and all expectations met."""
        played = [record for record in self.records if not record.unsaid]
        return Share.of(not any(each.failures for each in outcomes(r)) for r in played)

    @property
    def not_applicable(self) -> list[Record]:
        """Scenarios that did not come to the situation that they are about."""
        return [r for r in self.records if r.unsaid or not outcomes(r)[-1].is_scored]

    @property
    def response_latency(self) -> Spread:
        """Milliseconds from the last text of a line to the first of the reply to it."""
        found = (each.response_latency_ms for each in self._turns)
        return Spread.of(latency for latency in found if latency is not None)

    def latency(self, *, committed: bool) -> Spread:
        """The same of the turns that the user ended with a commit, or without one."""
        turns = (each for each in self._turns if each.spoken.is_committed is committed)
        found = (each.response_latency_ms for each in turns)
        return Spread.of(latency for latency in found if latency is not None)

    @property
    def shown_withdrawn(self) -> float | None:
        """Replies of which something was shown, and that were then taken back, per turn."""
        replies = (reply for record in self.records for reply in record.replies)
        return self._over_turns(sum(r.is_taken_back and bool(r.text) for r in replies))

    @property
    def split_turns(self) -> Share:
        """Of the user's turns: those that became several entries of the transcript."""
        return Share.of(each.is_split for each in self._turns)

    @property
    def replies(self) -> float | None:
        """Replies of which something was shown, per turn."""
        return self._over_turns(sum(len(each.shown) for each in self._turns))

    @property
    def discarded_tokens(self) -> float | None:
        """Reply tokens that were computed and never shown, per turn."""
        counts = [record.num_discarded_tokens for record in self.records]
        known = [count for count in counts if count is not None]
        return self._over_turns(sum(known)) if known else None

    @property
    def paused_and_resumed(self) -> Spread:
        """Milliseconds for which replies were silent that then went on."""
        return Spread.of(
            silence.end_ms - silence.begin_ms
            for record in self.records
            for reply in record.replies
            for silence in reply.silences
            if silence.end_ms is not None
        )

    @property
    def yield_latency(self) -> Spread:
        """Milliseconds from the start of an interruption until the reply fell silent."""
        return Spread.of(
            each.cut_ms - each.spoken.start_ms
            for each in self._interruptions
            if each.cut_ms is not None
        )

    @property
    def yield_latency_after_end(self) -> Spread:
        """The same from the end of the interruption; negative where it was so before."""
        return Spread.of(
            each.cut_ms - each.spoken.end_ms
            for each in self._interruptions
            if each.cut_ms is not None
        )

    @property
    def response_rate(self) -> Share:
        """Of the user's turns that ended in silence or in a reply to something else."""
        scored = (each for each in self._turns if each.standing is None)
        return Share.of(each.response is not None for each in scored)

    @property
    def yield_rate(self) -> Share:
        """Of real interruptions: the reply is silent within 2 s of their start."""
        return self._yields(lambda each: each.yields_within(YIELD_WINDOW_MS, of_start=True))

    @property
    def yield_rate_after_end(self) -> Share:
        """The same within 2 s of their end."""
        return self._yields(lambda each: each.yields_within(YIELD_WINDOW_MS))

    @property
    def yield_rate_two_ticks(self) -> Share:
        """The same within two ticks of their end."""
        return self._yields(lambda each: each.yields_within(2 * each.tick_ms))

    @property
    def hold_rate(self) -> Share:
        """Of demands for silence: the reply is silent within 2 s of their end, and none begins."""
        held = (each for each in self.seen if each.act is Act.HOLD and each.is_scored)
        return Share.of(
            each.is_quiet_for(QUIET_WINDOW_MS)
            and (each.fell_into is None or each.yields_within(YIELD_WINDOW_MS))
            for each in held
        )

    def selectivity(self, *acts: Act) -> Share:
        """Of such lines: carried on over, or met with silence where nothing was being said."""
        scored = (each for each in self.seen if each.act in acts and each.is_scored)
        return Share.of(each.carries_on_for(QUIET_WINDOW_MS) for each in scored)

    @property
    def interrupts_user_rate(self) -> float | None:
        """Replies that began inside a turn of the user's and stood, per turn."""
        return self._per_turn(taken_back=False)

    @property
    def interrupts_user_taken_back_rate(self) -> float | None:
        """Replies that began inside a turn of the user's and were taken back, per turn."""
        return self._per_turn(taken_back=True)

    @property
    def pause_takeovers(self) -> Share:
        """Of lines with a pause inside: a reply began in it, whether it stood or not."""
        return self._pauses(lambda each: bool(each.takeovers))

    @property
    def pause_takeovers_stood(self) -> Share:
        """The same, not counting what was taken back when the user went on."""
        return self._pauses(lambda each: any(not r.is_taken_back for r in each.takeovers))

    @property
    def joint_score(self) -> float | None:
        """The least of yielding within two ticks and of the three selectivities."""
        shares = [self.yield_rate_two_ticks, *self.selectivities.values()]
        values = [share.value for share in shares]
        return None if None in values else min(value for value in values if value is not None)

    @property
    def selectivities(self) -> Mapping[str, Share]:
        return {
            "selectivity_backchannel": self.selectivity(Act.BACKCHANNEL),
            "selectivity_vocal_tic": self.selectivity(Act.VOCAL_TIC),
            "selectivity_non_directed": self.selectivity(*UNDIRECTED),
        }

    @property
    def labels(self) -> Mapping[Act, Counter[Label]]:
        """What the assistant did about lines that fell into its reply, by what they were."""
        counted: dict[Act, Counter[Label]] = {}
        for each in self.seen:
            if each.label is not None:
                counted.setdefault(each.act, Counter())[each.label] += 1
        return counted

    def of_kind(self, kind: Act) -> "Panel":
        """The same over the scenarios of one kind."""
        return Panel.of(record for record in self.records if record.scenario.kind is kind)

    @property
    def _turns(self) -> Sequence[LineOutcome]:
        return [each for each in self.seen if each.asks]

    @property
    def _interruptions(self) -> Sequence[LineOutcome]:
        """Turns of the user's that fell into a reply which was there to be yielded."""
        return [each for each in self._turns if each.fell_into and not each.ended_by_itself]

    def _yields(self, is_hit: Callable[[LineOutcome], bool]) -> Share:
        return Share.of(is_hit(each) for each in self._interruptions)

    def _pauses(self, is_hit: Callable[[LineOutcome], bool]) -> Share:
        return Share.of(is_hit(each) for each in self.seen if each.spoken.pauses)

    def _per_turn(self, *, taken_back: bool) -> float | None:
        begun = [r for each in self._turns for r in each.inside if r.is_taken_back == taken_back]
        return self._over_turns(len(begun))

    def _over_turns(self, number: float) -> float | None:
        turns = self._turns
        return number / len(turns) if turns else None
