"""Slices and what came of them.

Who a slice is of, and under which epoch, is known from where it comes, and not sent with it.
"""

from duologue.lane.judging import Judgement
from duologue.lane.slices import Slice, SliceResult
from duologue.text.token_edit import TokenEdit
from duologue.v1 import lane_pb2 as pb
from duologue.wire.enums import END_REASONS, PATIENCES, STATES
from duologue.wire.errors import error_from_pb, error_to_pb
from duologue.wire.probabilities import probabilities_from_pb, probabilities_to_pb
from duologue.wire.steps import (
    heard_from_pb,
    heard_to_pb,
    note_from_pb,
    note_to_pb,
    steps_from_pb,
    steps_to_pb,
)


def slice_to_pb(work: Slice) -> pb.Slice:
    message = pb.Slice(
        tick=work.tick,
        reopens=work.reopens,
        begins=work.begins,
        patience=PATIENCES.number(work.patience),
        holds_reply=work.holds_reply,
        sets_aside=work.sets_aside,
        pauses=work.pauses,
        settles=work.settles,
        keeps=work.keeps,
        was_query=work.was_query,
        returns_early=work.returns_early,
        reply_tokens=work.reply_tokens,
        look_ahead_tokens=work.look_ahead_tokens,
        notes=map(note_to_pb, work.notes),
        given=work.given,
    )
    if work.amends is not None:
        message.amends.CopyFrom(heard_to_pb(work.amends))
    if work.edit is not None:
        message.edit.CopyFrom(pb.TokenEdit(keep=work.edit.keep, append=work.edit.append))
    if work.heard is not None:
        message.heard.CopyFrom(heard_to_pb(work.heard))
    if work.conclude is not None:
        message.conclude = END_REASONS.number(work.conclude)
    return message


def slice_from_pb(message: pb.Slice, session_id: str, epoch: int) -> Slice:
    """Raises InvalidInput naming the field and what is allowed."""
    edit, conclude = message.edit, message.conclude
    has_edit, has_heard = message.HasField("edit"), message.HasField("heard")
    return Slice(
        session_id=session_id,
        epoch=epoch,
        tick=message.tick,
        reopens=message.reopens,
        amends=heard_from_pb(message.amends) if message.HasField("amends") else None,
        begins=message.begins,
        edit=TokenEdit(edit.keep, tuple(edit.append)) if has_edit else None,
        patience=PATIENCES.member("slice.patience", message.patience),
        heard=heard_from_pb(message.heard) if has_heard else None,
        conclude=END_REASONS.member("slice.conclude", conclude) if conclude else None,
        holds_reply=message.holds_reply,
        sets_aside=message.sets_aside,
        pauses=message.pauses,
        settles=message.settles,
        keeps=message.keeps,
        was_query=message.was_query,
        returns_early=message.returns_early,
        reply_tokens=message.reply_tokens,
        look_ahead_tokens=message.look_ahead_tokens,
        notes=tuple(map(note_from_pb, message.notes)),
        given=tuple(message.given),
    )


def result_to_pb(result: SliceResult) -> pb.SliceResult:
    """The kind of an error goes by its code, as clients are told of it."""
    message = pb.SliceResult(
        tick=result.tick,
        steps=steps_to_pb(result.steps),
        num_forwards=result.num_forwards,
        num_rows=result.num_rows,
    )
    if result.judgement is not None:
        message.judgement.CopyFrom(_judgement_to_pb(result.judgement))
    if result.error is not None:
        message.error.CopyFrom(error_to_pb(result.error))
    return message


def result_from_pb(message: pb.SliceResult, session_id: str, epoch: int) -> SliceResult:
    """Raises InvalidInput naming the field and what is allowed."""
    is_judged, has_error = message.HasField("judgement"), message.HasField("error")
    return SliceResult(
        session_id=session_id,
        epoch=epoch,
        tick=message.tick,
        steps=steps_from_pb(message.steps),
        judgement=_judgement_from_pb(message.judgement) if is_judged else None,
        num_forwards=message.num_forwards,
        num_rows=message.num_rows,
        error=error_from_pb(message.error) if has_error else None,
        source=message.SerializeToString(),
    )


def _judgement_to_pb(judgement: Judgement) -> pb.Judgement:
    return pb.Judgement(
        state=STATES.number(judgement.state),
        probabilities=probabilities_to_pb(judgement.probabilities),
        look_ahead_tokens=judgement.look_ahead_tokens,
        patience=PATIENCES.number(judgement.patience),
    )


def _judgement_from_pb(message: pb.Judgement) -> Judgement:
    return Judgement(
        state=STATES.member("judgement.state", message.state),
        probabilities=probabilities_from_pb("judgement.probabilities", message.probabilities),
        look_ahead_tokens=message.look_ahead_tokens,
        patience=PATIENCES.member("judgement.patience", message.patience),
    )
