"""The pods that an object makes, whatever kind of object it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chart.helm import Object

RAY_KINDS = {"RayService": "rayClusterConfig", "RayCluster": ""}


@dataclass(frozen=True)
class PodTemplate:
    """What a pod will be."""

    owner: str
    labels: Mapping[str, str]
    spec: dict[str, Any]
    namespace: str = "talk"

    @property
    def component(self) -> str:
        """Which part of the platform it is."""
        return self.labels.get("app.kubernetes.io/component", "")

    @property
    def is_lasting(self) -> bool:
        """Whether it is to run for ever."""
        return self.component not in ("test", "serve-deploy")

    @property
    def containers(self) -> list[dict[str, Any]]:
        """All of them."""
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]


def pods(objects: Sequence[Object]) -> list[PodTemplate]:
    """Every pod that these objects make."""
    return [pod for each in objects for pod in _pods(each)]


def ray_cluster(objects: Sequence[Object]) -> dict[str, Any]:
    """The specification of the Ray cluster."""
    (found,) = (each for each in objects if each["kind"] in RAY_KINDS)
    inner = RAY_KINDS[found["kind"]]
    spec: dict[str, Any] = found["spec"][inner] if inner else found["spec"]
    return spec


def _pods(each: Object) -> Iterator[PodTemplate]:
    kind, owner = each["kind"], f"{each['kind']}/{each['metadata']['name']}"
    if kind == "Pod":
        yield PodTemplate(owner, each["metadata"].get("labels", {}), each["spec"])
    elif kind in RAY_KINDS:
        spec = ray_cluster([each])
        for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
            yield _of(f"{owner}/{group.get('groupName', 'head')}", group["template"])
    elif kind in ("Deployment", "StatefulSet", "Job"):
        yield _of(owner, each["spec"]["template"])


def _of(owner: str, template: dict[str, Any]) -> PodTemplate:
    return PodTemplate(owner, template["metadata"].get("labels", {}), template["spec"])


def is_selected(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector means something with these labels."""
    equal = selector.get("matchLabels", {})
    return all(labels.get(key) == value for key, value in equal.items()) and all(
        _is_in(each, labels) for each in selector.get("matchExpressions", ())
    )


def _is_in(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    assert expression["operator"] == "In", "another operator is new here"
    return labels.get(expression["key"]) in expression["values"]
