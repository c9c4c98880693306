"""Errors in the shape that clients of OpenAI's API read."""

from dataclasses import dataclass
from typing import Any

INVALID_REQUEST = "invalid_request_error"


@dataclass(frozen=True, slots=True)
class ApiError:
    """What went wrong, for people and for programs."""

    message: str
    code: str
    param: str | None = None
    """The field that is to be mended, if it is one."""
    type: str = INVALID_REQUEST
    status: int = 400
    """Of an answer over HTTP."""
    retry_after_ms: int = 0
    """When the same may be asked again; 0 says nothing of it."""

    @property
    def body(self) -> dict[str, Any]:
        """An answer over HTTP."""
        return {"error": self._told()}

    def event(self, event_id: str | None) -> dict[str, Any]:
        """The same within a conversation, about the client's event of that name."""
        return {"type": "error", "error": {**self._told(), "event_id": event_id}}

    def _told(self) -> dict[str, Any]:
        return {
            "message": self.message,
            "type": self.type,
            "param": self.param,
            "code": self.code,
        }


class Unusable(Exception):
    """What a client sent cannot be followed; nothing was changed by it."""

    def __init__(self, error: ApiError, event_id: str | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.event_id = event_id


def unusable(param: str | None, message: str, code: str = "invalid_value") -> Unusable:
    """To be raised about one field."""
    return Unusable(ApiError(message, code, param or None))


def unsupported(param: str, what: str, code: str = "unsupported") -> Unusable:
    """To be raised about something that OpenAI's API has, and this one has not."""
    return Unusable(ApiError(f"{param}: {what}", code, param))
