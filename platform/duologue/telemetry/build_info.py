"""What runs in a process, as a metric whose value is always 1."""

import platform
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, Info

from duologue.telemetry import names


def tell_build(
    registry: CollectorRegistry, component: str, *, model: str = "", device: str = ""
) -> None:
    """Put it on the registry; a gateway has neither model nor device."""
    info = Info(names.BUILD, "What runs here.", registry=registry)
    info.info(
        {
            "component": component,
            "version": _version(),
            "python": platform.python_version(),
            "model": model,
            "device": device,
        }
    )


def _version() -> str:
    try:
        return version("duologue")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"
