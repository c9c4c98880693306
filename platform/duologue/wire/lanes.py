"""A conversation as tokens, and how an engine is to treat it."""

from duologue.errors import InvalidInput
from duologue.forward.sampling_settings import SamplingSettings
from duologue.lane.judging import Judge
from duologue.lane.phase import ReplyPhase
from duologue.lane.profile import LaneProfile
from duologue.lane.state import AsideState, LaneState
from duologue.states import State
from duologue.v1 import lane_pb2 as pb
from duologue.wire.enums import PROMOTIONS
from duologue.wire.fields import finite, refuse, whole
from duologue.wire.probabilities import probabilities_from_pb, probabilities_to_pb


def lane_state_to_pb(state: LaneState) -> pb.LaneState:
    message = pb.LaneState(
        trunk=state.trunk,
        input=state.input,
        output=state.output,
        phase=state.phase.name,
        num_replies=state.num_replies,
        was_answered=state.was_answered,
        num_opening_tokens=state.num_opening_tokens,
        turn_starts=state.turn_starts,
        num_last_input_tokens=state.num_last_input_tokens,
        num_utterance_in_trunk=state.num_utterance_in_trunk,
        num_reply_in_trunk=state.num_reply_in_trunk,
        reply_number=state.reply_number,
    )
    if (aside := state.aside) is not None:
        message.aside.CopyFrom(
            pb.SetAside(
                number=aside.number,
                phase=aside.phase.name,
                tokens=aside.tokens,
                start=aside.start,
                num_joined=aside.num_joined,
                num_kept=aside.num_kept,
                num_notes=aside.num_notes,
            )
        )
    return message


def lane_state_from_pb(message: pb.LaneState) -> LaneState:
    """Raises InvalidInput naming the field, also where fields contradict each other."""
    _check_places(message)
    return LaneState(
        trunk=tuple(message.trunk),
        input=tuple(message.input),
        output=tuple(message.output),
        phase=_phase("lane.phase", message.phase),
        num_replies=message.num_replies,
        was_answered=message.was_answered,
        num_opening_tokens=message.num_opening_tokens,
        turn_starts=tuple(message.turn_starts),
        num_last_input_tokens=message.num_last_input_tokens,
        num_utterance_in_trunk=message.num_utterance_in_trunk,
        num_reply_in_trunk=message.num_reply_in_trunk,
        reply_number=message.reply_number,
        aside=_aside(message) if message.HasField("aside") else None,
    )


def _aside(message: pb.LaneState) -> AsideState:
    aside, length = message.aside, len(message.trunk)
    whole("lane.aside.start", aside.start, high=length)
    whole("lane.aside.num_kept", aside.num_kept, high=length - aside.start)
    most = min(aside.num_kept, len(aside.tokens))
    whole("lane.aside.num_joined", aside.num_joined, high=most)
    return AsideState(
        number=aside.number,
        phase=_phase("lane.aside.phase", aside.phase),
        tokens=tuple(aside.tokens),
        start=aside.start,
        num_joined=aside.num_joined,
        num_kept=aside.num_kept,
        num_notes=whole("lane.aside.num_notes", aside.num_notes, high=len(message.turn_starts)),
    )


def _check_places(message: pb.LaneState) -> None:
    """Places and lengths in the trunk lie in it."""
    length, starts = len(message.trunk), list(message.turn_starts)
    whole("lane.num_opening_tokens", message.num_opening_tokens, high=length)
    places = [message.num_opening_tokens, *starts, length]
    if places != sorted(places):
        refuse("lane.turn_starts", "in order, and within the trunk behind its opening", starts)
    last_turn = length - starts[-1] if starts else 0
    whole("lane.num_last_input_tokens", message.num_last_input_tokens, high=last_turn)
    whole("lane.num_utterance_in_trunk", message.num_utterance_in_trunk, high=length)
    whole("lane.num_reply_in_trunk", message.num_reply_in_trunk, high=length)


def _phase(field: str, name: str) -> ReplyPhase:
    if name not in ReplyPhase.__members__:
        refuse(field, f"one of {', '.join(ReplyPhase.__members__)}", name)
    return ReplyPhase[name]


def profile_to_pb(profile: LaneProfile) -> pb.LaneProfile:
    sampling = profile.sampling
    return pb.LaneProfile(
        thresholds=probabilities_to_pb(profile.judge.thresholds),
        low_patience_scale=profile.judge.low_patience_scale,
        stop_tokens=sorted(profile.stop_tokens),
        promotion=PROMOTIONS.number(profile.promotion),
        temperature=sampling.temperature,
        top_k=sampling.top_k,
        top_p=sampling.top_p,
        repetition_penalty=sampling.repetition_penalty,
        seed=sampling.seed,
        max_reply_tokens=profile.max_reply_tokens,
        context_limit_tokens=profile.context_limit_tokens,
        idle_token=profile.idle_token,
    )


def profile_from_pb(message: pb.LaneProfile) -> LaneProfile:
    """Raises InvalidInput naming the field and what is allowed."""
    whole("profile.max_reply_tokens", message.max_reply_tokens, low=1)
    whole("profile.context_limit_tokens", message.context_limit_tokens, low=1)
    return LaneProfile(
        judge=_judge(message),
        stop_tokens=frozenset(message.stop_tokens),
        promotion=PROMOTIONS.member("profile.promotion", message.promotion),
        sampling=_sampling(message),
        max_reply_tokens=message.max_reply_tokens,
        context_limit_tokens=message.context_limit_tokens,
        idle_token=message.idle_token if message.HasField("idle_token") else None,
    )


def _judge(message: pb.LaneProfile) -> Judge:
    thresholds = probabilities_from_pb("profile.thresholds", message.thresholds)
    if not set(thresholds) - {State.INCOMPLETE}:
        raise InvalidInput("must have one for a state that is acted on", field="profile.thresholds")
    return Judge(thresholds, finite("profile.low_patience_scale", message.low_patience_scale))


def _sampling(message: pb.LaneProfile) -> SamplingSettings:
    try:
        return SamplingSettings(
            temperature=message.temperature,
            top_k=message.top_k,
            top_p=message.top_p,
            repetition_penalty=message.repetition_penalty,
            seed=message.seed,
        )
    except InvalidInput as error:
        raise error.within("profile") from None
