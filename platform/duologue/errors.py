"""Every error that Duologue raises on purpose, in one small tree.

    DuologueError
    ├── InvalidInput            cannot be used as sent; says which field and what is allowed
    │   └── InvalidSetting      the same for a setting from file, environment or flag
    ├── ModelUnavailable        a model or adapter is missing, broken or unsupported
    ├── BatcherUnavailable      a batching actor cannot be reached, or is gone with its cells
    ├── CapacityExceeded        a limit was reached; nothing that already runs is disturbed
    │   ├── KVMemoryExhausted   no room for more cells within the memory budget
    │   └── QuotaExceeded       a tenant's own limit; says when it may try again
    ├── UnknownSession          no such session here
    ├── SessionOver             the session was closed and cannot be talked to any more
    ├── UnknownTenant           no such tenant
    ├── UnknownKey              no such API key
    ├── UnknownNode             no such node in the cluster
    ├── UnusableCall            the model called a tool in a way that cannot be followed
    ├── StaleEpoch              the request carries an older epoch than its session's
    ├── LeaseHeld               another process holds the session; says where
    └── StoreUnavailable        the store cannot be reached, or cannot answer now
        └── StoreIncompatible   it was written by another version of Duologue, or cannot serve it

Only the gateway turns them into gRPC status codes.
"""


class DuologueError(Exception):
    """Base of all deliberate errors; its message is fit to be shown to the caller."""


class InvalidInput(DuologueError):
    """A request cannot be used as it is; the message names the field and what is allowed."""


class InvalidSetting(InvalidInput):
    """A setting is out of its range or of the wrong kind."""


class ModelUnavailable(DuologueError):
    """A model or an adapter is missing, broken or of an unsupported kind."""


class BatcherUnavailable(DuologueError):
    """The batching actor cannot be reached or went away; a seat can be taken at it later, or at
    another one."""


class CapacityExceeded(DuologueError):
    """A limit was reached; the request was refused and nothing else was changed."""


class KVMemoryExhausted(CapacityExceeded):
    """The memory budget has no room for the cells that a session needs."""


class QuotaExceeded(CapacityExceeded):
    """A tenant's own limit was reached; after `retry_after_ms` it may be different."""

    def __init__(self, message: str, retry_after_ms: int = 0) -> None:
        super().__init__(message, retry_after_ms)  # both, so that it can be pickled
        self.retry_after_ms = retry_after_ms

    def __str__(self) -> str:
        return str(self.args[0])


class UnknownSession(DuologueError):
    """The session that a request names is not known here."""


class SessionOver(DuologueError):
    """The session was closed: its transcript can be read for a while, and nothing else."""


class UnknownTenant(DuologueError):
    """There is no tenant of that name."""


class UnknownKey(DuologueError):
    """There is no API key of that name."""


class UnknownNode(DuologueError):
    """The cluster has no node of that name that is alive."""


class UnusableCall(DuologueError):
    """The model called a tool in a way that cannot be followed, so that nothing was called."""


class StaleEpoch(DuologueError):
    """A request was made under an older epoch than the session's present one."""


class LeaseHeld(DuologueError):
    """The session is alive under a newer epoch than the caller knew: go to `address` instead."""

    def __init__(self, message: str, address: str = "", epoch: int = 0) -> None:
        super().__init__(message, address, epoch)
        self.address = address
        self.epoch = epoch

    def __str__(self) -> str:
        return str(self.args[0])


class StoreUnavailable(DuologueError):
    """The store did not answer within the time and the retries that it is given.

    A write that ends so may have been done or not; the store's writes can be repeated as they were.
    """


class StoreIncompatible(StoreUnavailable):
    """The store's contents, or the server itself, are not what this version can work with."""
