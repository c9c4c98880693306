"""Streamed text is the decoded text, in whole grapheme clusters, at a bounded delay and cost."""

import random
import unicodedata

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from duologue.errors import InvalidInput
from duologue.text.detokenizer import MAX_HELD_CHARS, MAX_HELD_TOKENS, HeardSplit, TextStream
from duologue.text.tokenizer import Tokenizer
from tests.unit.text.tiny_tokenizers import byte_level, sentence_piece

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
FLAGS = "🇫🇷🇩🇪🇯🇵"
COMBINING = "e\u0301 n\u0303o a\u0323\u0302 \u0e01\u0e33 क्षि 각"
CHINESE = "今天天气很好，我们去公园吧。"
SAMPLES = [FAMILY, FLAGS, COMBINING, CHINESE, "naïve café\r\n\r\n👍🏽 done 🏴\U000e0067\U000e007f!"]
TOKENIZERS = [byte_level(), sentence_piece()]
INVALID = "\ufffd"

# Combining marks, joiners and emoji come up often enough to meet each other.
clusters = st.sampled_from([*SAMPLES, "\u200d", "\u0301", "👩", "🇫", "\r", "\n", "  ", "hello"])
texts = st.lists(st.one_of(clusters, st.text(max_size=5)), max_size=8).map("".join)
by_tokenizer = pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda t: t.path.stem)


def pieces_of(tokenizer: Tokenizer, tokens: list[int], sizes: list[int]) -> list[str]:
    """What each push of `sizes` tokens (then of single ones) and the flush returned."""
    stream = TextStream(tokenizer)
    pieces = []
    position = 0
    for size in [*sizes, *([1] * len(tokens))]:
        pieces.append(stream.push(tokens[position : position + size]))
        position += size
        assert stream.text == "".join(pieces)
    pieces.append(stream.flush())
    assert stream.text == "".join(pieces)
    assert stream.num_tokens == len(tokens)
    assert stream.num_chars == len(stream.text)
    return pieces


@by_tokenizer
@given(text=texts, sizes=st.lists(st.integers(0, 9), max_size=5))
@example(text=FAMILY, sizes=[])
@example(text=FLAGS, sizes=[])
@example(text=COMBINING, sizes=[])
@example(text=CHINESE, sizes=[])
def test_the_pieces_are_the_decoded_text_in_whole_clusters(
    tokenizer: Tokenizer, text: str, sizes: list[int]
) -> None:
    tokens = tokenizer.encode(text)
    decoded = tokenizer.decode(tokens)
    pieces = pieces_of(tokenizer, tokens, sizes)
    assert "".join(pieces) == decoded
    boundaries = {0, *(cluster.end() for cluster in regex.finditer(r"\X", decoded))}
    position = 0
    for piece in pieces:
        position += len(piece)
        assert position in boundaries
        assert INVALID not in piece or INVALID in text


@given(tokens=st.lists(st.integers(0, byte_level().vocab_size + 3), max_size=60))
def test_any_tokens_of_a_byte_level_tokenizer_come_out_as_decoded(tokens: list[int]) -> None:
    """Also special ones, unknown ones and bytes that are not UTF-8, whatever their number."""
    tokenizer = byte_level()
    assert "".join(pieces_of(tokenizer, tokens, [])) == tokenizer.decode(tokens)


@given(
    spans=st.lists(
        st.one_of(
            st.binary(max_size=6), st.text(max_size=4).map(lambda text: text.encode("utf-8"))
        ),
        max_size=12,
    )
)
def test_single_bytes_come_out_as_decoded(spans: list[bytes]) -> None:
    tokenizer = byte_level()
    tokens = [token_of_byte(byte) for span in spans for byte in span]
    assert "".join(pieces_of(tokenizer, tokens, [])) == tokenizer.decode(tokens)
    # Unlike the package, Python's decoder is known well: it says where invalid bytes belong.
    expected = b"".join(spans).decode("utf-8", errors="replace")
    assert tokenizer.decode(tokens) == expected


