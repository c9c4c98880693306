"""The schema: every key that the store uses.

Every key starts with `duologue:<version>:`, so that two versions never read each other's keys;
`duologue:schema` says which version the store is of. The part in braces is the hash tag: keys with
the same one lie on the same node of a cluster, and a script touches keys of one tag only. The "@"
tags cannot be a tenant's, whose names have no "@".

| key | type | what |
|---|---|---|
| `{TENANT:SESSION}:meta` | hash | a `SessionRecord`, its holder, lease and journal's size |
| `{TENANT:SESSION}:journal` | list | entries behind the checkpoint |
| `{TENANT:SESSION}:checkpoint` | string | what the journal goes on from |
| `{TENANT:SESSION}:transcript` | list | what was said, an entry as JSON each |
| `{TENANT}:sessions` | sorted set | session by the time of its creation |
| `{TENANT}:expiry` | sorted set | session by the time at which it is forgotten |
| `{TENANT}:live` | sorted set | live session by the time until which it counts as live |
| `{TENANT}:metered` | hash | session: its usage as far as it is part of the tenant's |
| `{TENANT}:bytes` | hash | session: the bytes that it takes; all together under the empty name |
| `{TENANT}:usage` | hash | the tenant's usage |
| `{TENANT}:daily` | hash | day and what: how much of it the tenant used then |
| `{TENANT}:rate:WHAT` | string | GCRA's theoretical arrival time |
| `{@tenants}:all` | hash | tenant: its limits as JSON |
| `{@tenants}:keys` | hash | API key's name: its tenant, digest, and if need be expiry, scopes |
| `{@tenants}:key_names` | hash | tenant: names of its API keys |
| `{@tenants}:generations` | hash | tenant: how often one of that name was deleted |
| `{@cluster}:KIND` | hash | node or batcher: its status, or its figures, as JSON |
| `{@cluster}:KIND:until` | sorted set | node or batcher by the time until which it is alive |
| `{@cluster}:KIND:draining` | sorted set | those that are to be drained |

Where a tenant of the name was deleted before, `TENANT~N` stands for `TENANT` in keys, N being how
often. Only tenants, API keys and generations stay; every other key has a time to live.
"""

from dataclasses import dataclass

SCHEMA_VERSION = 1
SCHEMA_KEY = "duologue:schema"
PREFIX = f"duologue:{SCHEMA_VERSION}"

TENANTS = f"{PREFIX}:{{@tenants}}:all"
API_KEYS = f"{PREFIX}:{{@tenants}}:keys"
API_KEY_NAMES = f"{PREFIX}:{{@tenants}}:key_names"
GENERATIONS = f"{PREFIX}:{{@tenants}}:generations"


def realm_of(tenant_id: str, generation: int) -> str:
    """What stands for a tenant in keys; no tenant's name has a "~"."""
    return f"{tenant_id}~{generation}" if generation else tenant_id


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """Of one session."""

    meta: str
    journal: str
    checkpoint: str
    transcript: str

    @classmethod
    def of(cls, realm: str, session_id: str) -> "SessionKeys":
        base = f"{PREFIX}:{{{realm}:{session_id}}}"
        return cls(f"{base}:meta", f"{base}:journal", f"{base}:checkpoint", f"{base}:transcript")

    @property
    def all(self) -> tuple[str, str, str, str]:
        """In the order in which scripts take them."""
        return self.meta, self.journal, self.checkpoint, self.transcript


@dataclass(frozen=True, slots=True)
class TenantKeys:
    """Of one tenant."""

    sessions: str
    expiry: str
    live: str
    metered: str
    usage: str
    bytes: str
    daily: str

    @classmethod
    def of(cls, realm: str) -> "TenantKeys":
        base = f"{PREFIX}:{{{realm}}}"
        names = ("sessions", "expiry", "live", "metered", "usage", "bytes", "daily")
        return cls(*(f"{base}:{name}" for name in names))

    @property
    def all(self) -> tuple[str, ...]:
        """In the order in which scripts take them."""
        lists = self.sessions, self.expiry, self.live, self.metered
        return *lists, self.usage, self.bytes, self.daily


def rate_key(realm: str, what: str) -> str:
    """Of one rate of one tenant."""
    return f"{PREFIX}:{{{realm}}}:rate:{what}"


def member_keys(kind: str) -> tuple[str, str, str]:
    """Of the cluster's nodes or batchers: statuses, until when each is alive, who is to drain."""
    base = f"{PREFIX}:{{@cluster}}:{kind}"
    return base, f"{base}:until", f"{base}:draining"
