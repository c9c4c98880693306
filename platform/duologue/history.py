"""Earlier turns of a conversation, which a client hands over when its session begins."""

from collections.abc import Sequence
from dataclasses import dataclass

from duologue.errors import InvalidSetting
from duologue.setting_checks import check, check_choice
from duologue.speaker import FOR_CLIENTS

MAX_EARLIER_TURNS = 512
MAX_HISTORY_BYTES = 131_072
"""Of all their texts together, in UTF-8."""


@dataclass(frozen=True, slots=True)
class EarlierTurn:
    """What was said before the session began. White space around it means nothing.

    Raises InvalidSetting naming the field as `config.history.name`, as the API does.
    """

    role: str
    """"user", "assistant", or "system" for an instruction or a note among them."""
    text: str

    def __post_init__(self) -> None:
        check_choice("config.history.role", self.role, tuple(map(str, FOR_CLIENTS)))
        is_unicode = not any("\ud800" <= char <= "\udfff" for char in self.text)
        allowed = "valid Unicode without lone surrogates"
        check(is_unicode, "config.history.text", allowed, self.text)
        check(bool(self.text.strip()), "config.history.text", "more than white space", self.text)


def check_history(turns: Sequence[EarlierTurn]) -> None:
    """Raise InvalidSetting for more than a session takes."""
    if len(turns) > MAX_EARLIER_TURNS:
        raise InvalidSetting(
            f"must have at most {MAX_EARLIER_TURNS} turns, not {len(turns)}", field="config.history"
        )
    num_bytes = sum(len(turn.text.encode()) for turn in turns)
    if num_bytes > MAX_HISTORY_BYTES:
        raise InvalidSetting(
            f"must have at most {MAX_HISTORY_BYTES} bytes of text, not {num_bytes}",
            field="config.history",
        )
