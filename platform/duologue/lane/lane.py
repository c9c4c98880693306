"""The lane: a conversation's trunk and its two channels, token by token."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from duologue.kv.channel import Channel
from duologue.lane.aside import SetAside
from duologue.lane.cells import Cells, NoCells
from duologue.lane.kept_input import KeptInput
from duologue.lane.phase import ReplyPhase
from duologue.lane.steps import (
    Amend,
    Begin,
    Conclude,
    Finish,
    Hear,
    Ignore,
    Note,
    Pause,
    Promote,
    Promotion,
    Reopen,
    Resume,
    Say,
    Step,
    Trim,
)
from duologue.lane.tokens import CachedTokens
from duologue.text.chat import ChatFormat
from duologue.text.token_edit import token_edit


class Lane:
    """One conversation: a trunk that both channels continue, and what each channel adds.

    The trunk is `opening`, then turn after turn. The input channel is `user_header` and the
    utterance in progress, the output channel `reply_header` and the reply in progress; both start
    at the position behind the trunk. Whoever changes a lane does so by `apply`.
    """

    def __init__(self, chat: ChatFormat, opening: Sequence[int]) -> None:
        self.chat = chat.with_reply_header()
        self.trunk = CachedTokens(list(opening))
        self.input = CachedTokens()
        self.output = CachedTokens()
        self.phase = ReplyPhase.NONE
        self.num_replies = 0
        self.reply_number = 0
        """Which reply the output channel holds, or held last."""
        self.aside: SetAside | None = None
        self.kept = KeptInput()
        self.was_answered = False
        """Whether a reply was begun to the last utterance in the trunk."""
        self.cells: Cells = NoCells()
        self.num_opening_tokens = len(opening)
        self.turn_starts: list[int] = []
        """Places in the trunk at which its turns start."""
        self.num_last_input_tokens = 0  # length of the input channel when it joined the trunk
        # Time division puts parts of an utterance and of a reply into the trunk before their end.
        self.num_utterance_in_trunk = 0
        self.num_reply_in_trunk = 0

    @classmethod
    def replay(cls, chat: ChatFormat, opening: Sequence[int], steps: Iterable[Step]) -> "Lane":
        """The lane that these steps lead to; it has no cells."""
        lane = cls(chat, opening)
        for step in steps:
            lane.apply(step)
        return lane

    @property
    def utterance(self) -> list[int]:
        """The user's tokens in progress, without their header."""
        return self.input.tokens[len(self.chat.user_header) :]

    @property
    def num_utterance_tokens(self) -> int:
        """Tokens of the utterance so far, wherever they stand."""
        return self.num_utterance_in_trunk + len(self.utterance)

    @property
    def reply(self) -> list[int]:
        """The reply's tokens so far, without their header."""
        return self.output.tokens[len(self.chat.reply_header) :]

    @property
    def num_reply_tokens(self) -> int:
        """Tokens of the reply so far, wherever they stand."""
        return self.num_reply_in_trunk + len(self.reply)

    @property
    def num_aside_tokens(self) -> int:
        """Tokens of the reply that was set aside, without its header; 0 if there is none."""
        header = len(self.chat.reply_header)
        return len(self.aside.reply) - header if self.aside is not None else 0

    @property
    def is_listening(self) -> bool:
        return bool(self.input.tokens)

    @property
    def is_speaking(self) -> bool:
        return self.phase is ReplyPhase.SPEAKING

    @property
    def num_turns(self) -> int:
        """Turns in the trunk."""
        return len(self.turn_starts)

    @property
    def num_tokens(self) -> int:
        """Tokens of trunk and channels together: what a slot must hold."""
        return len(self.trunk) + len(self.input) + len(self.output)

    @property
    def can_reopen(self) -> bool:
        """Whether the last utterance can return from the trunk."""
        return bool(self.num_last_input_tokens)

    def channel(self, owner: Channel) -> CachedTokens:
        if owner is Channel.ASIDE:
            return self.aside.reply if self.aside is not None else CachedTokens()
        if owner is Channel.KEPT:
            return self.kept.channel
        return (self.trunk, self.input, self.output)[owner]

    def first_position(self, owner: Channel) -> int:
        """Position of the first cell of a channel: input and output branch off where the trunk
        ends."""
        if owner is Channel.ASIDE:
            return self.aside.first_position if self.aside is not None else 0
        if owner is Channel.KEPT:
            return self.kept.start
        return 0 if owner is Channel.TRUNK else len(self.trunk)

    def labelled_cells(self) -> Iterator[tuple[Channel, list[tuple[int, int]]]]:
        """Per channel its cells with their positions: what the memory must show."""
        for owner in Channel:
            start = self.first_position(owner)
            cells = self.channel(owner).cells
            yield owner, [(cell, start + offset) for offset, cell in enumerate(cells)]

    def apply(self, step: Step) -> None:
        """Change the lane by one step; cells that are no longer right are given up."""
        match step:
            case Hear():
                self._hear(step)
            case Ignore():
                self.kept.keep(self.input, len(self.trunk), self.cells)
                self.cells.free(self.input.cut(0))
                self.num_utterance_in_trunk = 0
            case Promote():
                self._promote(step)
            case Reopen():
                self._reopen()
            case Amend():
                self._amend(step.keep, step.tail)
            case Note():
                self._notes_join_trunk([step])
            case Begin():
                self._begin(step.is_turn)
            case Say():
                assert self.is_speaking, self.phase
                self.output.tokens.extend(step.tokens)
            case Finish():
                assert self.is_speaking, self.phase
                self.phase = ReplyPhase.FINISHED
            case Conclude():
                self._conclude(step.keep, step.tail)
            case Trim():
                self._trim(step.turns)
            case Pause():
                self._pause()
            case Resume():
                self._resume(step.is_decided)

    def cut_look_ahead(self, length: int) -> None:
        """Roll back what was predicted behind the first `length` tokens of the input channel."""
        self.cells.free(self.input.cut(length))

    def reread_input(self) -> None:
        """Give up the last cell of the input, so that the next forward reads its state again."""
        self.cells.free(self.input.uncache(len(self.input) - 1))

    def drop_cells(self) -> None:
        """Give up every cell; they are computed again when they are needed."""
        for owner in Channel:
            self.cells.free(self.channel(owner).uncache())

    def drop_spare_cells(self) -> bool:
        """Give up the cells of what may only come back; whether there were any."""
        freed = self.channel(Channel.ASIDE).uncache()
        self.cells.free(freed)
        return self.kept.drop(self.cells) or bool(freed)

    def _hear(self, step: Hear) -> None:
        header, begins = self.chat.user_header, not self.input.tokens
        if begins:
            self.input.tokens.extend(header)
        keep = max(0, step.keep - self.num_utterance_in_trunk)
        assert keep <= len(self.utterance), (step, len(self.utterance))
        self.cells.free(self.input.cut(len(header) + keep))
        self.input.tokens.extend(step.append)
        if not self.utterance:
            self.cells.free(self.input.cut(0))
        elif begins:
            self.kept.give_back(self.input, len(self.trunk), self.cells)

    def _promote(self, step: Promote) -> None:
        """The utterance joins the trunk, behind what is kept of a reply that it cuts."""
        assert self.is_listening, "there is no utterance to promote"
        if not self.cells.fit(Channel.INPUT, Channel.TRUNK):
            self.kept.keep(self.input, len(self.trunk), self.cells)
        self._drop_aside()
        if self.phase in (ReplyPhase.SPEAKING, ReplyPhase.FINISHED):
            is_kept = step.policy is Promotion.REBASE
            keep, tail = (step.keep, step.tail) if is_kept else (0, ())
            if step.aside_tokens is not None:
                self._set_aside(step, step.aside_tokens, keep, tail)
            else:
                self._conclude(keep, tail)
        self.phase = ReplyPhase.NONE
        self._notes_join_trunk(step.notes)
        self._utterance_joins_trunk()
        self.num_utterance_in_trunk = 0
        self.num_reply_in_trunk = 0
        self.was_answered = step.answer
        if step.answer:
            self._reply_begins()

    def _notes_join_trunk(self, notes: Sequence[Note]) -> None:
        """An utterance in progress follows another trunk then, as when a reply concludes."""
        assert self.phase is ReplyPhase.NONE, self.phase
        for note in notes:
            if note.is_turn:
                self.turn_starts.append(len(self.trunk))
            self.num_last_input_tokens = 0
            self.trunk.tokens.extend(self.chat.note(note.speaker, note.tokens))
            self.cells.free(self.input.uncache())

    def _begin(self, is_turn: bool) -> None:
        assert self.phase is ReplyPhase.NONE, self.phase
        if is_turn:
            self.turn_starts.append(len(self.trunk))
            self.num_last_input_tokens = 0
        self._reply_begins()

    def _reply_begins(self) -> None:
        self.output.tokens.extend(self.chat.reply_header)
        self.phase = ReplyPhase.SPEAKING
        self.num_replies += 1
        self.reply_number = self.num_replies

    def _set_aside(self, step: Promote, length: int, keep: int, tail: Sequence[int]) -> None:
        """Conclude the reply, but keep so much of it, with the cells that the trunk leaves."""
        assert 0 <= keep <= length <= self.num_reply_tokens, (keep, length, self.num_reply_tokens)
        self.cells.free(self.output.cut(len(self.chat.reply_header) + length))
        reply, start = CachedTokens(list(self.output.tokens)), len(self.trunk)
        phase = ReplyPhase.FINISHED if step.aside_is_finished else ReplyPhase.SPEAKING
        aside = SetAside(self.reply_number, phase, reply, start, num_notes=len(step.notes))
        if keep or tail:
            aside.num_joined = len(self.chat.reply_header) + keep
        if self.trunk.is_cached and len(self.output.cells) > aside.num_joined:
            reply.cells = self.output.cells[aside.num_joined :]
            del self.output.cells[aside.num_joined :]
            self.cells.relabel(reply.cells, Channel.ASIDE)
        self._conclude(keep, tail)
        aside.num_kept = len(self.trunk) - start
        self.aside = aside

    def _drop_aside(self) -> None:
        self.cells.free(self.channel(Channel.ASIDE).uncache())
        self.aside = None

    def _reopen(self) -> None:
        """The last utterance replaces whatever is in the input channel."""
        assert self.can_reopen, "there is no utterance to reopen"
        self.cells.free(self.input.cut(0))
        start, length = self.turn_starts.pop(), self.num_last_input_tokens
        self.input.tokens = self.trunk.tokens[start : start + length]
        is_in_place = self.aside is None or self.aside.start == start
        if is_in_place and self.cells.fit(Channel.TRUNK, Channel.INPUT):
            self.input.cells = self.trunk.cells[start : start + length]
            del self.trunk.cells[start : start + length]
            self.cells.relabel(self.input.cells, Channel.INPUT)
        self.cells.free(self.trunk.cut(start))
        self.cells.free(self.output.cut(0))
        self.phase = ReplyPhase.NONE
        self.num_last_input_tokens = 0
        if self.aside is not None:
            self._return(self.aside)
        self.kept.give_back(self.input, len(self.trunk), self.cells)

    def _return(self, aside: SetAside) -> None:
        """The reply that was set aside is in the output channel again."""
        self.output.tokens = aside.reply.tokens
        end = aside.start + aside.num_joined
        joined = self.trunk.cells[aside.start : end]
        del self.trunk.cells[aside.start : end]
        self.cells.relabel(joined, Channel.OUTPUT)
        self.output.cells = joined
        if len(joined) == aside.num_joined:
            self.cells.relabel(aside.reply.cells, Channel.OUTPUT)
            self.output.cells = [*joined, *aside.reply.cells]
        else:
            self.cells.free(aside.reply.cells)
        self.cells.free(self.trunk.cut(aside.start))
        del self.turn_starts[len(self.turn_starts) - aside.num_notes :]
        # The last token's row is computed once more: it gives the next token.
        self.cells.free(self.output.uncache(len(self.output) - 1))
        self.phase, self.reply_number, self.aside = aside.phase, aside.number, None

    def _amend(self, keep: int, tail: Sequence[int]) -> None:
        aside = self.aside
        assert aside is not None, "there is no reply whose heard part could be amended"
        assert 0 <= keep <= self.num_aside_tokens, (keep, self.num_aside_tokens)
        num_joined = len(self.chat.reply_header) + keep if keep or tail else 0
        kept = [*aside.reply.tokens[:num_joined], *tail]
        kept += self.chat.reply_end if kept else ()
        end = aside.start + aside.num_kept
        before = self.trunk.tokens[aside.start : end]
        self.cells.free(self.trunk.uncache(aside.start + token_edit(before, kept).keep))
        self.trunk.tokens[aside.start : end] = kept
        moved = len(kept) - len(before)
        # Behind it is the utterance that cut it; a reply of its own accord begins where it does.
        first = bisect_right(self.turn_starts, end) - 1
        self.turn_starts[first:] = [at + moved for at in self.turn_starts[first:]]
        self.kept.drop(self.cells)
        for owner in (Channel.INPUT, Channel.OUTPUT, Channel.ASIDE):
            self.cells.free(self.channel(owner).uncache())
        aside.num_joined, aside.num_kept = num_joined, len(kept)

    def _utterance_joins_trunk(self) -> None:
        self.turn_starts.append(len(self.trunk))
        self.num_last_input_tokens = len(self.input)
        self._join_trunk(self.input, Channel.INPUT, len(self.input))
        self.trunk.tokens.extend(self.chat.user_end)

    def _conclude(self, keep: int, tail: Sequence[int]) -> None:
        """The reply leaves its channel; what is kept of it joins the trunk.

        An utterance in progress then follows another trunk, so that its cells are wrong.
        """
        assert self.phase is not ReplyPhase.NONE, "there is no reply to conclude"
        assert 0 <= keep <= self.num_reply_tokens, (keep, self.num_reply_tokens)
        if keep < self.num_reply_in_trunk:
            keep, tail = self.num_reply_in_trunk, ()  # time division cannot take back
        keep -= self.num_reply_in_trunk
        if keep or tail:
            self._join_trunk(self.output, Channel.OUTPUT, len(self.chat.reply_header) + keep)
            self.trunk.tokens.extend((*tail, *self.chat.reply_end))
            self.cells.free(self.input.uncache())
        self.cells.free(self.output.cut(0))
        self.num_reply_in_trunk = 0
        self.phase = ReplyPhase.NONE

    def _join_trunk(self, channel: CachedTokens, owner: Channel, length: int) -> None:
        """Move the first `length` tokens of a channel to the trunk, with their cells if these fit.

        They fit when the whole trunk has cells: then they stand right behind it, at the positions
        and with the past that they were computed with. Cells of an adapted input never do.
        """
        moved = channel.tokens[:length]
        fit = self.trunk.is_cached and self.cells.fit(owner, Channel.TRUNK)
        cells = channel.cells[:length] if fit else []
        del channel.cells[: len(cells)]
        self.cells.relabel(cells, Channel.TRUNK)
        self.cells.free(channel.cut(0))
        self.trunk.tokens.extend(moved)
        self.trunk.cells.extend(cells)

    def _pause(self) -> None:
        assert self.is_speaking, self.phase
        num_said = self.num_reply_tokens
        self._conclude(num_said, ())
        self.num_reply_in_trunk = num_said
        self.phase = ReplyPhase.PAUSED

    def _resume(self, is_decided: bool) -> None:
        assert self.phase is ReplyPhase.PAUSED, self.phase
        self.num_utterance_in_trunk = 0 if is_decided else self.num_utterance_tokens
        if self.is_listening:
            self._utterance_joins_trunk()
        self.output.tokens.extend(self.chat.reply_header)
        self.phase = ReplyPhase.SPEAKING

    def _trim(self, turns: int) -> None:
        """Drop the oldest turns; what follows them moves to other positions and loses its cells."""
        assert 0 < turns < self.num_turns, (turns, self.num_turns)
        start, end = self.num_opening_tokens, self.turn_starts[turns]
        self.cells.free(self.trunk.uncache(start))
        del self.trunk.tokens[start:end]
        self.turn_starts = [begin - (end - start) for begin in self.turn_starts[turns:]]
        self.kept.drop(self.cells)
        for owner in (Channel.INPUT, Channel.OUTPUT, Channel.ASIDE):
            self.cells.free(self.channel(owner).uncache())
        if self.aside is not None:
            self.aside.start -= end - start
            if self.aside.start <= self.num_opening_tokens:
                self.aside = None  # what it followed is gone
