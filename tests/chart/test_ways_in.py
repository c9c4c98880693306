"""The ways by which clients come from outside: for gRPC, and for OpenAI's API."""

from typing import Any

from tests.chart.checks import problems
from tests.chart.helm import Object, named, of_kind, render
from tests.chart.vocabulary import environments, settings_of

GATEWAY = "duo-duologue-gateway"
OPENAI: dict[str, Any] = {"gateway": {"openai": {"enabled": True}}}
PARENT = {"name": "edge", "namespace": "gateways"}


def _backend(ingress: Object) -> Any:
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    return path["backend"]["service"]


def _ingress(host: str, **more: Any) -> dict[str, Any]:
    return {"enabled": True, "className": "nginx", "host": host, "tlsSecret": "tls", **more}


def test_without_a_wish_there_is_none() -> None:
    assert of_kind(render(OPENAI), "Ingress", "GRPCRoute", "HTTPRoute") == []


def test_each_port_has_an_ingress_with_a_host_and_annotations_of_its_own() -> None:
    grpc = {"nginx.ingress.kubernetes.io/backend-protocol": "GRPC"}
    openai = {"enabled": True, "ingress": _ingress("api.example.com")}
    ingress = _ingress("talk.example.com", annotations=grpc)
    objects = render({"gateway": {"ingress": ingress, "openai": openai}})
    assert problems(objects) == []
    first = named(objects, "Ingress", GATEWAY)
    second = named(objects, "Ingress", f"{GATEWAY}-openai")
    assert _backend(first) == {"name": GATEWAY, "port": {"name": "grpc"}}
    assert _backend(second) == {"name": GATEWAY, "port": {"name": "openai"}}
    assert first["metadata"]["annotations"] == grpc
    assert "annotations" not in second["metadata"]
    for each, host in ((first, "talk.example.com"), (second, "api.example.com")):
        assert each["spec"]["tls"] == [{"secretName": "tls", "hosts": [host]}]
        assert each["spec"]["rules"][0]["host"] == host


def test_each_port_has_a_route_of_its_kind() -> None:
    route = {"enabled": True, "parents": [PARENT], "hostnames": ["talk.example.com"]}
    openai = {"enabled": True, "route": {**route, "hostnames": ["api.example.com"]}}
    objects = render({"gateway": {"route": route, "openai": openai}})
    assert problems(objects) == []
    first = named(objects, "GRPCRoute", GATEWAY)["spec"]
    second = named(objects, "HTTPRoute", f"{GATEWAY}-openai")["spec"]
    assert first["rules"] == [{"backendRefs": [{"name": GATEWAY, "port": 50051}]}]
    assert second["rules"] == [{"backendRefs": [{"name": GATEWAY, "port": 50080}]}]
    assert first["parentRefs"] == second["parentRefs"] == [PARENT]
    assert (first["hostnames"], second["hostnames"]) == (["talk.example.com"], ["api.example.com"])


def test_the_playground_is_served_at_the_port_that_it_needs() -> None:
    objects = render({"settings": {"gateway": {"playground": True}}, **OPENAI})
    assert problems(objects) == []
    (environment,) = (each for pod, each in environments(objects) if pod.component == "gateway")
    gateway = settings_of(environment).gateway
    assert (gateway.playground, gateway.http_port) == (True, 50080)
