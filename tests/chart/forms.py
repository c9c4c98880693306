"""Whether an object has the form that its kind has: fields that exist, values of the right type."""

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from kubernetes_validate import utils as kubernetes  # type: ignore[import-untyped]
from referencing import Registry, Resource

from tests.chart.helm import Object
from tests.chart.kuberay_schemas import FILE as KUBERAY
from tests.chart.other_kinds import OTHER_KINDS

VERSIONS = ("1.31", "1.34", "1.37")
"""Of Kubernetes: the oldest and the newest that are looked at, and one between them."""


def problems_of_form(objects: Iterable[Object], versions: Sequence[str] = VERSIONS) -> list[str]:
    """What is wrong, in words; kinds that nobody describes are wrong too."""
    return [
        f"{each['kind']}/{each['metadata']['name']} ({version}): {problem}"
        for each in objects
        for version, validator in _validators(each["apiVersion"], each["kind"], tuple(versions))
        for problem in _problems(validator, each)
    ]


def _problems(validator: Any, each: Object) -> Iterator[str]:
    if validator is None:
        yield "there is no schema for it"
        return
    for error in validator.iter_errors(each):
        yield f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
    yield from (f"{path} is null" for path in _nulls(each, ""))


def _nulls(value: Any, path: str) -> Iterator[str]:
    """Kubernetes' schemas allow null everywhere; here it is a value that somebody forgot."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for name, entry in entries:
        if entry is None:
            yield f"{path}{name}"
        elif isinstance(entry, (dict, list)):
            yield from _nulls(entry, f"{path}{name}.")


@cache
def _validators(api: str, kind: str, versions: tuple[str, ...]) -> list[tuple[str, Any]]:
    if api == "ray.io/v1":
        return [(api, Draft202012Validator(_kuberay()[kind]))]
    if (api, kind) in OTHER_KINDS:
        return [(api, Draft202012Validator(OTHER_KINDS[api, kind]))]
    return [(version, _kubernetes(api, kind, version)) for version in versions]


@cache
def _kuberay() -> dict[str, Any]:
    kinds: dict[str, Any] = json.loads(gzip.decompress(KUBERAY.read_bytes()))
    return kinds


def _kubernetes(api: str, kind: str, version: str) -> Any:
    """The strict one: what it does not know is refused."""
    group, _, number = api.rpartition("/")
    name = "-".join(filter(None, (kind.lower(), group.partition(".")[0], number)))
    folder = f"kubernetes-json-schema/v{version}.0-local-strict"
    try:
        schema = kubernetes.schema_contents(f"{folder}/{name}.json", version)
    except FileNotFoundError:
        return None
    return Draft202012Validator(schema, registry=_definitions(version))


@cache
def _definitions(version: str) -> Any:
    """As kubernetes_validate has them, but read once: they are large."""
    folder = f"kubernetes-json-schema/v{version}.0-local-strict"
    content = kubernetes.schema_contents(f"{folder}/_definitions.json", version)
    resource: Any = Resource.from_contents(content)
    registry: Any = Registry()
    return resource @ registry
