"""Whether the objects fit together: what selects something, and what waits for something else."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.chart.helm import Object, of_kind
from tests.chart.pods import PodTemplate, is_selected, pods, ray_cluster
from tests.chart.vocabulary import container_ports, environments, settings_of

SPARE_S = 5
"""Beyond what a pod may need before it is killed."""
MIB = {"Mi": 1, "Gi": 1024, "Ti": 1024**2}


def problems_of_relations(objects: Sequence[Object]) -> list[str]:
    """What is wrong, in words."""
    return [
        *_unselected(objects, pods(objects)),
        *_unmonitored(objects, pods(objects)),
        *_misled(objects),
        *(f"{pod.owner}: {each}" for pod in pods(objects) for each in _hasty(pod)),
        *(f"{pod.owner}: {each}" for pod in pods(objects) for each in _crowded(pod)),
        *_hasty_gateways(objects),
        *_without_serve_port(objects),
    ]


def _selectors(each: Object) -> Iterator[Mapping[str, Any]]:
    spec = each["spec"]
    match each["kind"]:
        case "Service":
            yield {"matchLabels": spec["selector"]}
        case "NetworkPolicy":
            yield spec["podSelector"]
            for side, peers in (("ingress", "from"), ("egress", "to")):
                for rule in spec.get(side, ()):
                    for peer in rule.get(peers, ()):
                        # One beside a namespaceSelector means the pods of others.
                        if "podSelector" in peer and "namespaceSelector" not in peer:
                            yield peer["podSelector"]
        case _:
            yield spec["selector"]


def _unselected(objects: Sequence[Object], templates: Sequence[PodTemplate]) -> Iterator[str]:
    kinds = ("Service", "NetworkPolicy", "PodDisruptionBudget", "Deployment", "StatefulSet")
    for each in of_kind(objects, *kinds):
        for selector in _selectors(each):
            found = [pod for pod in templates if is_selected(selector, pod.labels)]
            if not found:
                yield f"{each['kind']}/{each['metadata']['name']}: {dict(selector)} is nobody"
            if each["kind"] == "Service":
                yield from _unreachable(each, found)


def _unreachable(service: Object, found: Sequence[PodTemplate]) -> Iterator[str]:
    for port in service["spec"]["ports"]:
        if any(port["targetPort"] not in container_ports(pod) for pod in found):
            yield f"Service/{service['metadata']['name']}: no pod has a port {port['targetPort']}"


def _misled(objects: Sequence[Object]) -> Iterator[str]:
    """What comes from outside is sent to a port that a service has."""
    ports = {
        (service["metadata"]["name"], port[known])
        for service in of_kind(objects, "Service")
        for port in service["spec"]["ports"]
        for known in ("name", "port")
    }
    for each in of_kind(objects, "Ingress", "GRPCRoute", "HTTPRoute"):
        for service, port in _backends(each):
            if (service, port) not in ports:
                yield f"{each['kind']}/{each['metadata']['name']}: {service} has no port {port}"


def _backends(each: Object) -> Iterator[tuple[str, str | int]]:
    for rule in each["spec"]["rules"]:
        for path in rule.get("http", {}).get("paths", ()):
            service = path["backend"]["service"]
            yield service["name"], service["port"]["name"]
        for reference in rule.get("backendRefs", ()):
            yield reference["name"], reference["port"]


def _unmonitored(objects: Sequence[Object], templates: Sequence[PodTemplate]) -> Iterator[str]:
    for monitor in of_kind(objects, "PodMonitor"):
        found = [pod for pod in templates if is_selected(monitor["spec"]["selector"], pod.labels)]
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            if not found or any(endpoint["port"] not in container_ports(pod) for pod in found):
                yield f"PodMonitor/{monitor['metadata']['name']}: no port {endpoint['port']}"
    for monitor in of_kind(objects, "ServiceMonitor"):
        services = [
            each
            for each in of_kind(objects, "Service")
            if is_selected(monitor["spec"]["selector"], each["metadata"]["labels"])
        ]
        ports = {port["name"] for each in services for port in each["spec"]["ports"]}
        for endpoint in monitor["spec"]["endpoints"]:
            if len(services) != 1 or endpoint["port"] not in ports:
                yield f"ServiceMonitor/{monitor['metadata']['name']}: no port {endpoint['port']}"


def _crowded(pod: PodTemplate) -> Iterator[str]:
    """Pods that there may be several of are spread among their own kind."""
    constraints = pod.spec.get("topologySpreadConstraints", ())
    if pod.component in ("gateway", "session", "batching") and len(constraints) != 2:
        yield "it is not spread over zones and nodes"
    for constraint in constraints:
        if not is_selected(constraint["labelSelector"], pod.labels):
            yield f"it is spread among others by {constraint['topologyKey']}"


def _hasty(pod: PodTemplate) -> Iterator[str]:
    """A hook has to end, and the process after it, before the pod is killed."""
    grace_s = pod.spec.get("terminationGracePeriodSeconds", 30)
    for container in pod.containers:
        if (hook_s := _hook_s(container)) is not None and grace_s < hook_s + SPARE_S:
            yield f"it is killed after {grace_s} s, and its hook takes {hook_s}"


def _hook_s(container: Mapping[str, Any]) -> int | None:
    hook = container.get("lifecycle", {}).get("preStop", {})
    if "sleep" in hook:
        return int(hook["sleep"]["seconds"])
    if "exec" in hook:
        return int(hook["exec"]["command"][-1].rpartition(" ")[2])
    return None


def _hasty_gateways(objects: Sequence[Object]) -> Iterator[str]:
    for pod, environment in environments(objects):
        if pod.component != "gateway":
            continue
        drain_s = settings_of(environment).gateway.drain_ms / 1e3
        needed_s = drain_s + (_hook_s(pod.containers[0]) or 0) + SPARE_S
        if pod.spec["terminationGracePeriodSeconds"] < needed_s:
            yield f"{pod.owner}: it is killed before its conversations have had {drain_s} s"


def _without_serve_port(objects: Sequence[Object]) -> Iterator[str]:
    """KubeRay makes a service for Serve, wanted or not, or else is never done."""
    if of_kind(objects, "RayService"):
        (head,) = ray_cluster(objects)["headGroupSpec"]["template"]["spec"]["containers"]
        if "serve" not in {port["name"] for port in head["ports"]}:
            yield "RayService: the head has no port that is called serve"


def mebibytes(quantity: str) -> int:
    """Of memory, as the profiles write it."""
    return int(quantity[:-2]) * MIB[quantity[-2:]]
