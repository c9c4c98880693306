"""What a list of requirements comes to, as the packages that are installed here say themselves."""

import tomllib
from collections.abc import Iterable
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.images.dockerfile import IMAGES, ROOT

# Where the images run, whatever this machine is.
_THERE = {
    "python_version": "3.11",
    "python_full_version": "3.11.14",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "implementation_name": "cpython",
}


def closure(roots: Iterable[str]) -> set[str]:
    """The names of everything that has to be installed for the roots, which are in it."""
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = [Requirement(root) for root in roots]
    while todo:
        each = todo.pop()
        key = canonicalize_name(each.name), frozenset(each.extras)
        if key not in seen:
            seen.add(key)
            needed = map(Requirement, requires(each.name) or ())
            todo += [need for need in needed if _is_needed(need, each.extras or {""})]
    return {str(name) for name, _ in seen}


def _is_needed(requirement: Requirement, extras: Iterable[str]) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({**_THERE, "extra": extra}) for extra in extras)


def pins(file: Path) -> dict[str, str]:
    """Versions by name."""
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


def listed(kind: str) -> dict[str, str]:
    """The pins of `KIND.requirements.txt`."""
    return pins(IMAGES / f"{kind}.requirements.txt")


def project() -> list[str]:
    """What Duologue depends on, traces to a collector included."""
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = metadata["optional-dependencies"]
    named = [*metadata["dependencies"], *extras["server"], *extras["otlp"]]
    return [each for each in named if Requirement(each).name != metadata["name"]]
