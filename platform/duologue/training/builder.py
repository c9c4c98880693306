"""Building the data set: quotas by category, styles, contexts, duplicates and leaks.

The same seed, sources and version give the same rows in the same order.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from duologue.errors import InvalidInput
from duologue.states import State
from duologue.training.contexts import Contexts
from duologue.training.corpora.records import Corpora, Split
from duologue.training.cuts import Cut, cut_after_word, cut_inside_word
from duologue.training.pieces import (
    Draw,
    Piece,
    chosen,
    composed,
    dialogue_pieces,
    meeting_pieces,
    query_pieces,
    read_phrases,
    sentence_pieces,
)
from duologue.training.sample import Sample, normalised
from duologue.training.styles import FILLERS, as_heard, as_written

MAX_TRIES_PER_SAMPLE = 40
ANSWERS = ("backchannel", "thanks", "agreement")
"""Behind a question of the assistant's, these would be answers to it."""

MAX_SAME_WORDS = 8
"""How often the same words may occur, each time in another style or context."""

NUM_KNOWN_DRAWS = 2000
MIN_WORDS_OUT_OF_CONTEXT = 5
GREETINGS = (
    "Hi", "Hello", "Hi there", "Good morning", "Good evening", "Excuse me", "Hey", "Thanks",
    "Great", "Ok great", "Sounds good", "Perfect, thank you", "Good afternoon",
    "Sorry to bother you",
)  # fmt: skip
SELF_CONTAINED = (
    "hold", "backchannel", "thanks", "filled_pause", "query", "statement", "follow_up",
    "interruption",
)  # fmt: skip

