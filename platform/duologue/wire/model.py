"""What a session must know of a model, from the process that holds it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from duologue.errors import InvalidInput, ModelUnavailable
from duologue.session.model_words import ModelWords
from duologue.states import State
from duologue.text.chat import ChatFormat
from duologue.text.tokenizer import Tokenizer
from duologue.v1 import batching_pb2 as pb
from duologue.wire.fields import finite, name, whole
from duologue.wire.probabilities import probabilities_from_pb, probabilities_to_pb


def model_to_pb(
    model: str,
    tokenizer_json: bytes,
    chat: ChatFormat,
    max_positions: int,
    thresholds: Mapping[State, float],
    confirm_above: float | None = None,
) -> pb.DescribeResponse:
    """A description with its digest; `tokenizer_json` is the contents of a tokenizer.json."""
    message = pb.DescribeResponse(
        model=model,
        tokenizer=tokenizer_json,
        chat_format=chat.to_json(),
        max_positions=max_positions,
        thresholds=probabilities_to_pb(thresholds),
        confirm_above=confirm_above,
    )
    message.digest = _digest(message)
    return message


def without_words(message: pb.DescribeResponse) -> pb.DescribeResponse:
    """The description for those who know the digest already: without its large parts."""
    return pb.DescribeResponse(
        digest=message.digest,
        model=message.model,
        max_positions=message.max_positions,
        thresholds=message.thresholds,
        confirm_above=message.confirm_above if message.HasField("confirm_above") else None,
    )


def words_from_pb(message: pb.DescribeResponse) -> ModelWords:
    """The words of a whole description.

    Raises InvalidInput if a part is missing, or the digest is of something else.
    """
    if not message.tokenizer or not message.chat_format:
        raise InvalidInput("tokenizer and chat_format must be set: nothing is known of this digest")
    if message.digest != _digest(message):
        raise InvalidInput("must be that of the other fields", field="digest")
    try:
        tokenizer = Tokenizer(message.tokenizer.decode("utf-8"), Path("tokenizer.json"))
        chat = ChatFormat.from_json(message.chat_format)
    except (UnicodeDecodeError, ModelUnavailable) as error:
        raise InvalidInput(f"tokenizer and chat_format must be usable: {error}") from error
    return ModelWords(
        model=name("model", message.model, max_chars=1024),
        tokenizer=tokenizer,
        chat=chat,
        max_positions=whole("max_positions", message.max_positions, low=1),
        thresholds=probabilities_from_pb("thresholds", message.thresholds),
        confirm_above=_confirm_above(message),
        digest=message.digest,
        words_digest=words_digest(message.tokenizer, message.chat_format),
    )


def _confirm_above(message: pb.DescribeResponse) -> float | None:
    if not message.HasField("confirm_above"):
        return None
    return finite("confirm_above", message.confirm_above)


def words_digest(tokenizer_json: bytes, chat_format: str) -> str:
    """Names what tokens mean, whatever the model's weights are."""
    return hashlib.sha256(tokenizer_json + chat_format.encode()).hexdigest()[:16]


def _digest(message: pb.DescribeResponse) -> str:
    bare = pb.DescribeResponse()
    bare.CopyFrom(message)
    bare.ClearField("digest")
    return hashlib.sha256(bare.SerializeToString(deterministic=True)).hexdigest()
