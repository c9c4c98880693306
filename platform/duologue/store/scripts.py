"""The Lua scripts, each of which the server runs as one step that nothing comes in between."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files

_MAKING = ("create_key", "create_session", "put_tenant")
_WHEN_FULL = "#!lua flags=allow-oom"
"""Whatever is there goes on also where the server's memory is full: a lease that cannot be renewed
or a session that cannot be closed would make it worse. Only what makes something new is refused."""


@dataclass(frozen=True, slots=True)
class LuaScript:
    """One script, and the digest by which the server knows it once it has seen it."""

    name: str
    source: str
    sha: str

    @classmethod
    def load(cls, name: str) -> "LuaScript":
        """The script of that name in the folder `lua`, with the prelude in front."""
        folder = files(__package__) / "lua"
        parts = (folder / "prelude.lua", folder / f"{name}.lua")
        source = "\n".join(part.read_text(encoding="utf-8") for part in parts)
        if name not in _MAKING:
            source = f"{_WHEN_FULL}\n{source}"
        return cls(name, source, hashlib.sha1(source.encode()).hexdigest())


ADD_USAGE = LuaScript.load("add_usage")
ADMIT = LuaScript.load("admit")
ALLOW = LuaScript.load("allow")
ANNOUNCE = LuaScript.load("announce")
APPEND = LuaScript.load("append")
CHECKPOINT = LuaScript.load("checkpoint")
COUNT_LIVE = LuaScript.load("count_live")
CREATE_KEY = LuaScript.load("create_key")
CREATE_SESSION = LuaScript.load("create_session")
DELETE_TENANT = LuaScript.load("delete_tenant")
END_HOLD = LuaScript.load("end_hold")
KEY_OWNER = LuaScript.load("key_owner")
LIST_SESSION = LuaScript.load("list_session")
MARK_DRAINING = LuaScript.load("mark_draining")
MEMBERS = LuaScript.load("members")
PAGE = LuaScript.load("page")
PUT_TENANT = LuaScript.load("put_tenant")
RENEW_LEASE = LuaScript.load("renew_lease")
RESUME = LuaScript.load("resume")
REVOKE_KEY = LuaScript.load("revoke_key")
ROOM = LuaScript.load("room")
SESSION = LuaScript.load("session")
SETTLE_TOKEN = LuaScript.load("settle_token")
TAKE_LEASE = LuaScript.load("take_lease")
TOUCH = LuaScript.load("touch")
TRANSCRIPT = LuaScript.load("transcript")
USAGE_DAYS = LuaScript.load("usage_days")