MIN_LEAK_WORDS = 4
"""Shorter texts ("what is the", "thank you") are common property of both splits."""


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """How many samples, how they are divided, and from which seed."""

    train_size: int = 10_000
    val_size: int = 2_000
    seed: int = 0
    doubtful_share: float = 0.5
    spoken_cut_share: float = 0.5
    out_of_context_share: float = 0.35
    context_shares: tuple[float, float, float] = (0.55, 0.20, 0.25)

    def __post_init__(self) -> None:
        if self.train_size < 100 or self.val_size < 100:
            raise InvalidInput("sizes: at least 100 samples in each split")
        for name in ("doubtful_share", "spoken_cut_share", "out_of_context_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InvalidInput(f"{name}: between 0 and 1")


# category: share of the data set. Each label's categories sum to what the label gets.
QUOTAS: Mapping[str, float] = {
    # query, 0.312
    "service_query": 0.085, "task_request": 0.042, "answer": 0.022, "follow_up": 0.026,
    "correction": 0.013, "interruption": 0.030, "open_request": 0.038, "short_query": 0.012,
    "statement": 0.024, "two_sentences": 0.010, "spoken_question": 0.010,
    # non_query, 0.283
    "backchannel": 0.055, "thanks": 0.028, "agreement": 0.007, "filled_pause": 0.015,
    "vocal_tic": 0.028, "background": 0.080, "aside": 0.070,
    # incomplete, 0.310
    "cut_after_word": 0.210, "cut_inside_word": 0.040, "break_off": 0.040, "hesitation": 0.020,
    # hold, 0.095
    "hold": 0.095,
}  # fmt: skip


# What is cut short, and how often: queries above all, in proportion to their own quotas.
CUT_WEIGHTS: Mapping[str, int] = {
    "service_query": 35, "open_request": 20, "task_request": 15, "interruption": 10,
    "follow_up": 5, "statement": 5, "answer": 4, "correction": 2, "hold": 4, "aside": 3,
    "thanks": 1, "two_sentences": 2, "spoken_question": 4,
}  # fmt: skip


class SplitBuilder:
    """Fills the quotas of one split from that split's material alone."""

    def __init__(
        self, split: Split, corpora: Corpora, settings: BuildSettings, forbidden: Iterable[str] = ()
    ) -> None:
        self.settings = settings
        self.phrases = read_phrases(held_out=split == "val")
        self.rng = Random(f"{settings.seed} {split}")
        self.contexts = Contexts(corpora, self.phrases["query"])
        self._forbidden = frozenset(forbidden)
        self._pieces = _by_category(corpora)
        self._known = self._complete_texts()
        self._words_seen: Counter[str] = Counter()
        self._rows_seen: set[tuple[object, ...]] = set()
        self._spoken: list[Piece] = []
        self.shortfalls: dict[str, int] = {}

    def build(self, size: int) -> list[Sample]:
        """The samples of the split in random order; `shortfalls` says where material ran out."""
        samples: list[Sample] = []
        for category, draw in self._draws().items():
            wanted = round(size * QUOTAS[category])
            made = self._fill(draw, wanted)
            if len(made) < wanted:
                self.shortfalls[category] = wanted - len(made)
            samples += made
        self.rng.shuffle(samples)
        return samples

    def _complete_texts(self) -> set[str]:
        """What no cut may leave over: texts that are known to be whole, of whatever label."""
        known = {
            normalised(piece.text)
            for pieces in self._pieces.values()
            for piece in pieces
            if piece.label is not State.INCOMPLETE
        }
        drawing = Random(f"{self.settings.seed} known")
        for name in SELF_CONTAINED:
            drawn = (self.phrases[name].draw(drawing) for _ in range(NUM_KNOWN_DRAWS))
            known.update(map(normalised, drawn))
        return known

    def _fill(self, draw: Callable[[Random], Sample | None], wanted: int) -> list[Sample]:
        made: list[Sample] = []
        for _ in range(wanted * MAX_TRIES_PER_SAMPLE):
            if len(made) == wanted:
                break
            sample = draw(self.rng)
            if sample is not None and self._is_new(sample):
                made.append(sample)
        return made

    def _is_new(self, sample: Sample) -> bool:
        words = normalised(sample.text)
        row = (sample.text, sample.context, sample.speaking)
        if (
            not (words or sample.category == "vocal_tic")
            or row in self._rows_seen
            or self._words_seen[words] >= MAX_SAME_WORDS
            or words in self._forbidden
        ):
            return False
        self._rows_seen.add(row)
        self._words_seen[words] += 1
        return True

    def _draws(self) -> dict[str, Callable[[Random], Sample | None]]:
        draws: dict[str, Callable[[Random], Sample | None]] = {}
        for category, piece in self._piece_draws().items():
            draws[category] = self._dressing(piece)
        queries = self._query_draw()
        draws["cut_after_word"] = self._cutting(queries, "cut_after_word", cut_after_word)
        draws["cut_inside_word"] = self._cutting(queries, "cut_inside_word", cut_inside_word)
        draws["hesitation"] = self._hesitating(queries)
        return draws

    def _piece_draws(self) -> dict[str, Draw]:
        def mix(category: str, composing: Draw | None = None, share: float = 0.5) -> Draw | None:
            pieces = self._pieces.get(category, [])
            if not pieces or composing is None:
                return chosen(pieces) if pieces else composing
            real = chosen(pieces)
            return lambda rng: composing(rng) if rng.random() < share else real(rng)

        phrases = self.phrases
        draws = {
            "service_query": mix("service_query"),
            "task_request": mix("task_request"),
            "answer": mix("answer"),
            "follow_up": mix("follow_up", self._follow_up(), 0.6),
            "correction": mix("correction"),
            "interruption": self._interruption(),
            "open_request": composed(phrases["query"], State.QUERY, "open_request"),
            "statement": composed(phrases["statement"], State.QUERY, "statement"),
            "short_query": mix("short_query", self._short_query(), 0.6),
            "two_sentences": self._two_sentences(),
            "spoken_question": mix("spoken_question"),
            "backchannel": mix(
                "backchannel",
                composed(phrases["backchannel"], State.NON_QUERY, "backchannel"),
                0.5,
            ),
            "thanks": mix("thanks", composed(phrases["thanks"], State.NON_QUERY, "thanks"), 0.45),
            "agreement": mix("agreement"),
            "filled_pause": mix(
                "filled_pause",
                composed(phrases["filled_pause"], State.NON_QUERY, "filled_pause"),
                0.8,
            ),
            "vocal_tic": composed(phrases["vocal_tic"], State.NON_QUERY, "vocal_tic"),
            "background": mix(
                "background", composed(phrases["background"], State.NON_QUERY, "background"), 0.33
            ),
            "aside": composed(phrases["aside"], State.NON_QUERY, "aside"),
            "break_off": mix("break_off"),
            "hold": mix("hold", composed(phrases["hold"], State.HOLD, "hold"), 0.97),
        }
        return {category: draw for category, draw in draws.items() if draw is not None}

    def _follow_up(self) -> Draw:
        grammar = self.phrases["follow_up"]

        def draw(rng: Random) -> Piece:
            context = self.contexts.past_turns(rng)
            return Piece(grammar.draw(rng), State.QUERY, "follow_up", "composed", context)

        return draw

    def _interruption(self) -> Draw:
        """A composed one, or an opening of one in front of a corpus query, during a reply."""
        grammar = self.phrases["interruption"]
        service = self._pieces.get("service_query", [])

        def draw(rng: Random) -> Piece:
            text = grammar.draw(rng)
            if service and rng.random() < 0.4:
                opening = grammar.expand(rng.choice(("<break>", "<break>,", "{}")), rng)
                text = f"{opening} {rng.choice(service).text}".strip()
            return Piece(text, State.QUERY, "interruption", "composed", None, speaking=True)

        return draw

    def _two_sentences(self) -> Draw | None:
        """What the matter is, or a greeting, and then the query that it leads to."""
        grammar = self.phrases["statement"]
        queries = [*self._pieces.get("service_query", []), *self._pieces.get("task_request", [])]
        if not queries:
            return None

        def draw(rng: Random) -> Piece:
            first = rng.choice(GREETINGS) if rng.random() < 0.6 else grammar.draw(rng)
            self._known.add(normalised(first))
            query = rng.choice(queries)
            text = f"{first}{rng.choice('..!,')} {query.text}"
            return Piece(text, State.QUERY, "two_sentences", query.source, ())

        return draw

    def _short_query(self) -> Draw:
        grammar = self.phrases["query"]

        def draw(rng: Random) -> Piece:
            drawn = (grammar.draw(rng) for _ in range(MAX_TRIES_PER_SAMPLE))
            text = next((text for text in drawn if len(text.split()) <= 3), "weather")
            return Piece(text, State.QUERY, "short_query", "composed")

        return draw

    def _query_draw(self) -> Draw:
        """What is cut: all kinds of queries, and requests for silence now and then.

        Half are queries that the split also holds whole, so that nothing but the end tells the
        two apart.
        """
        draws = self._piece_draws()
        present = [kind for kind in CUT_WEIGHTS if kind in draws]
        weights = [CUT_WEIGHTS[kind] for kind in present]

        def draw(rng: Random) -> Piece:
            if self._spoken and rng.random() < self.settings.spoken_cut_share:
                return rng.choice(self._spoken)
            return draws[rng.choices(present, weights)[0]](rng)

        return draw

    def _dressing(self, draw_piece: Draw) -> Callable[[Random], Sample | None]:
        def draw(rng: Random) -> Sample | None:
            piece = draw_piece(rng)
            if piece.label is State.QUERY:
                self._spoken.append(piece)
            return self._situated(replace(piece, text=_styled(piece, rng)), rng)

        return draw

    def _cutting(
        self, queries: Draw, category: str, cut: Callable[[str, set[str], Random], Cut | None]
    ) -> Callable[[Random], Sample | None]:
        def draw(rng: Random) -> Sample | None:
            piece = queries(rng)
            part = cut(_styled(piece, rng), self._known, rng)
            if part is None or (part.is_doubtful and rng.random() >= self.settings.doubtful_share):
                return None
            return self._situated(_beginning(piece, part.text, category), rng)

        return draw

    def _hesitating(self, queries: Draw) -> Callable[[Random], Sample | None]:
        """A cut query behind whose last word the speaker hesitates."""

        def draw(rng: Random) -> Sample | None:
            piece = queries(rng)
            part = cut_after_word(_styled(piece, rng), self._known, rng)
            if part is None:
                return None
            trail = rng.choice((*(f" {filler}" for filler in FILLERS), "...", " ...", " -", ","))
            return self._situated(_beginning(piece, part.text + trail, "hesitation"), rng)

        return draw

    def _situated(self, piece: Piece, rng: Random) -> Sample:
        """Give the piece the context that it brings, or one of the three variants."""
        context, speaking = piece.context, piece.speaking
        if (
            context
            and not speaking
            and len(piece.text.split()) >= MIN_WORDS_OUT_OF_CONTEXT
            and rng.random() < self.settings.out_of_context_share
        ):
            context = ()
        if context is None:
            alone, after, during = self.settings.context_shares
            if speaking:
                variant = "during"
            else:
                variant = rng.choices(("alone", "after", "during"), (alone, after, during))[0]
            if variant == "alone":
                context = ()
            elif variant == "after":
                context = self.contexts.past_turns(rng, asking=piece.category not in ANSWERS)
            else:
                context, speaking = self.contexts.running_reply(rng), True
        return Sample(
            piece.text, piece.label, piece.category, context, bool(speaking), piece.source
        )


def build_splits(
    found: Mapping[Split, Corpora], settings: BuildSettings
) -> tuple[dict[Split, list[Sample]], dict[str, int]]:
    """Both splits, free of each other's texts; also how far each category fell short."""
    val_builder = SplitBuilder("val", found["val"], settings)
    val = val_builder.build(settings.val_size) + found["val"].rows
    seen = {normalised(sample.text) for sample in val}
    forbidden = {words for words in seen if len(words.split()) >= MIN_LEAK_WORDS}
    train_builder = SplitBuilder("train", found["train"], settings, forbidden)
    train = train_builder.build(settings.train_size)
    train += [row for row in found["train"].rows if normalised(row.text) not in forbidden]
    assert not leaks(train, val), "a validation text was found in the training split"
    shortfalls = {f"train {name}": number for name, number in train_builder.shortfalls.items()}
    shortfalls |= {f"val {name}": number for name, number in val_builder.shortfalls.items()}
    return {"train": train, "val": val}, shortfalls


def leaks(train: Sequence[Sample], val: Sequence[Sample]) -> set[str]:
    """Texts of at least `MIN_LEAK_WORDS` words that occur in both, whatever their style."""
    shared = {normalised(s.text) for s in train} & {normalised(s.text) for s in val}
    return {words for words in shared if len(words.split()) >= MIN_LEAK_WORDS}


def _by_category(corpora: Corpora) -> dict[str, list[Piece]]:
    pieces: dict[str, list[Piece]] = {}
    for reader in (query_pieces, dialogue_pieces, meeting_pieces, sentence_pieces):
        for piece in reader(corpora):
            pieces.setdefault(piece.category, []).append(piece)
    return pieces


def _styled(piece: Piece, rng: Random) -> str:
    """Half typed, half as heard; sounds and short signals stay fluent."""
    if rng.random() < 0.5:
        return as_written(piece.text, rng, whole=piece.label is not State.INCOMPLETE)
    if piece.category == "vocal_tic":
        return piece.text
    return as_heard(piece.text, rng, disfluent=piece.label is State.QUERY)


def _beginning(piece: Piece, text: str, category: str) -> Piece:
    return replace(piece, text=text, label=State.INCOMPLETE, category=category)
