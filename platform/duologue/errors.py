"""Every error that Duologue raises on purpose, in one small tree.

    DuologueError
    ├── InvalidInput            cannot be used as sent; says which field and what is allowed
    │   └── InvalidSetting      the same for a setting from file, environment or flag
    ├── ModelUnavailable        a model or adapter is missing, broken or unsupported
    ├── BatcherUnavailable      a batching actor cannot be reached, or is gone with its cells
    ├── CapacityExceeded        a limit was reached; nothing that already runs is disturbed
    │   ├── KVMemoryExhausted   no room for more cells within the memory budget
    │   └── QuotaUsedUp       a tenant's own limit; says when it may try again
    ├── UnknownSession          no such session here
    ├── SessionEnded             the session was closed and cannot be talked to any more
    ├── UnknownTenant           no such tenant
    ├── UnknownKey              no such API key
    ├── UnknownNode             no such node in the cluster
    ├── UnusableCall            the model called a tool in a way that cannot be followed
    ├── StaleEpoch              the request carries an older epoch than its session's
    ├── LeaseHeld               another process holds the session; says where
    └── StoreUnavailable        the store cannot be reached, or cannot answer now
        └── StoreIncompatible   it was written by another version of Duologue, or cannot serve it

Each kind has a `code` for programs, which a kind without one has from its base. Everything else
that an error is known by follows from it: the reason and the status of a call, an event's code.
"""

from collections.abc import Mapping
from typing import ClassVar, Self


class DuologueError(Exception):
    """Base of all deliberate errors; its message is fit to be shown to the caller."""

    code: ClassVar[str] = "internal"
    """What kind of thing went wrong, for programs. This one is a fault of the platform's own."""


class InvalidInput(DuologueError):
    """A request cannot be used as it is; the message names the field and what is allowed.

    The message begins with the field: a `problem` "must be set" of the field "tenant" reads
    "tenant must be set". Without a field the problem is all that is said.
    """

    code = "invalid_input"

    def __init__(self, problem: str, *, field: str = "") -> None:
        super().__init__(f"{field} {problem}" if field else problem)
        self.problem = problem
        self.field = field

    def within(self, whole: str) -> Self:
        """The same, about what is a part of `whole`."""
        return type(self)(self.problem, field=f"{whole}.{self.field}" if self.field else whole)

    def renamed(self, field: str) -> Self:
        """The same, by another name of the field."""
        return type(self)(self.problem, field=field)


class InvalidSetting(InvalidInput):
    """A setting is out of its range or of the wrong kind."""

    code = "invalid_setting"


class ModelUnavailable(DuologueError):
    """A model or an adapter is missing, broken or of an unsupported kind."""

    code = "model_unavailable"


class BatcherUnavailable(DuologueError):
    """The batching actor cannot be reached or went away; a seat can be taken at it later, or at
    another one."""

    code = "batcher_unavailable"


class CapacityExceeded(DuologueError):
    """A limit was reached; the request was refused and nothing else was changed."""

    code = "capacity_exceeded"


class KVMemoryExhausted(CapacityExceeded):
    """The memory budget has no room for the cells that a session needs."""


class QuotaUsedUp(CapacityExceeded):
    """A tenant's own limit was reached; after `retry_after_ms` it may be different."""

    code = "quota_exceeded"

    def __init__(self, message: str, retry_after_ms: int = 0) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class UnknownSession(DuologueError):
    """The session that a request names is not known here."""

    code = "unknown_session"


class SessionEnded(DuologueError):
    """The session was closed: its transcript can be read for a while, and nothing else."""

    code = "session_over"


class UnknownTenant(DuologueError):
    """There is no tenant of that name."""

    code = "unknown_tenant"


class UnknownKey(DuologueError):
    """There is no API key of that name."""

    code = "unknown_key"


class UnknownNode(DuologueError):
    """The cluster has no node of that name that is alive."""

    code = "unknown_node"


class UnusableCall(DuologueError):
    """The model called a tool in a way that cannot be followed, so that nothing was called."""

    code = "unusable_call"


class StaleEpoch(DuologueError):
    """A request was made under an older epoch than the session's present one."""

    code = "stale_epoch"


class LeaseHeld(DuologueError):
    """The session is alive under a newer epoch than the caller knew: go to `address` instead."""

    code = "lease_held"

    def __init__(self, message: str, address: str = "", epoch: int = 0) -> None:
        super().__init__(message)
        self.address = address
        self.epoch = epoch


class StoreUnavailable(DuologueError):
    """The store did not answer within the time and the retries that it is given.

    A write that ends so may have been done or not; the store's writes can be repeated.
    """

    code = "store_unavailable"


class StoreIncompatible(StoreUnavailable):
    """The store's contents, or the server itself, are not what this version can work with."""


_KINDS: Mapping[str, type[DuologueError]] = {
    kind.code: kind
    for kind in tuple(globals().values())
    if isinstance(kind, type) and issubclass(kind, DuologueError) and "code" in vars(kind)
}


def kind_of(code: str) -> type[DuologueError]:
    """The kind that a code stands for; one that is not known here is a fault of the platform's."""
    return _KINDS.get(code, DuologueError)
