"""A reply's tokens as a stream of text that never shows half a character."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

import regex

from duologue.errors import InvalidInput
from duologue.text.tokenizer import Tokenizer

MAX_HELD_TOKENS = 16
"""So many tokens may wait for the rest of a character before what is there is shown as invalid."""

MAX_HELD_CHARS = 32
"""So many code points may wait for more of one grapheme cluster before they are shown."""

# A character is at most four bytes and a token at least one, so an unfinished character lies
# within the last three tokens.
_MAX_UNFINISHED_TOKENS = 3
_REPLACEMENT = "\ufffd"
_CLUSTER = regex.compile(r"\X")


@dataclass(frozen=True, slots=True)
class HeardSplit:
    """The part of a reply that was heard, in whole tokens and a rest.

    The first `keep_tokens` tokens lie wholly in the heard text; `tail_text` is what was heard
    beyond them, the beginning of a token's text or of a character of several tokens.
    """

    keep_tokens: int
    tail_text: str


@dataclass(slots=True)
class StreamState:
    """How far a stream has come: a plain value, from which it goes on."""

    text: str = ""
    """All text that was shown so far."""
    held: str = ""
    """Complete characters whose grapheme cluster may go on."""
    # Tokens without a complete character yet, and the last ones before them: a decoder may
    # treat the first token of a text in another way than later ones.
    open: list[int] = field(default_factory=list)
    context: list[int] = field(default_factory=list)
    num_context_chars: int = 0
    token_ends: list[int] = field(default_factory=list)
    """Where in the text each token ends, of those whose characters are complete."""
    num_tokens: int = 0
    is_flushed: bool = False

    def split_at(self, heard_chars: int) -> HeardSplit:
        """Split the reply behind the first `heard_chars` characters of `text`.

        Who claims to have heard more than was shown heard all that was shown. Raises InvalidInput
        if `heard_chars` is negative.
        """
        if heard_chars < 0:
            raise InvalidInput(f"must be 0 or more, not {heard_chars}", field="heard_chars")
        heard_chars = min(heard_chars, len(self.text))
        keep = bisect_right(self.token_ends, heard_chars)
        kept_chars = self.token_ends[keep - 1] if keep else 0
        return HeardSplit(keep_tokens=keep, tail_text=self.text[kept_chars:heard_chars])


class TextStream:
    """Turns tokens into text as they come, in whole extended grapheme clusters.

    A cluster is what a reader takes for one character: a letter with its accents, an emoji of
    several code points. The last one is kept back until the next begins, since more of it may
    come; `flush` lets it go at the end of the reply. What was pushed and flushed, put together, is
    what `Tokenizer.decode` says of all tokens. For byte-level tokenizers that includes bytes that
    are not UTF-8, shown as U+FFFD. A tokenizer with byte fallback decodes a run of byte tokens with
    one invalid byte to nothing but U+FFFD; the stream keeps those characters of the run that were
    already complete.

    What is kept back is bounded (MAX_HELD_TOKENS, MAX_HELD_CHARS), and a push takes no longer late
    in a reply than at its start. Lengths and places in the text are counted in code points.
    """

    def __init__(self, tokenizer: Tokenizer, state: StreamState | None = None) -> None:
        """With `state`, go on from there; it is changed by what is pushed."""
        self.state = state or StreamState()
        self._tokenizer = tokenizer

    @property
    def text(self) -> str:
        """All text that was shown so far."""
        return self.state.text

    @property
    def num_chars(self) -> int:
        """The length of `text`, in code points."""
        return len(self.state.text)

    @property
    def num_tokens(self) -> int:
        """The number of tokens pushed so far."""
        return self.state.num_tokens

    def push(self, tokens: Sequence[int]) -> str:
        """Take the next tokens and return the text that can be shown now, maybe none."""
        assert not self.state.is_flushed, "a flushed stream takes no more tokens"
        for token in tokens:
            self.state.num_tokens += 1
            if self._tokenizer.has_text(token):
                self.state.open.append(token)
                self._settle()
            elif not self.state.open:
                self._mark_ends(self.state.num_tokens)
        return self._show(self._num_complete_chars())

    def flush(self) -> str:
        """Return all that was kept back, because the reply ends here.

        A character that will never be completed becomes U+FFFD.
        """
        self.state.is_flushed = True
        self.state.held += self._decode_open()
        self.state.open = []
        self._mark_ends(self.state.num_tokens)
        return self._show(len(self.state.held))

    def split_at(self, heard_chars: int) -> HeardSplit:
        """As `StreamState.split_at`."""
        return self.state.split_at(heard_chars)

    def _settle(self) -> None:
        """Move the open tokens' text to the held text, once it ends with a whole character."""
        fresh = self._decode_open()
        if fresh and not fresh.endswith(_REPLACEMENT):
            self._close(len(self.state.open), fresh)
        elif len(self.state.open) > MAX_HELD_TOKENS:
            # Invalid bytes, unless the model means to say U+FFFD; the end may still become valid.
            num_closed = len(self.state.open) - _MAX_UNFINISHED_TOKENS
            self._close(num_closed, self._decode_open(num_closed))

    def _close(self, num_tokens: int, fresh: str) -> None:
        """Take the first open tokens as finished; `fresh` is their text."""
        self.state.held += fresh
        self.state.context, self.state.open = (
            self.state.open[:num_tokens],
            self.state.open[num_tokens:],
        )
        self.state.num_context_chars = len(self._tokenizer.decode(self.state.context))
        self._mark_ends(self.state.num_tokens - len(self.state.open))

    def _decode_open(self, num_tokens: int | None = None) -> str:
        """Text of the (first) open tokens, as it reads behind the text before them."""
        window = self.state.context + self.state.open[:num_tokens]
        return self._tokenizer.decode(window)[self.state.num_context_chars :]

    def _mark_ends(self, num_tokens: int) -> None:
        """Note that the first `num_tokens` tokens end no later than the text that is complete."""
        end = len(self.state.text) + len(self.state.held)
        self.state.token_ends.extend([end] * (num_tokens - len(self.state.token_ends)))

    def _num_complete_chars(self) -> int:
        """How much of the held text is whole clusters, to which nothing can be added any more."""
        start_of_last = 0
        for cluster in _CLUSTER.finditer(self.state.held):
            start_of_last = cluster.start()
        is_overlong = len(self.state.held) - start_of_last > MAX_HELD_CHARS
        return len(self.state.held) if is_overlong else start_of_last

    def _show(self, num_chars: int) -> str:
        shown, self.state.held = self.state.held[:num_chars], self.state.held[num_chars:]
        if shown:
            self.state.text += shown
        return shown


def shows_text(tokenizer: Tokenizer, tokens: Sequence[int]) -> bool:
    """Whether a stream that begins with these tokens has text to show."""
    return bool(TextStream(tokenizer).push(tokens))
