"""Sessions that begin in the middle of a conversation, with the given turns behind them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from duologue.session.setup import SessionSetup
from duologue.states import State
from duologue.training.layout import Layout
from duologue.training.sample import Sample, Turn


@dataclass(frozen=True, slots=True)
class SetupWithPast(SessionSetup):
    """The setup of a session that starts with turns in its trunk."""

    past: tuple[Turn, ...] = ()

    @property
    def opening(self) -> tuple[int, ...]:
        """The tokens of the opening and of the turns, as the engine's lane lays them out."""
        return trunk_tokens(self, self.past)


def with_past(setup: SessionSetup, past: Sequence[Turn]) -> SetupWithPast:
    """The same setup for a session that has these turns behind it."""
    kept = {field.name: getattr(setup, field.name) for field in fields(SessionSetup)}
    return SetupWithPast(**kept, past=tuple(past))


def trunk_tokens(setup: SessionSetup, past: Sequence[Turn]) -> tuple[int, ...]:
    """The trunk of a conversation with these turns, up to where a new utterance branches off."""
    layout = Layout(setup.chat, setup.tokenizer)
    nothing_said = Sample("", State.INCOMPLETE, context=tuple(past))
    tokens = layout.tokens(nothing_said, setup.decoding.system_prompt)
    return tuple(tokens[: len(tokens) - len(setup.chat.user_header)])
