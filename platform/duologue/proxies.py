"""Which ways go past the proxy that the environment names (`https_proxy` and the like).

Such a proxy is for what lies outside. It knows nothing of this machine's loopback, or of addresses
inside the cluster, and whoever asks it for them waits for ever. gRPC asks it for everything.
"""

import ipaddress
import re
from collections.abc import MutableMapping

PAST_PROXIES: tuple[tuple[str, int], ...] = (("grpc.enable_http_proxy", 0),)
"""Options of a channel."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PROXIES = ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy")
_EXCEPTIONS = ("no_proxy", "NO_PROXY")
_MORE_EXCEPTIONS = ("no_grpc_proxy",)
"""Where it is set, be it to nothing, gRPC looks at it instead of the others."""


def proxy_options(address: str) -> tuple[tuple[str, int], ...]:
    """The options of a channel to that address, which the environment's proxy may be for."""
    return PAST_PROXIES if is_loopback(address) else ()


def is_loopback(address: str) -> bool:
    """Whether "host:port", "[::1]:port", "dns:///host:port", or a URL, is at this machine."""
    rest = re.sub(r"^(ipv[46]:|[a-z0-9+.-]+:(//[^/]*/|//))", "", address.strip().lower())
    bracketed = re.match(r"\[([^\]]*)\]", rest)
    host = bracketed[1] if bracketed else re.sub(r"[:/].*", "", rest)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def keep_local(environment: MutableMapping[str, str], *hosts: str) -> None:
    """Except loopback and these hosts from the proxies that the environment names, if it does.

    For processes that inherit it: what they use inside is not ours to set up.
    """
    if not any(environment.get(each) or environment.get(each.upper()) for each in _PROXIES):
        return
    present = [name for name in _MORE_EXCEPTIONS if name in environment]
    known = environment.get(_EXCEPTIONS[0]) or environment.get(_EXCEPTIONS[1]) or ""
    for name in (*_EXCEPTIONS, *present):
        listed = [each.strip() for each in environment.get(name, known).split(",") if each.strip()]
        listed += [host for host in (*LOOPBACK, *hosts) if host not in listed]
        environment[name] = ",".join(listed)
