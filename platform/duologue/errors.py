"""Every error that Duologue raises on purpose, in one small tree.

    DuologueError
    ├── InvalidInput            cannot be used as sent; says which field and what is allowed
    │   └── InvalidSetting      the same for a setting from file, environment or flag
    ├── ModelUnavailable        a model or adapter is missing, broken or unsupported
    ├── CapacityExceeded        a limit was reached; nothing that already runs is disturbed
    │   └── KVMemoryExhausted   no room for more cells within the memory budget
    ├── UnknownSession          no such session here
    └── StaleEpoch              the request carries an older epoch than its session's

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


class CapacityExceeded(DuologueError):
    """A limit was reached; the request was refused and nothing else was changed."""


class KVMemoryExhausted(CapacityExceeded):
    """The memory budget has no room for the cells that a session needs."""


class UnknownSession(DuologueError):
    """The session that a request names is not known here."""


class StaleEpoch(DuologueError):
    """A request was made under an older epoch than the session's present one."""
