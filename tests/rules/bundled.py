"""The bundled model under the rules, and two written-down conversations of several people with it.

What the users say is real, what the head makes of it is not: it is a random one, so that every
decision comes about.
"""

from duologue.lane.judging import JudgingPatience
from duologue.lane.steps import Promotion
from duologue.text.tokenizer import Tokenizer
from tests.rules.schedules import Action, Edit, Limits, Plan, Report, Schedule


class Script:
    """Writes down what people say, as tokens."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def says(self, text: str, *, keep: float = 1.0, **rest: object) -> Action:
        tokens = tuple(self._tokenizer.encode(text))
        return Action(edit=Edit(keep, tokens), **rest)  # type: ignore[arg-type]

    def heard(self, share: float, text: str = "") -> Report:
        return Report(share, tuple(self._tokenizer.encode(text)))

    def schedules(self) -> tuple[Schedule, Schedule]:
        roomy = Schedule("quick", (-1,), Limits(), (self._asker(), self._interrupter()))
        tight = Limits(max_rows=24, prefill_chunk_rows=9)
        crowded = (self._interrupter(), self._reviser(), self._interleaver())
        return roomy, Schedule("balanced", (-1,), tight, crowded)

    def _asker(self) -> Plan:
        return Plan(
            name="asker",
            strategy="duo",
            first_tick=0,
            actions=(
                self.says("What is the"),
                self.says(" capital of France?"),
                Action(patience=JudgingPatience.LOW),
                Action(patience=JudgingPatience.OUT),
                self.says("uh-huh", delay_forwards=1),
                Action(),
                Action(patience=JudgingPatience.OUT),
                Action(),
            ),
            promotion=Promotion.BRANCH,
            context_limit_tokens=150,
        )

    def _interrupter(self) -> Plan:
        return Plan(
            name="interrupter",
            strategy="duo",
            first_tick=1,
            actions=(
                self.says("Tell me a story about a lighthouse.", patience=JudgingPatience.OUT),
                Action(),
                self.says("Wait, make it", report=self.heard(0.6, " up")),
                self.says(" a mountain", keep=0.5, report=self.heard(0.4)),
                Action(patience=JudgingPatience.OUT, report=self.heard(0.9)),
                Action(report=self.heard(1.0), concludes=True),
                self.says(" actually, a river", reopens=True),
                Action(patience=JudgingPatience.OUT),
            ),
            holds_reply=True,
            reply_tokens=3,
            look_ahead_tokens=2,
        )

    def _reviser(self) -> Plan:
        return Plan(
            name="reviser",
            strategy="duo",
            first_tick=0,
            actions=(
                self.says("Recognise speech"),
                self.says("Wreck a nice beach", keep=0.0),
                self.says("", keep=0.0),
                self.says("How do I recognise speech?", patience=JudgingPatience.LOW),
                Action(patience=JudgingPatience.OUT),
                Action(),
            ),
            reply_tokens=2,
        )

    def _interleaver(self) -> Plan:
        return Plan(
            name="interleaver",
            strategy="tdm",
            first_tick=2,
            actions=(
                self.says("Why is the sky blue?", patience=JudgingPatience.OUT),
                Action(),
                self.says("yeah"),
                self.says(" and the sea?"),
                Action(patience=JudgingPatience.OUT),
            ),
            reply_tokens=2,
            look_ahead_tokens=1,
        )
