"""The tokenizer of a model, without torch or transformers, fit for light processes."""

from collections.abc import Sequence
from pathlib import Path

import tokenizers

from duologue.errors import InvalidInput, ModelUnavailable


class Tokenizer:
    """Turns text into tokens and back, from a `tokenizer.json`.

    There are two ways in. `encode` is for what people wrote: text that spells a special token,
    such as "<|im_end|>", stays ordinary text, so nobody can forge a turn. `encode_markup` is for
    chat templates, where the same spelling is the special token. Neither adds tokens of its own.
    Threads may share a tokenizer; nothing in it changes after construction.
    """

    def __init__(self, serialized: str, path: Path) -> None:
        # The switch `encode_special_tokens` belongs to the whole object, hence two of them.
        self.path = path
        self._markup = _parse(serialized, path)
        self._plain = _parse(serialized, path)
        self._plain.encode_special_tokens = True
        added = self._markup.get_added_tokens_decoder()
        self.special_tokens: frozenset[int] = frozenset(
            token for token, entry in added.items() if entry.special
        )
        self.vocab_size: int = self._markup.get_vocab_size(with_added_tokens=True)

    @classmethod
    def from_file(cls, path: Path) -> "Tokenizer":
        """Load a `tokenizer.json`; raises ModelUnavailable if it is missing or cannot be read."""
        try:
            serialized = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ModelUnavailable(f"cannot read the tokenizer file {path}: {error}") from error
        return cls(serialized, path)

    @property
    def serialized(self) -> str:
        """A `tokenizer.json` that gives this tokenizer again."""
        return str(self._markup.to_str())

    def encode(self, text: str) -> list[int]:
        """Tokens of a person's text, none of them special.

        Raises InvalidInput if the text is not Unicode (it holds a lone surrogate).
        """
        return _encode(self._plain, text)

    def encode_markup(self, text: str) -> list[int]:
        """Tokens of chat markup, in which the spelling of a special token is that token."""
        return _encode(self._markup, text)

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of the tokens, special ones left out; U+FFFD stands for bytes that are not UTF-8."""
        return str(self._markup.decode(list(tokens), skip_special_tokens=True))

    def has_text(self, token: int) -> bool:
        """Whether decoding takes notice of the token: it is known and not special.

        A model's vocabulary may be larger than its tokenizer's; what is beyond has no text.
        """
        return token not in self.special_tokens and self._markup.id_to_token(token) is not None

    def leading_tokens(self) -> tuple[int, ...]:
        """What the tokenizer itself would put in front of any text: usually BOS, or nothing."""
        bare = _encode(self._markup, "a")
        framed = list(self._markup.encode("a", add_special_tokens=True).ids)
        for start in range(len(framed) - len(bare) + 1):
            if framed[start : start + len(bare)] == bare:
                return tuple(framed[:start])
        return ()


def _parse(serialized: str, path: Path) -> tokenizers.Tokenizer:
    try:
        parsed = tokenizers.Tokenizer.from_str(serialized)
    except Exception as error:  # the package raises bare Exception for every kind of bad file
        raise ModelUnavailable(f"{path} is not a usable tokenizer.json: {error}") from error
    # A file saved during training may still cut or pad what it encodes.
    parsed.no_truncation()
    parsed.no_padding()
    return parsed


def _encode(tokenizer: tokenizers.Tokenizer, text: str) -> list[int]:
    try:
        return list(tokenizer.encode(text, add_special_tokens=False).ids)
    except (UnicodeEncodeError, TypeError) as error:
        raise InvalidInput(
            f"must be valid Unicode without lone surrogates: {error}", field="text"
        ) from error
