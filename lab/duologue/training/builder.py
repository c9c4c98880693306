"""Building the data set: quotas by category, styles, contexts, duplicates and leaks.

The same seed, sources and version give the same rows in the same order.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from duologue.errors import InvalidInput
from duologue.states import State
from duologue.training.corpora.records import Corpora, Split
from duologue.training.cuts import Cut, cut_after_word, cut_inside_word
from duologue.training.piece_draws import (
    GREETINGS,
    WRITTEN_SHARE,
    Material,
    begun,
    whole_texts,
)
from duologue.training.pieces import Draw, Piece, read_phrases
from duologue.training.quotas import (
    BEHIND_QUESTIONS,
    BOUND_TO_CONTEXT,
    CUT_WEIGHTS,
    MAY_END_EARLY,
    QUOTAS,
    label_of,
)
from duologue.training.sample import Sample, Turn, normalised
from duologue.training.styles import as_heard, as_written
from duologue.training.written import written_pieces

MAX_TRIES_PER_SAMPLE = 40
ANSWERS = ("backchannel", "thanks", "agreement", "retraction")
"""Behind a question of the assistant's, these would be answers to it."""

KEPT_IN_CONTEXT = (
    "spoken_answer", "free_answer", "agreement_answer", "go_on", "whole_number", "number_group",
)  # fmt: skip
"""Out of their context, these would be something else, or anything."""

HESITATIONS = (
    "...", " ...", " -", " like", " you know", " i mean", " well", " hmm", " let me think",
    ", let me see", " what's it called", ", what was it", " how do you say", " oh what is it",
)  # fmt: skip
"""Mere fillers are not read."""

MAX_SAME_WORDS = 8
"""How often the same words may occur in a category, each time in another style or context ..."""
MAX_SAME_FEW_WORDS = 40
FEW_WORDS = 3
"""... and how often so few: what "yes" or "why" means, only its context tells."""

NUM_KNOWN_DRAWS = 5000
MIN_WORDS_OUT_OF_CONTEXT = 5
SELF_CONTAINED = (
    "hold", "backchannel", "thanks", "filled_pause", "query", "short_query", "statement",
    "follow_up", "interruption", "agreement", "correction", "retraction",
)  # fmt: skip

DrawSample = Callable[[Random], Sample | None]
"""None where what was drawn cannot be used."""

