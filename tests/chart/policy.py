"""What every object has to be like, beyond its form: safe, bounded, watched, without secrets."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tests.chart.helm import Object, of_kind
from tests.chart.pods import RAY_KINDS, PodTemplate, is_selected, pods, ray_cluster

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
SECRET_NAME = re.compile(r"(^|[_.-])(password|passwd|secret|api_?key|auth_token)$", re.IGNORECASE)
SECRET_URL = re.compile(r"://[^/\s]*:(?!\$\()[^/\s@]+@")
"""A URL with a password in it, other than one that Kubernetes puts in from a secret."""


def problems_of_policy(objects: Sequence[Object]) -> list[str]:
    """What is wrong, in words."""
    templates = pods(objects)
    scales = any(
        ray_cluster([each]).get("enableInTreeAutoscaling") for each in of_kind(objects, *RAY_KINDS)
    )
    return [
        *(f"{pod.owner}: {problem}" for pod in templates for problem in _of_pod(pod, scales)),
        *_secrets(objects, templates),
        *_unwatched(objects, templates),
    ]


def _of_pod(pod: PodTemplate, scales: bool) -> Iterator[str]:
    spec, security = pod.spec, pod.spec.get("securityContext", {})
    if not security.get("runAsNonRoot") or not security.get("runAsUser"):
        yield "the pod may run as root"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "the pod has no seccomp profile"
    for name in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
        if spec.get(name):
            yield f"{name} is set"
    # Ray's autoscaler, beside the head, asks the API server for pods.
    may_ask = scales and pod.component == "head"
    if spec.get("automountServiceAccountToken") is not False and not may_ask:
        yield "the pod has a token of the API server"
    for volume in spec.get("volumes", ()):
        yield from _of_volume(volume)
    for container in pod.containers:
        for problem in _of_container(container, pod.is_lasting):
            yield f"{container['name']}: {problem}"


def _of_volume(volume: dict[str, Any]) -> Iterator[str]:
    secret = volume.get("secret", {"items": []})
    # What is picked out of a secret is a CA.
    if secret.get("defaultMode", 0o644) & 0o007 and "items" not in secret:
        yield f"the volume {volume['name']} can be read by everybody"
    if "hostPath" in volume:
        yield f"the volume {volume['name']} is a folder of the node"
    if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
        yield f"the volume {volume['name']} has no limit"


def _of_container(container: dict[str, Any], is_lasting: bool) -> Iterator[str]:
    security = container.get("securityContext", {})
    wanted = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for name, value in wanted.items():
        if security.get(name) != value:
            yield f"{name} is not {value}"
    resources = container.get("resources", {})
    for part in ("requests", "limits"):
        for name in ("cpu", "memory"):
            if name not in resources.get(part, {}):
                yield f"there is no {name} in its {part}"
    image, _, tag = container["image"].rpartition(":")
    if not image or "/" in tag or tag == "latest":
        yield f"the image {container['image']} has no version"
    missing = [probe for probe in PROBES if is_lasting and probe not in container]
    if missing:
        yield f"it has no {', '.join(missing)}"


def _secrets(objects: Sequence[Object], templates: Iterable[PodTemplate]) -> Iterator[str]:
    made = [
        value
        for secret in of_kind(objects, "Secret")
        for value in (*secret.get("data", {}).values(), *secret.get("stringData", {}).values())
    ]
    for each in objects:
        if each["kind"] != "Secret" and any(value in repr(each) for value in made):
            yield f"{each['kind']}/{each['metadata']['name']}: it shows what is in a secret"
    for each in of_kind(objects, "ConfigMap"):
        for name, value in each.get("data", {}).items():
            if SECRET_NAME.search(name) or SECRET_URL.search(value):
                yield f"ConfigMap/{each['metadata']['name']}: {name} is a secret"
    for pod in templates:
        for container in pod.containers:
            for entry in container.get("env", ()):
                value = entry.get("value", "")
                if value and (SECRET_NAME.search(entry["name"]) or SECRET_URL.search(value)):
                    yield f"{pod.owner}: {entry['name']} is not taken from a secret"


def _unwatched(objects: Sequence[Object], templates: Sequence[PodTemplate]) -> Iterator[str]:
    policies = of_kind(objects, "NetworkPolicy")
    if not policies:
        return
    for pod in templates:
        directions = {
            direction
            for policy in policies
            if is_selected(policy["spec"]["podSelector"], pod.labels)
            for direction in policy["spec"]["policyTypes"]
        }
        if directions != {"Ingress", "Egress"}:
            yield f"{pod.owner}: no NetworkPolicy closes it by default"