def token_of_byte(byte: int) -> int:
    """The token of a single byte, which byte-level tokenizers write as a printable sign."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [other for other in range(0x100) if other not in printable]
    sign = chr(byte) if byte in printable else chr(0x100 + others.index(byte))
    token = byte_level()._markup.token_to_id(sign)
    assert token is not None
    return token


@given(tokens=st.lists(st.integers(0, sentence_piece().vocab_size + 3), max_size=40))
def test_any_valid_tokens_with_byte_fallback_come_out_as_decoded(tokens: list[int]) -> None:
    tokenizer = sentence_piece()
    decoded = tokenizer.decode(tokens)
    streamed = "".join(pieces_of(tokenizer, tokens, []))
    if INVALID not in decoded:
        assert streamed == decoded
    # Around invalid bytes nothing that is valid gets lost, though a complete character may show
    # that the tokenizer's own decoding would have given up with the rest of its run.
    assert is_subsequence(decoded.replace(INVALID, ""), streamed)


def is_subsequence(wanted: str, text: str) -> bool:
    rest = iter(text)
    return all(character in rest for character in wanted)


def test_a_run_of_bytes_keeps_its_complete_characters() -> None:
    tokenizer = sentence_piece()
    run = tokenizer._markup.encode("<s>天", add_special_tokens=False).ids[-3:]
    assert tokenizer.decode([*run, run[0]]) == INVALID * 4
    stream = TextStream(tokenizer)
    assert stream.push([*run, run[0]]) + stream.flush() in {f"天{INVALID * n}" for n in (1, 2, 3)}


@by_tokenizer
def test_half_a_character_is_never_shown_by_a_push(tokenizer: Tokenizer) -> None:
    stream = TextStream(tokenizer)
    for token in tokenizer.encode("🙂天e\u0301" * 5):
        assert INVALID not in stream.push([token])
        assert unicodedata.normalize("NFC", stream.text[-1:]) != "e"


def test_a_special_token_in_between_does_not_eat_a_space() -> None:
    tokenizer = sentence_piece()
    (special,) = tokenizer.leading_tokens()
    words = tokenizer.encode("What is the weather")
    tokens = [token for word in words for token in (word, special, tokenizer.vocab_size + 7)]
    assert "".join(pieces_of(tokenizer, tokens, [])) == "What is the weather"


def test_the_wait_for_more_of_a_cluster_is_bounded() -> None:
    tokenizer = byte_level()
    stream = TextStream(tokenizer)
    tokens = tokenizer.encode("a" + "\u0301" * 200)
    for num_pushed, token in enumerate(tokens, start=1):
        stream.push([token])
        num_complete = len(tokenizer.decode(tokens[:num_pushed]).rstrip(INVALID))
        assert num_complete - stream.num_chars <= MAX_HELD_CHARS
    assert stream.num_chars > 100


def test_the_wait_for_the_rest_of_a_character_is_bounded() -> None:
    tokenizer = byte_level()
    invalid = token_of_byte(0xFF)
    stream = TextStream(tokenizer)
    for num_pushed in range(1, 200):
        stream.push([invalid])
        # The last invalid character waits once more, for marks that may belong to it.
        assert num_pushed - stream.num_chars <= MAX_HELD_TOKENS + 2
    assert stream.text + stream.flush() == INVALID * 199


def test_a_character_that_stays_incomplete_is_shown_at_the_flush_only() -> None:
    tokenizer = byte_level()
    tokens = tokenizer.encode("天園")
    stream = TextStream(tokenizer)
    assert stream.push(tokens[:-1]) == ""
    assert stream.flush() == "天" + INVALID


class CountingTokenizer(Tokenizer):
    """Counts the tokens it decodes."""

    num_decoded = 0

    def decode(self, tokens: object) -> str:
        assert isinstance(tokens, list)
        self.num_decoded += len(tokens)
        return super().decode(tokens)


@pytest.mark.parametrize("text", ["What is the weather in Paris? ", "天", FAMILY, "\u0301"])
def test_a_push_costs_no_more_late_in_a_reply(text: str) -> None:
    tokenizer = CountingTokenizer(byte_level()._markup.to_str(), byte_level().path)
    tokens = tokenizer.encode(text * 300)
    stream = TextStream(tokenizer)
    costs = []
    for token in tokens:
        before = tokenizer.num_decoded
        stream.push([token])
        costs.append(tokenizer.num_decoded - before)
    assert max(costs[-100:]) <= max(costs[:100])
    assert max(costs) <= 4 * MAX_HELD_TOKENS


@by_tokenizer
@given(text=texts, data=st.data())
def test_a_split_keeps_the_most_whole_tokens_and_spells_out_the_rest(
    tokenizer: Tokenizer, text: str, data: st.DataObject
) -> None:
    tokens = tokenizer.encode(text)
    num_pushed = data.draw(st.integers(0, len(tokens)))
    stream = TextStream(tokenizer)
    stream.push(tokens[:num_pushed])
    if data.draw(st.booleans()):
        tokens = tokens[:num_pushed]
        stream.flush()
    heard = data.draw(st.integers(0, stream.num_chars + 2))
    split = stream.split_at(heard)
    heard_text = stream.text[:heard]
    assert heard_text.endswith(split.tail_text)
    if INVALID in heard_text:
        return  # a flush amid a character: its tokens have no text of their own
    assert tokenizer.decode(tokens[: split.keep_tokens]) + split.tail_text == heard_text
    for more in range(split.keep_tokens + 1, num_pushed + 1):
        longer = tokenizer.decode(tokens[:more])
        assert not heard_text.startswith(longer) or longer == ""


@given(texts)
def test_hearing_everything_keeps_every_token(text: str) -> None:
    tokenizer = byte_level()
    tokens = tokenizer.encode(text)
    stream = TextStream(tokenizer)
    stream.push(tokens)
    stream.flush()
    assert stream.split_at(stream.num_chars) == HeardSplit(len(tokens), "")
    assert stream.split_at(10**9) == HeardSplit(len(tokens), "")


def test_hearing_nothing_keeps_no_token() -> None:
    tokenizer = byte_level()
    stream = TextStream(tokenizer)
    stream.push(tokenizer.encode("Please tell me a story"))
    assert stream.split_at(0) == HeardSplit(0, "")
    assert TextStream(tokenizer).split_at(5) == HeardSplit(0, "")


def test_a_negative_heard_length_is_refused() -> None:
    with pytest.raises(InvalidInput, match="heard_chars must be 0 or more, not -1"):
        TextStream(byte_level()).split_at(-1)


def test_a_flushed_stream_takes_nothing_more() -> None:
    stream = TextStream(byte_level())
    stream.flush()
    with pytest.raises(AssertionError, match="flushed"):
        stream.push([5])


def test_a_long_random_reply_streams_as_decoded() -> None:
    tokenizer = byte_level()
    generator = random.Random(7)
    tokens = [generator.randrange(tokenizer.vocab_size) for _ in range(3000)]
    assert "".join(pieces_of(tokenizer, tokens, [3] * 500)) == tokenizer.decode(tokens)
