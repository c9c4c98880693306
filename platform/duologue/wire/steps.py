"""Steps of a conversation."""

from collections.abc import Iterable

from duologue.lane.slices import Heard
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
    Reopen,
    Resume,
    Say,
    Step,
    Trim,
)
from duologue.speaker import Speaker
from duologue.v1 import lane_pb2 as pb
from duologue.wire.enums import END_REASONS, PROMOTIONS
from duologue.wire.fields import missing, refuse

_KINDS = tuple(field.name for field in pb.Step.DESCRIPTOR.oneofs_by_name["step"].fields)


def steps_to_pb(steps: Iterable[Step]) -> list[pb.Step]:
    return [step_to_pb(step) for step in steps]


def steps_from_pb(messages: Iterable[pb.Step]) -> tuple[Step, ...]:
    """Raises InvalidInput naming the field and what is allowed."""
    return tuple(step_from_pb(message) for message in messages)


def step_to_pb(step: Step) -> pb.Step:
    match step:
        case Hear(keep, append):
            return pb.Step(hear=pb.TokenEdit(keep=keep, append=append))
        case Ignore():
            return pb.Step(ignore=pb.Ignore())
        case Promote():
            return pb.Step(promote=_promote_to_pb(step))
        case Reopen():
            return pb.Step(reopen=pb.Reopen())
        case Amend(keep, tail):
            return pb.Step(amend=pb.Heard(keep=keep, tail=tail))
        case Note():
            return pb.Step(note=note_to_pb(step))
        case Begin(is_turn):
            return pb.Step(begin=pb.Begin(is_turn=is_turn))
        case Say(tokens):
            return pb.Step(say=pb.Say(tokens=tokens))
        case Finish(reason):
            return pb.Step(finish=END_REASONS.number(reason))
        case Conclude(keep, tail):
            return pb.Step(conclude=pb.Heard(keep=keep, tail=tail))
        case Trim(turns):
            return pb.Step(trim_turns=turns)
        case Pause():
            return pb.Step(pause=pb.Pause())
        case Resume(is_decided):
            return pb.Step(resume=pb.Resume(is_decided=is_decided))


def step_from_pb(message: pb.Step) -> Step:
    """Raises InvalidInput naming the field and what is allowed."""
    match message.WhichOneof("step"):
        case "hear":
            return Hear(message.hear.keep, tuple(message.hear.append))
        case "ignore":
            return Ignore()
        case "promote":
            return _promote_from_pb(message.promote)
        case "reopen":
            return Reopen()
        case "amend":
            return Amend(message.amend.keep, tuple(message.amend.tail))
        case "note":
            return note_from_pb(message.note)
        case "begin":
            return Begin(message.begin.is_turn)
        case "say":
            return Say(tuple(message.say.tokens))
        case "finish":
            return Finish(END_REASONS.member("step.finish", message.finish))
        case "conclude":
            return Conclude(message.conclude.keep, tuple(message.conclude.tail))
        case "trim_turns":
            return Trim(message.trim_turns)
        case "pause":
            return Pause()
        case "resume":
            return Resume(message.resume.is_decided)
        case None:
            missing("step", _KINDS)


def _promote_to_pb(step: Promote) -> pb.Promote:
    return pb.Promote(
        policy=PROMOTIONS.number(step.policy),
        heard=pb.Heard(keep=step.keep, tail=step.tail),
        answer=step.answer,
        aside_tokens=step.aside_tokens,
        aside_is_finished=step.aside_is_finished,
        notes=map(note_to_pb, step.notes),
    )


def _promote_from_pb(message: pb.Promote) -> Promote:
    heard = heard_from_pb(message.heard)
    policy = PROMOTIONS.member("step.promote.policy", message.policy)
    aside_tokens = message.aside_tokens if message.HasField("aside_tokens") else None
    return Promote(
        policy,
        heard.keep,
        heard.tail,
        message.answer,
        aside_tokens,
        message.aside_is_finished,
        tuple(map(note_from_pb, message.notes)),
    )


def note_to_pb(note: Note) -> pb.Note:
    return pb.Note(speaker=note.speaker, tokens=note.tokens, is_turn=note.is_turn)


def note_from_pb(message: pb.Note) -> Note:
    """Raises InvalidInput for a speaker that is not known."""
    if message.speaker not in set(Speaker):
        refuse("note.speaker", f"one of {', '.join(Speaker)}", message.speaker)
    return Note(Speaker(message.speaker), tuple(message.tokens), message.is_turn)


def heard_to_pb(heard: Heard) -> pb.Heard:
    return pb.Heard(keep=heard.keep, tail=heard.tail)


def heard_from_pb(message: pb.Heard) -> Heard:
    return Heard(message.keep, tuple(message.tail))
