"""Keys of an identity provider: a file that gateways have, or a way by which they fetch them."""

from typing import Any

from tests.chart.checks import problems
from tests.chart.helm import Object, named, render
from tests.chart.vocabulary import environments, settings_of

WHOSE = {"issuer": "https://issuer.example", "audience": "duologue"}
PEER = {"ipBlock": {"cidr": "10.9.0.0/24"}}


def _ways_out(objects: list[Object], name: str) -> list[dict[str, Any]]:
    """The rules of a policy that lead to port 8443."""
    policy = named(objects, "NetworkPolicy", f"duo-duologue-{name}")
    rules: list[dict[str, Any]] = policy["spec"]["egress"]
    return [rule for rule in rules if {"port": 8443} in rule.get("ports", ())]


def test_a_url_may_be_asked_by_gateways_only() -> None:
    values = {
        "settings": {"jwt": {"jwks": "https://issuer.example/keys", **WHOSE}},
        "networkPolicy": {"issuer": [PEER], "issuerPort": 8443},
    }
    objects = render(values)
    assert problems(objects) == []
    assert _ways_out(objects, "gateway") == [{"to": [PEER], "ports": [{"port": 8443}]}]
    assert _ways_out(objects, "ray") == []
    (environment,) = (each for pod, each in environments(objects) if pod.component == "gateway")
    assert settings_of(environment).jwt.jwks == "https://issuer.example/keys"


def test_a_file_comes_from_a_config_map() -> None:
    values = {
        "settings": {"jwt": {"jwks": "/etc/duologue/jwks/keys.json", **WHOSE}},
        "networkPolicy": {"issuerPort": 8443},
        "gateway": {"jwksConfigMap": "issuer-keys"},
    }
    objects = render(values)
    assert problems(objects) == []
    assert _ways_out(objects, "gateway") == []
    pod = named(objects, "Deployment", "duo-duologue-gateway")["spec"]["template"]["spec"]
    assert {"name": "jwks", "configMap": {"name": "issuer-keys"}} in pod["volumes"]
    (mount,) = (each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "jwks")
    assert mount == {"name": "jwks", "mountPath": "/etc/duologue/jwks", "readOnly": True}
