"""Where the platform is, for commands that talk to it: flags, environment, or what `up` wrote.

`duologue up` writes a small file with its address and a key, readable by its user only, and
removes it when it stops; so the other commands need no flags on the same machine.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import mkstemp

from duologue.errors import InvalidInput
from duologue.model.cache import cache_folder

ADDRESS_VARIABLE = "DUOLOGUE_ADDRESS"
API_KEY_VARIABLE = "DUOLOGUE_API_KEY"
TLS_CA_VARIABLE = "DUOLOGUE_TLS_CA"
TLS_CERTIFICATE_VARIABLE = "DUOLOGUE_TLS_CERTIFICATE"
TLS_KEY_VARIABLE = "DUOLOGUE_TLS_KEY"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a client needs to reach the platform."""

    address: str
    """host:port; several gateways are separated by commas."""
    api_key: str | None = None
    tls_ca: str | None = None
    """PEM file with the certificates to trust, or "system"; None speaks without TLS."""
    pid: int | None = None
    """The process that wrote the file; None where nobody did."""
    tls_certificate: str | None = None
    """PEM file with the certificate that is shown to a gateway that asks for one."""
    tls_key: str | None = None
    """PEM file with its key."""

    def write(self, path: Path | None = None) -> Path:
        """Write the endpoint file, as a whole or not at all, readable by its owner only."""
        path = path or endpoint_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = mkstemp(dir=path.parent, prefix=path.name)  # mode 600 from the start
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(self), file, indent=2)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return path

    @classmethod
    def read(cls, path: Path | None = None) -> "Endpoint | None":
        """What the file says; None without one. Raises InvalidInput if it is none of ours."""
        path = path or endpoint_file()
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise InvalidInput(f"{path} is not an endpoint file: {error}") from error

    @property
    def is_alive(self) -> bool:
        """Whether the process that wrote this still runs."""
        if self.pid is None:
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True


def endpoint_file() -> Path:
    """The file that `duologue up` writes, and the other commands read."""
    return cache_folder() / "endpoint.json"


def remove_endpoint(pid: int, path: Path | None = None) -> None:
    """Remove the file, unless another process has written it since."""
    path = path or endpoint_file()
    found = Endpoint.read(path)
    if found is not None and found.pid == pid:
        path.unlink(missing_ok=True)


def find_endpoint(
    address: str | None = None,
    api_key: str | None = None,
    tls_ca: str | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    path: Path | None = None,
) -> Endpoint:
    """Flags go before the environment, that before the file.

    The file's key is sent to the file's address only. Raises InvalidInput if nobody says where
    the platform is, or if the one that wrote the file has ended.
    """
    address = address or environment.get(ADDRESS_VARIABLE)
    api_key = api_key or environment.get(API_KEY_VARIABLE)
    tls_ca = tls_ca or environment.get(TLS_CA_VARIABLE)
    path = path or endpoint_file()
    found = Endpoint.read(path)
    certificate = environment.get(TLS_CERTIFICATE_VARIABLE)
    key = environment.get(TLS_KEY_VARIABLE)
    if address is not None and (found is None or found.address != address):
        return Endpoint(address, api_key, tls_ca, tls_certificate=certificate, tls_key=key)
    if found is None:
        raise InvalidInput(
            f"no platform is known here: start one with `duologue up`, or give --address (or "
            f"{ADDRESS_VARIABLE})"
        )
    if address is None and not found.is_alive:
        raise InvalidInput(
            f"the platform at {found.address} has ended (process {found.pid}, by {path}): start "
            "one with `duologue up`, or give --address"
        )
    return Endpoint(
        found.address,
        api_key or found.api_key,
        tls_ca or found.tls_ca,
        found.pid,
        certificate or found.tls_certificate,
        key or found.tls_key,
    )
