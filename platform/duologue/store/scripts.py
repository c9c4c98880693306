"""The Lua scripts, each of which the server runs as one step that nothing comes in between."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files

_MAKING = ("create_key", "create_session", "put_tenant")
_WHEN_FULL = "#!lua flags=allow-oom"
"""Whatever is there goes on also where the server's memory is full: a lease that cannot be renewed
or a session that cannot be closed would make it worse. Only what makes something new is refused."""


@dataclass(frozen=True, slots=True)
class Script:
    """One script, and the digest by which the server knows it once it has seen it."""

    name: str
    source: str
    sha: str

    @classmethod
    def load(cls, name: str) -> "Script":
        """The script of that name in the folder `lua`, with the prelude in front."""
        folder = files(__package__) / "lua"
        parts = (folder / "prelude.lua", folder / f"{name}.lua")
        source = "\n".join(part.read_text(encoding="utf-8") for part in parts)
        if name not in _MAKING:
            source = f"{_WHEN_FULL}\n{source}"
        return cls(name, source, hashlib.sha1(source.encode()).hexdigest())


ADD_USAGE = Script.load("add_usage")
ADMIT = Script.load("admit")
ALLOW = Script.load("allow")
ANNOUNCE = Script.load("announce")
APPEND = Script.load("append")
CHECKPOINT = Script.load("checkpoint")
COUNT_LIVE = Script.load("count_live")
CREATE_KEY = Script.load("create_key")
CREATE_SESSION = Script.load("create_session")
DELETE_TENANT = Script.load("delete_tenant")
END_HOLD = Script.load("end_hold")
KEY_OWNER = Script.load("key_owner")
LIST_SESSION = Script.load("list_session")
MARK_DRAINING = Script.load("mark_draining")
MEMBERS = Script.load("members")
PAGE = Script.load("page")
PUT_TENANT = Script.load("put_tenant")
RENEW_LEASE = Script.load("renew_lease")
RESUME = Script.load("resume")
REVOKE_KEY = Script.load("revoke_key")
ROOM = Script.load("room")
SESSION = Script.load("session")
SETTLE_TOKEN = Script.load("settle_token")
TAKE_LEASE = Script.load("take_lease")
TOUCH = Script.load("touch")
TRANSCRIPT = Script.load("transcript")
USAGE_DAYS = Script.load("usage_days")
