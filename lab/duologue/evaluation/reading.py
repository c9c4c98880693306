"""Reads the states of whole utterances through the engine, many at once."""

from collections.abc import Callable, Sequence

from duologue.engine.engine import Engine
from duologue.errors import InvalidInput
from duologue.evaluation.rows import Row
from duologue.evaluation.trunk import trunk_tokens
from duologue.lane.judging import Judgement
from duologue.lane.lane import Lane
from duologue.lane.slices import Slice, SliceResult
from duologue.session.setup import SessionSetup
from duologue.text.normal_form import normal_form
from duologue.text.token_edit import TokenEdit
from duologue.text.utterance import Utterance

MAX_AT_ONCE = 128
SHARING = "rows"
"""Rows with the same turns before them share those turns' cells."""

Advance = Callable[[int], None]
"""advance(rows): hears of rows that are done."""


def read_states(
    engine: Engine,
    setup: SessionSetup,
    rows: Sequence[Row],
    advance: Advance = lambda num_rows: None,
) -> list[Judgement]:
    """What the engine makes of each row's text, sent at once in one slice, in the rows' order.

    Each row is a session of its own with its context as past turns. A reply in progress is not
    generated: the input channel never sees it. Raises InvalidInput for a row that exceeds the
    context.
    """
    return _Reading(engine, setup, rows, advance).run()


class _Reading:
    """Keeps the engine busy: when a row is done, the next one takes its place."""

    def __init__(
        self, engine: Engine, setup: SessionSetup, rows: Sequence[Row], advance: Advance
    ) -> None:
        self._engine, self._setup, self._rows, self._advance = engine, setup, rows, advance
        self._under_way: set[str] = set()
        self._judgements: dict[int, Judgement] = {}

    def run(self) -> list[Judgement]:
        waiting = self._longest_last()
        try:
            while waiting or self._under_way:
                while waiting and len(self._under_way) < MAX_AT_ONCE:
                    self._start(waiting.pop())
                for result in self._engine.forward():
                    self._take(result)
        finally:
            for name in self._under_way:
                self._engine.close(name, 1)
        return [self._judgements[place] for place in range(len(self._rows))]

    def _longest_last(self) -> list[int]:
        """They are taken from the end, so that what is too long for the model is found at once."""
        contexts = ["\n".join(turn.text for turn in row.heard_context) for row in self._rows]
        lengths = [
            len(row.sample.text) + len(context)
            for row, context in zip(self._rows, contexts, strict=True)
        ]
        longest: dict[str, int] = {}
        for context, length in zip(contexts, lengths, strict=True):
            longest[context] = max(length, longest.get(context, 0))
        # Those with the same turns before them together, so that their cells are shared.
        return sorted(
            range(len(self._rows)),
            key=lambda place: (longest[contexts[place]], contexts[place], lengths[place]),
        )

    def _start(self, place: int) -> None:
        setup, row = self._setup, self._rows[place]
        lane = Lane(setup.chat, trunk_tokens(setup, row.heard_context))
        name = _name(place)
        self._engine.open(name, 1, lane, setup.profile, setup.strategy, SHARING)
        self._under_way.add(name)
        text = TokenEdit(0, tuple(setup.tokenizer.encode(self._read(row.sample.text))))
        ahead = setup.decoding.look_ahead_tokens
        self._engine.submit(Slice(name, 1, 0, edit=text, reply_tokens=0, look_ahead_tokens=ahead))

    def _read(self, text: str) -> str:
        """What a session lets the model read of it; all of it where that is nothing."""
        said = Utterance(max_chars=len(text), noise_tags=self._setup.listening.noise_tags)
        said.append("said", text)
        return normal_form(said.text) if said.text else text

    def _take(self, result: SliceResult) -> None:
        place = _place(result.session_id)
        self._engine.close(result.session_id, 1)
        self._under_way.remove(result.session_id)
        if result.error is not None:
            raise InvalidInput(f"line {self._rows[place].line}: {result.error}")
        assert result.judgement is not None, "a slice that heard something is judged"
        self._judgements[place] = result.judgement
        self._advance(1)


def _name(place: int) -> str:
    return f"row-{place}"


def _place(name: str) -> int:
    return int(name.removeprefix("row-"))
