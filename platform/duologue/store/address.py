"""Where the store is: what the forms of `store.url` mean.

| form | what |
|---|---|
| `redis://[USER:PASSWORD@]HOST[:PORT][/DB]` | one server; `rediss://` speaks TLS to it |
| `unix://[USER:PASSWORD@]/PATH[?db=DB]` | one server, by its Unix socket |
| `redis+sentinel://[USER:PASSWORD@]HOST[:PORT],.../SERVICE[/DB]` | the primary that they name |
| `redis+cluster://[USER:PASSWORD@]HOST[:PORT],...` | a cluster, some of whose servers are named |

`rediss+sentinel://` and `rediss+cluster://` speak TLS to all of them. What may stand behind a `?`:
`ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile` (files), `ssl_cert_reqs`, `ssl_check_hostname`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from duologue.errors import InvalidSetting

Kind = Literal["single", "sentinel", "cluster"]
Place = tuple[str, int]
"""A host and its port."""

_KINDS: Mapping[str, Kind] = {
    "redis": "single",
    "rediss": "single",
    "unix": "single",
    "redis+sentinel": "sentinel",
    "rediss+sentinel": "sentinel",
    "redis+cluster": "cluster",
    "rediss+cluster": "cluster",
}
_WITH_TLS = ("rediss", "rediss+sentinel", "rediss+cluster")
_PORTS: Mapping[Kind, int] = {"single": 6379, "sentinel": 26379, "cluster": 6379}
_ANY = "a text"
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "ssl_ca_certs": (_ANY,),
    "ssl_certfile": (_ANY,),
    "ssl_keyfile": (_ANY,),
    "ssl_cert_reqs": ("required", "optional", "none"),
    "ssl_check_hostname": ("true", "false"),
}
_MAX_DB = 1_000_000


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """One such URL, taken apart. No message about it, and not its text either, has a password."""

    scheme: str
    kind: Kind
    places: tuple[Place, ...]
    """The server, some of the cluster's servers, or the sentinels; empty for a Unix socket."""
    path: str = ""
    """Of the Unix socket."""
    service: str = ""
    """By which name the sentinels know the primary."""
    db: int = 0
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    tls: Mapping[str, str | bool] = field(default_factory=dict)

    @classmethod
    def parse(cls, url: str) -> "StoreAddress":
        """Raises InvalidSetting, which says what is wrong, what is allowed, and no password."""
        try:
            parts = urlsplit(url)
        except ValueError:  # a bracket that is none of an IPv6 address
            raise _refusal("have brackets only around IPv6 addresses", _ESCAPE) from None
        kind = _KINDS.get(parts.scheme)
        if kind is None or "://" not in url:
            raise _refusal(f"begin with {_or([f'{scheme}://' for scheme in _KINDS])}")
        if parts.scheme == "unix":
            return _at_socket(parts)
        if "@" in f"{parts.path}{parts.query}{parts.fragment}":
            raise _refusal("have an @ only behind the password", _ESCAPE)
        username, password, hosts = _credentials(parts)
        places = tuple(_place(each, _PORTS[kind]) for each in hosts.split(","))
        if kind == "single" and len(places) > 1:
            several = "redis+sentinel://HOST:PORT,.../SERVICE or redis+cluster://HOST:PORT,..."
            raise _refusal("name one server", f"for several, use {several}")
        options = _options(parts, ("db", *(_CHOICES if parts.scheme in _WITH_TLS else ())))
        service, db = _service_and_db(parts, kind, options.pop("db", ""))
        tls = _tls(options)
        return cls(parts.scheme, kind, places, "", service, db, username, password, tls)

    @property
    def has_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.scheme in _WITH_TLS

    def __str__(self) -> str:
        """As it may be shown."""
        if self.path:
            return f"{self.scheme}://{self.path}"
        hosts = ",".join(shown(place) for place in self.places)
        path = f"/{self.service}" if self.service else ""
        return f"{self.scheme}://{hosts}{path}" + (f"/{self.db}" if self.db else "")


def shown(place: Place) -> str:
    """A host and its port as one text."""
    host, port = place
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    return str(StoreAddress.parse(url))


_ESCAPE = "in names and passwords, write / ? # @ [ ] % by their codes, such as %2F for /"


def _at_socket(parts: SplitResult) -> StoreAddress:
    username, password, host = _credentials(parts)
    if host or not parts.path:
        raise _refusal("have the socket's whole path", "unix:///var/run/valkey.sock")
    options = _options(parts, ("db", "username", "password"))
    return StoreAddress(
        "unix",
        "single",
        (),
        unquote(parts.path),
        db=_database(options.get("db", "0")),
        username=username or options.get("username"),
        password=password or options.get("password"),
    )


def _credentials(parts: SplitResult) -> tuple[str | None, str | None, str]:
    """User, password, and what follows them."""
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    return unquote(username) or None, unquote(password) or None, hosts


def _place(text: str, default_port: int) -> Place:
    """A host, and its port if there is one."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(default_port)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise _refusal("have an IPv6 address in brackets", "redis://[::1]:6379")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        # Not cited unless it is a number: without a host, the password stands here.
        found = f", not {port[:20]}" if port.isdigit() else ""
        raise _refusal(f"have ports from 1 to 65535{found}")
    if not host and default_port == 26379:
        raise _refusal("name each sentinel's host")
    return unquote(host) or "localhost", int(port)


def _service_and_db(parts: SplitResult, kind: Kind, db: str) -> tuple[str, int]:
    """What the path names: of sentinels the service, then or else the database."""
    steps = [unquote(step) for step in parts.path.split("/") if step]
    if kind == "cluster":
        if db or steps:
            raise _refusal("end with its servers", "a cluster has one database, and no names")
        return "", 0
    service = ""
    if kind == "sentinel":
        if not steps:
            form = f"{parts.scheme}://HOST:PORT,.../SERVICE"
            raise _refusal("say which service the sentinels watch", form)
        service = steps.pop(0)
    return service, _database(db or "/".join(steps) or "0")


def _database(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= _MAX_DB):
        raise _refusal("name a database by its number")
    return int(text)


def _options(parts: SplitResult, allowed: tuple[str, ...]) -> dict[str, str]:
    """What stands behind the "?"."""
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name, value in options.items():
        if name not in allowed:
            more = f"allowed are {', '.join(allowed)}" if allowed else "there are none"
            raise _refusal(f"have no option {name[:40]!r}", f"{more} with {parts.scheme}://")
        choices = _CHOICES.get(name, (_ANY,))
        if not value or (choices != (_ANY,) and value not in choices):
            raise _refusal(f"have {_or(list(choices))} as {name}, not {value[:20]!r}")
    return options


def _tls(options: Mapping[str, str]) -> dict[str, str | bool]:
    """As connections want it: a name can be checked only in a certificate that is wanted."""
    tls: dict[str, str | bool] = {**options}
    if "ssl_check_hostname" in options or options.get("ssl_cert_reqs") == "none":
        tls["ssl_check_hostname"] = (
            options.get("ssl_check_hostname") == "true" and options.get("ssl_cert_reqs") != "none"
        )
    return tls


def _or(choices: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(choices[:-1]), choices[-1]]))


def _refusal(what: str, hint: str = "") -> InvalidSetting:
    return InvalidSetting(f"must {what}" + (f" ({hint})" if hint else ""), field="store.url")