SHARES = (
    "doubtful_share", "spoken_cut_share", "out_of_context_share", "behind_question_share",
    "real_share",
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
    behind_question_share: float = 0.4
    real_share: float = 0.0

    def __post_init__(self) -> None:
        if self.train_size < 100 or self.val_size < 100:
            raise InvalidInput("sizes: at least 100 samples in each split")
        for name in SHARES:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InvalidInput(f"{name}: between 0 and 1")


class SplitBuilder:
    """Fills the quotas of one split from that split's material alone."""

    def __init__(
        self, split: Split, corpora: Corpora, settings: BuildSettings, forbidden: Iterable[str] = ()
    ) -> None:
        self.settings = settings
        self.phrases = read_phrases(held_out=split == "val")
        self.rng = Random(f"{settings.seed} {split}")
        self._forbidden = frozenset(forbidden)
        written = list(written_pieces(held_out=split == "val"))
        self.material = Material.of(corpora, self.phrases, written)
        self._known = self._complete_texts()
        self._words_seen: Counter[tuple[str, str]] = Counter()
        self._rows_seen: set[tuple[object, ...]] = set()
        self._spoken: list[Piece] = []
        self._asked: list[tuple[Turn, ...]] = []
        self.shortfalls: dict[str, int] = {}

    def build(self, size: int) -> list[Sample]:
        """The samples of the split in random order; `shortfalls` says where material ran out."""
        samples: list[Sample] = []
        draws = self._draws()
        # Answers first: what else people say behind a question is put behind the same ones.
        for category in sorted(draws, key=lambda name: (name not in BOUND_TO_CONTEXT, name)):
            wanted = round(size * QUOTAS[category])
            made = self._fill(draws[category], wanted)
            if category in BOUND_TO_CONTEXT:
                self._asked += [sample.context for sample in made if sample.context]
            assert all(sample.label is label_of(category) for sample in made), category
            if len(made) < wanted:
                self.shortfalls[category] = wanted - len(made)
            samples += made
        self.rng.shuffle(samples)
        return samples

    def _complete_texts(self) -> set[str]:
        """What no cut may leave over: texts that are known to be whole, of whatever label."""
        known = set(map(normalised, whole_texts(self.material.pieces)))
        known.update(map(normalised, whole_texts(self.material.written)))
        known.update(map(normalised, GREETINGS))
        drawing = Random(f"{self.settings.seed} known")
        for name in SELF_CONTAINED:
            drawn = (self.phrases[name].draw(drawing) for _ in range(NUM_KNOWN_DRAWS))
            known.update(map(normalised, drawn))
        return known

    def _fill(self, draw: DrawSample, wanted: int) -> list[Sample]:
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
        most = MAX_SAME_FEW_WORDS if len(words.split()) <= FEW_WORDS else MAX_SAME_WORDS
        said = (sample.category, words)
        row = (sample.text, sample.context, sample.speaking)
        if (
            not (words or sample.category == "vocal_tic")
            or row in self._rows_seen
            or self._words_seen[said] >= most
            or words in self._forbidden
        ):
            return False
        self._rows_seen.add(row)
        self._words_seen[said] += 1
        return True

    def _draws(self) -> dict[str, DrawSample]:
        draws: dict[str, DrawSample] = {}
        for category, piece in self.material.draws(self.settings.real_share).items():
            draws[category] = self._dressing(piece)
        queries = self._query_draw()
        draws["cut_after_word"] = self._cutting(queries, "cut_after_word", self._behind_word)
        draws["cut_inside_word"] = self._cutting(queries, "cut_inside_word", self._inside_word)
        draws["hesitation"] = self._hesitation(draws.get("hesitation"), self._hesitating(queries))
        return draws

    def _hesitation(self, written: DrawSample | None, cut: DrawSample) -> DrawSample:
        if written is None:
            return cut
        return lambda rng: (written if rng.random() < WRITTEN_SHARE else cut)(rng)

    def _query_draw(self) -> Draw:
        """What is cut: all kinds of queries, and requests for silence now and then.

        Half are queries that the split also holds whole, so that nothing but the end tells the
        two apart.
        """
        draws = self.material.draws(self.settings.real_share)
        present = [kind for kind in CUT_WEIGHTS if kind in draws]
        weights = [CUT_WEIGHTS[kind] for kind in present]

        def draw(rng: Random) -> Piece:
            if self._spoken and rng.random() < self.settings.spoken_cut_share:
                return rng.choice(self._spoken)
            return draws[rng.choices(present, weights)[0]](rng)

        return draw

    def _dressing(self, draw_piece: Draw) -> DrawSample:
        def draw(rng: Random) -> Sample | None:
            piece = draw_piece(rng)
            if piece.label is State.QUERY:
                self._spoken.append(piece)
            return self._situated(replace(piece, text=_styled(piece, rng)), rng)

        return draw

    def _cutting(
        self, queries: Draw, category: str, cut: Callable[[Piece, Random], Cut | None]
    ) -> DrawSample:
        def draw(rng: Random) -> Sample | None:
            piece = queries(rng)
            part = cut(piece, rng)
            if part is None:
                return None
            return self._situated(begun(piece, part.text, category), rng)

        return draw

    def _inside_word(self, piece: Piece, rng: Random) -> Cut | None:
        return cut_inside_word(_styled(piece, rng), self._known, rng)

    def _behind_word(self, piece: Piece, rng: Random) -> Cut | None:
        """None too for some that could pass for whole, and for all that could be an answer."""
        early = piece.category in MAY_END_EARLY
        part = cut_after_word(_styled(piece, rng), self._known, rng, may_end_early=early)
        share = 0.0 if early else self.settings.doubtful_share
        is_left_out = part is not None and part.is_doubtful and rng.random() >= share
        return None if is_left_out else part

    def _hesitating(self, queries: Draw) -> DrawSample:
        """A cut query behind whose last word the speaker hesitates."""

        def draw(rng: Random) -> Sample | None:
            piece = queries(rng)
            part = cut_after_word(_styled(piece, rng), self._known, rng)
            if part is None:
                return None
            text = part.text + rng.choice(HESITATIONS)
            return self._situated(begun(piece, text, "hesitation"), rng)

        return draw

    def _situated(self, piece: Piece, rng: Random) -> Sample:
        """Give the piece the context that it brings, or one of the three variants."""
        context, speaking = piece.context, piece.speaking
        if (
            context is None
            and piece.category in BEHIND_QUESTIONS
            and rng.random() < self.settings.behind_question_share
        ):
            context = rng.choice(self._asked) if self._asked else None
        if (
            context
            and not speaking
            and len(piece.text.split()) >= MIN_WORDS_OUT_OF_CONTEXT
            and piece.category not in KEPT_IN_CONTEXT
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
                context = self.material.contexts.past_turns(
                    rng, asking=piece.category not in ANSWERS
                )
            else:
                context, speaking = self.material.contexts.running_reply(rng), True
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


def _styled(piece: Piece, rng: Random) -> str:
    """Half typed, half as heard; sounds and short signals stay fluent."""
    if rng.random() < 0.5:
        return as_written(piece.text, rng, whole=piece.label is not State.INCOMPLETE)
    if piece.category == "vocal_tic":
        return piece.text
    return as_heard(piece.text, rng, disfluent=piece.label is State.QUERY)
