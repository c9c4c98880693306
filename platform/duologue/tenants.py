"""Tenants: who may use the platform, how much of it, and the keys that prove who is calling."""

import re
from dataclasses import dataclass

from duologue.errors import InvalidInput

MAX_LIMIT = 2**32 - 1
_NUMBERS = (
    *("max_sessions", "opens_per_minute", "input_chars_per_minute"),
    *("output_tokens_per_minute", "max_cells", "priority"),
)
MIN_WEIGHT, MAX_WEIGHT = 0.01, 100.0
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")


def check_tenant_id(tenant_id: str) -> str:
    """The name itself; raises InvalidInput unless it is 1 to 63 letters, digits, "-" or "_"."""
    if not _NAME.fullmatch(tenant_id):
        allowed = '1 to 63 letters, digits, "-" or "_"'
        raise InvalidInput(f"must be {allowed}, not {tenant_id[:80]!r}", field="tenant_id")
    return tenant_id


def check_weight(weight: float) -> float:
    """The weight itself; raises InvalidInput for one out of range."""
    if not MIN_WEIGHT <= weight <= MAX_WEIGHT:
        raise InvalidInput(
            f"must be from {MIN_WEIGHT:g} to {MAX_WEIGHT:g}, not {weight:g}", field="weight"
        )
    return weight


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant. A limit of 0 stands for the platform's default."""

    tenant_id: str
    max_sessions: int = 0
    """Sessions that may be live at once."""
    opens_per_minute: int = 0
    """Sessions that may be opened in a minute."""
    input_chars_per_minute: int = 0
    """Input characters in a minute, all sessions together."""
    output_tokens_per_minute: int = 0
    """Tokens of replies in a minute, all sessions together."""
    max_cells: int = 0
    """Key/value cells that its sessions may hold at once at a batching actor."""
    priority: int = 0
    """Who goes first when there is no room: the higher."""
    records_text: bool = False
    """Whether traces may hold prompt and reply text."""
    is_operator: bool = False
    """Whether its keys may call AdminService."""
    weight: float = 1.0
    """Its share of a model's time against that of others, when they ask for more than there is."""
    key_ids: tuple[str, ...] = ()
    """Names of its keys, in order; the store fills them in."""
    generation: int = 0
    """How many tenants of the name were deleted before it; the store says so of a key's owner."""

    def __post_init__(self) -> None:
        check_tenant_id(self.tenant_id)
        for name in _NUMBERS:
            value = getattr(self, name)
            if not 0 <= value <= MAX_LIMIT:
                raise InvalidInput(f"must be from 0 to {MAX_LIMIT}, not {value}", field=name)
        check_weight(self.weight)


@dataclass(frozen=True, slots=True)
class NewKey:
    """An API key, on the one occasion on which it can be read."""

    key_id: str
    """What names it; it is no secret."""
    key: str
    """`duo_<key_id>_<secret>`."""
    expires_ms: int | None = None
    """Unix milliseconds from which on it is good for nothing; None for never."""

    def __repr__(self) -> str:
        return f"NewKey(key_id={self.key_id!r})"
