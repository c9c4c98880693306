"""How a refusal of the gateway reads in OpenAI's shape: the same reasons, other words for kinds."""

import math
from collections.abc import Mapping

from duologue.gateway.errors import Refusal
from duologue.openai.api_error import INVALID_REQUEST, ApiError
from duologue.openai.session_fields import in_clients_words

_KINDS: Mapping[str, tuple[int, str]] = {
    "INVALID_ARGUMENT": (400, INVALID_REQUEST),
    "FAILED_PRECONDITION": (400, INVALID_REQUEST),
    "OUT_OF_RANGE": (400, INVALID_REQUEST),
    "UNAUTHENTICATED": (401, "authentication_error"),
    "PERMISSION_DENIED": (403, "permission_error"),
    "NOT_FOUND": (404, INVALID_REQUEST),
    "ABORTED": (409, INVALID_REQUEST),
    "RESOURCE_EXHAUSTED": (503, "server_error"),
    "UNAVAILABLE": (503, "server_error"),
    "DEADLINE_EXCEEDED": (504, "server_error"),
    "INTERNAL": (500, "server_error"),
}
"""By gRPC's code: the status of an answer over HTTP, and the type of the error."""
_CODES: Mapping[str, str] = {
    "UNAUTHENTICATED": "invalid_api_key",
    "QUOTA_EXCEEDED": "rate_limit_exceeded",
}
"""Reasons for which OpenAI's API has a word of its own."""


def error_of(refusal: Refusal, params: Mapping[str, str]) -> ApiError:
    """The refusal in a client's words; `params` are its names for our settings."""
    status, kind = _KINDS.get(refusal.code.name, (500, "server_error"))
    code = _CODES.get(refusal.reason, refusal.reason.lower())
    if refusal.reason == "QUOTA_EXCEEDED":  # the tenant's own; the platform is full otherwise
        status, kind = 429, "rate_limit_error"
    message, param = refusal.message, refusal.field or None
    if param == "config.model":
        status, code = 404, "model_not_found"
    if refusal.field.startswith("config."):
        param, message = in_clients_words(refusal.field, message, params)
    return ApiError(message, code, param, kind, status, refusal.retry_after_ms)


def retry_headers(error: ApiError) -> dict[str, str]:
    """When to come again, as the official clients read it."""
    if not error.retry_after_ms:
        return {}
    return {
        "retry-after": str(math.ceil(error.retry_after_ms / 1e3)),
        "retry-after-ms": str(error.retry_after_ms),
    }
