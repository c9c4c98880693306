"""Checks of single fields: each raises InvalidInput naming the field and what is allowed."""

import math
from collections.abc import Iterable
from typing import NoReturn

from google.protobuf.message import DecodeError, Message

from duologue.errors import InvalidInput

MAX_TEXT_CHARS = 65_536
MAX_NAME_CHARS = 128
UINT32 = 2**32 - 1
UINT64 = 2**64 - 1
INT64 = 2**63 - 1


def refuse(field: str, allowed: str, value: object) -> NoReturn:
    """Raise InvalidInput."""
    raise InvalidInput(f"must be {allowed}, not {value!r}", field=field)


def missing(field: str, choices: Iterable[str]) -> NoReturn:
    """Raise InvalidInput for a choice that was not made, or is not known here."""
    raise InvalidInput(f"must be set to one of {', '.join(choices)}", field=field)


def required(message: Message, name: str, field: str) -> None:
    """A message inside another one."""
    if not message.HasField(name):
        raise InvalidInput("must be set", field=field)


def whole(field: str, value: int, *, low: int = 0, high: int = UINT32) -> int:
    """A whole number, both ends allowed."""
    if not low <= value <= high:
        refuse(field, f"a whole number from {low} to {high}", value)
    return value


def finite(field: str, value: float) -> float:
    """A number, and neither infinite nor none."""
    if not math.isfinite(value):
        refuse(field, "a finite number", value)
    return value


def unicode(field: str, text: str, *, max_chars: int = MAX_TEXT_CHARS) -> str:
    """Text that can be sent; it may be empty."""
    if len(text) > max_chars:
        raise InvalidInput(
            f"must have at most {max_chars} characters, not {len(text)}", field=field
        )
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidInput("must be valid Unicode without lone surrogates", field=field) from None
    return text


def name(field: str, text: str, *, max_chars: int = MAX_NAME_CHARS) -> str:
    """Text that names something: it is not empty."""
    if not 0 < len(text) <= max_chars:
        raise InvalidInput(f"must have 1 to {max_chars} characters, not {len(text)}", field=field)
    return unicode(field, text, max_chars=max_chars)


def parse(message: Message, data: bytes, what: str) -> None:
    """Fill a message from its bytes; raises InvalidInput if they are something else."""
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise InvalidInput(f"these bytes are no {what}: {error}") from None
