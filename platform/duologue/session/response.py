"""A response: the text of one reply as the client sees it."""

from collections.abc import Sequence
from dataclasses import dataclass

from duologue.lane.slices import Heard
from duologue.session.stopping import StopStrings
from duologue.text.detokenizer import TextStream
from duologue.text.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class PastResponse:
    """A reply that is over, in what may still be asked of it."""

    response_id: int
    shown_text: str
    acked_chars: int | None


class Response:
    """What was shown of a reply, and what the user has heard of that."""

    def __init__(
        self,
        response_id: int,
        tokenizer: Tokenizer,
        stop_strings: Sequence[str],
        *,
        reports_playback: bool = False,
    ) -> None:
        """With `reports_playback`, nothing is taken for heard before the first report."""
        self.response_id = response_id
        self.is_done = False
        """Whether the client was told that no more text follows."""
        self._tokenizer = tokenizer
        self._stream = TextStream(tokenizer)
        self._stops = StopStrings(stop_strings)
        self.has_stop_strings = bool(stop_strings)
        self._num_shown_chars = 0
        self._past_text: str | None = None  # of a reply that is over, whose tokens are forgotten
        self._acked_chars = 0 if reports_playback else None

    @classmethod
    def recall(cls, past: PastResponse, tokenizer: Tokenizer) -> "Response":
        """A response that is over: it can still be named, and takes no more text."""
        response = cls(past.response_id, tokenizer, ())
        response.is_done = True
        response._past_text = past.shown_text
        response._num_shown_chars = len(past.shown_text)
        response._acked_chars = past.acked_chars
        return response

    @property
    def past(self) -> PastResponse:
        """What is left of it when it is over."""
        assert self.is_done, "the response goes on"
        return PastResponse(self.response_id, self.shown_text, self._acked_chars)

    @property
    def met_stop_string(self) -> bool:
        return self._stops.is_met

    @property
    def num_shown_chars(self) -> int:
        return self._num_shown_chars

    @property
    def shown_text(self) -> str:
        if self._past_text is not None:
            return self._past_text
        return self._stream.text[: self._num_shown_chars]

    @property
    def heard_chars(self) -> int:
        """What the player reported; without a report, all that was shown."""
        if self._acked_chars is None:
            return self._num_shown_chars
        return min(self._acked_chars, self._num_shown_chars)

    @property
    def is_heard(self) -> bool:
        return self.heard_chars == self._num_shown_chars

    @property
    def heard(self) -> Heard:
        """The heard text in tokens, for the trunk to keep."""
        split = self._stream.split_at(self.heard_chars)
        is_start = split.keep_tokens == 0
        return Heard(split.keep_tokens, self._tail_tokens(split.tail_text, is_start))

    def acknowledge(self, heard_chars: int) -> None:
        self._acked_chars = heard_chars

    def push(self, tokens: Sequence[int]) -> str:
        """The text that can be shown now."""
        return self._show(self._stops.push(self._stream.push(tokens)))

    def flush(self) -> str:
        """The rest of the text, at the end of the reply."""
        return self._show(self._stops.push(self._stream.flush()) + self._stops.flush())

    def _show(self, text: str) -> str:
        self._num_shown_chars += len(text)
        return text

    def _tail_tokens(self, text: str, is_start: bool) -> tuple[int, ...]:
        """Tokens of text that goes on in mid-word.

        Some tokenizers put a space in front of all that they encode. Behind a line break they do
        not, so the text is encoded with one, which then is taken away.
        """
        whole = tuple(self._tokenizer.encode(text))
        if is_start or not text:
            return whole
        line_break = tuple(self._tokenizer.encode("\n"))
        behind = tuple(self._tokenizer.encode("\n" + text))
        is_apart = behind[: len(line_break)] == line_break
        return behind[len(line_break) :] if is_apart else whole
