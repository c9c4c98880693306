"""Reads JSON objects field by field: of the right kind, or refused by name."""

import json
from collections.abc import Iterable
from typing import Any, NoReturn

from duologue.openai.api_error import unusable

MAX_TOLD_CHARS = 80
"""Of a value that an error quotes."""


class Fields:
    """One object. A field that is null counts as one that is not given."""

    def __init__(self, value: object, where: str = "") -> None:
        """`where` is its own name, within the whole. Raises Unusable if it is no object."""
        self.where = where
        if not isinstance(value, dict):
            raise unusable(where, f"{where or 'what is sent'} must be an object", "invalid_type")
        self._left: dict[str, Any] = dict(value)

    def name(self, field: str) -> str:
        """A field's name within the whole."""
        return f"{self.where}.{field}" if self.where else field

    def has(self, field: str) -> bool:
        """Whether it is given and was not read yet, be it null."""
        return field in self._left

    def take(self, field: str) -> Any:
        """Its value, whatever it is; None where it is not given."""
        return self._left.pop(field, None)

    def text(self, field: str) -> str | None:
        value = self.take(field)
        if value is not None and not isinstance(value, str):
            self._wrong_kind(field, "a string")
        if value is not None and any("\ud800" <= char <= "\udfff" for char in value):
            raise unusable(self.name(field), f"{self.name(field)} must be valid Unicode")
        return value

    def needed_text(self, field: str) -> str:
        value = self.text(field)
        return self._missing(field) if value is None else value

    def integer(self, field: str) -> int | None:
        value = self.take(field)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            self._wrong_kind(field, "a whole number")
        return value

    def number(self, field: str) -> float | None:
        value = self.take(field)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._wrong_kind(field, "a number")
        try:
            return float(value)
        except OverflowError:
            self._wrong_kind(field, "a number that is not as large")

    def truth(self, field: str) -> bool | None:
        value = self.take(field)
        if value is not None and not isinstance(value, bool):
            self._wrong_kind(field, "true or false")
        return value

    def items(self, field: str) -> list[Any] | None:
        value = self.take(field)
        if value is not None and not isinstance(value, list):
            self._wrong_kind(field, "an array")
        return value

    def object(self, field: str) -> "Fields | None":
        value = self.take(field)
        return None if value is None else Fields(value, self.name(field))

    def pass_over(self, fields: Iterable[str]) -> None:
        """They are known, and mean nothing here."""
        for field in fields:
            self.take(field)

    def only(self, field: str, allowed: Iterable[Any], why: str) -> None:
        """Refuse it with any other value than those; null is always allowed."""
        value = self.take(field)
        if value is not None and not any(_is_same(value, each) for each in allowed):
            name = self.name(field)
            raise unusable(name, f"{name}: {why}", "unsupported_value")

    def end(self) -> None:
        """Refuse what was not read."""
        for field in self._left:
            name = self.name(field)[:MAX_TOLD_CHARS].encode(errors="replace").decode()
            raise unusable(name, f"{name} is not a field that is known here", "unknown_parameter")

    def _wrong_kind(self, field: str, kind: str) -> NoReturn:
        name = self.name(field)
        raise unusable(name, f"{name} must be {kind}", "invalid_type")

    def _missing(self, field: str) -> NoReturn:
        name = self.name(field)
        raise unusable(name, f"{name} must be given", "missing_required_parameter")


def parsed(data: str | bytes) -> Fields:
    """What a client sent, as an object; raises Unusable."""
    try:
        value = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        told = str(error).encode(errors="replace").decode()[:MAX_TOLD_CHARS]
        raise unusable(None, f"what is sent must be JSON: {told}", "invalid_json") from None
    return Fields(value)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _is_same(value: object, other: object) -> bool:
    """As JSON has it: true is not 1."""
    return type(value) is type(other) and value == other
