"""The checks see what is wrong: each of these slips, put into a chart that is right, is found."""

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chart.checks import problems
from tests.chart.helm import CHART, HelmError, Object, named, of_kind, profile, render
from tests.chart.pods import pods, ray_cluster

GATEWAY = "duo-duologue-gateway"

Change = Callable[[list[Object]], object]


def _pod(objects: list[Object]) -> dict[str, Any]:
    spec: dict[str, Any] = named(objects, "Deployment", GATEWAY)["spec"]["template"]["spec"]
    return spec


def _container(objects: list[Object]) -> dict[str, Any]:
    container: dict[str, Any] = _pod(objects)["containers"][0]
    return container


def _worker(objects: list[Object]) -> dict[str, Any]:
    group = ray_cluster(objects)["workerGroupSpecs"][0]
    container: dict[str, Any] = group["template"]["spec"]["containers"][0]
    return container


def _data(objects: list[Object]) -> dict[str, Any]:
    data: dict[str, Any] = named(objects, "ConfigMap", "duo-duologue-settings")["data"]
    return data


def _variable(objects: list[Object], name: str, value: str) -> None:
    _container(objects)["env"].append({"name": name, "value": value})


def _metric(objects: list[Object], name: str) -> None:
    (scaler,) = of_kind(objects, "HorizontalPodAutoscaler")
    scaler["spec"]["metrics"][0]["pods"]["metric"]["name"] = name


def _monitored_port(objects: list[Object], name: str) -> None:
    monitor = named(objects, "PodMonitor", "duo-duologue-batching")
    monitor["spec"]["podMetricsEndpoints"][0]["port"] = name


SLIPS: dict[str, tuple[Change, str]] = {
    "a misspelt field": (lambda o: _pod(o).update(nodeSelektor={}), "nodeSelektor"),
    "a misspelt field of Ray's": (lambda o: ray_cluster(o).update(rayVerison="2"), "rayVerison"),
    "a misspelt field in a pod of Ray's": (lambda o: _worker(o).update(imge="a"), "imge"),
    "a wrong type": (lambda o: _pod(o).update(terminationGracePeriodSeconds="a"), "'a' is not"),
    "a wrong type of Ray's": (lambda o: ray_cluster(o).update(suspend="no"), "'no' is not"),
    "nothing": (lambda o: _pod(o).update(nodeSelector=None), "nodeSelector is null"),
    "a wrong field of a route": (
        lambda o: of_kind(o, "ServiceMonitor")[0]["spec"].update(selektor={}),
        "selektor",
    ),
    "root": (lambda o: _pod(o)["securityContext"].update(runAsNonRoot=False), "as root"),
    "a writable root": (
        lambda o: _container(o)["securityContext"].update(readOnlyRootFilesystem=False),
        "readOnlyRootFilesystem",
    ),
    "capabilities": (
        lambda o: _worker(o)["securityContext"].update(capabilities={"add": ["SYS_PTRACE"]}),
        "capabilities",
    ),
    "the node's network": (lambda o: _pod(o).update(hostNetwork=True), "hostNetwork"),
    "the API server's token": (lambda o: _pod(o).pop("automountServiceAccountToken"), "token"),
    "no limit": (lambda o: _container(o)["resources"].pop("limits"), "no memory in its limits"),
    "no probe": (lambda o: _worker(o).pop("readinessProbe"), "readinessProbe"),
    "an endless folder": (
        lambda o: _pod(o)["volumes"].append({"name": "more", "emptyDir": {}}),
        "more has no limit",
    ),
    "a key for everybody": (
        lambda o: _pod(o)["volumes"].append({"name": "tls", "secret": {"secretName": "tls"}}),
        "tls can be read by everybody",
    ),
    "the latest image": (lambda o: _container(o).update(image="a/b:latest"), "no version"),
    "no tag": (lambda o: _container(o).update(image="registry:5000/b"), "no version"),
    "a secret in a ConfigMap": (
        lambda o: _data(o).update(DUOLOGUE_STORE__URL="redis://:really@store:6379"),
        "DUOLOGUE_STORE__URL is a secret",
    ),
    "a key in a ConfigMap": (lambda o: _data(o).update(DUOLOGUE_API_KEY="x"), "is a secret"),
    "a secret in the environment": (
        lambda o: _variable(o, "RAY_AUTH_TOKEN", "really"),
        "not taken from a secret",
    ),
    "an unknown variable": (
        lambda o: _variable(o, "DUOLOGUE_DECODING__TICK_SM", "80"),
        "TICK_SM",
    ),
    "an unknown variable of Ray's": (
        lambda o: _variable(o, "RAY_health_check_peroid_ms", "80"),
        "nobody reads the variable RAY_health_check_peroid_ms",
    ),
    "a value out of range": (
        lambda o: _data(o).update(DUOLOGUE_DECODING__TICK_MS="5"),
        "decoding.tick_ms must be",
    ),
    "an unknown command": (lambda o: _container(o).update(command=["duologue", "gate"]), "gate"),
    "an unknown flag": (
        lambda o: _container(o).update(command=["duologue", "gateway", "--prot", "1"]),
        "--prot",
    ),
    "an unknown flag of a hook": (
        lambda o: _worker(o)["lifecycle"]["preStop"]["exec"].update(
            command=["sh", "-c", 'exec duologue drain --hots "$POD_IP" --within-s 45']
        ),
        "--hots",
    ),
    "a port that is another": (lambda o: _data(o).update(DUOLOGUE_GATEWAY__PORT="5051"), "5051"),
    "a probe at no port": (
        lambda o: _container(o)["readinessProbe"]["grpc"].update(port=50052),
        "50052",
    ),
    "a probe of no service": (
        lambda o: _container(o)["readinessProbe"]["grpc"].update(service="duologue.v1.Nobody"),
        "which nobody serves",
    ),
    "a policy for no port": (
        lambda o: named(o, "NetworkPolicy", GATEWAY)["spec"]["ingress"][0].update(
            ports=[{"port": 50052}]
        ),
        "nobody listens at 50052",
    ),
    "no such metric": (
        lambda o: _metric(o, "duologue_open_streams"),
        "no metric duologue_open_streams",
    ),
    "a counter without its ending": (
        lambda o: _metric(o, "duologue_ticks"),
        "no metric duologue_ticks",
    ),
    "a monitor of no port": (lambda o: _monitored_port(o, "metrisc"), "no port metrisc"),
    "a way in that leads nowhere": (
        lambda o: of_kind(o, "Ingress")[0]["spec"]["rules"][0]["http"]["paths"][0]["backend"][
            "service"
        ]["port"].update(name="gprc"),
        "has no port gprc",
    ),
    "a service for nobody": (
        lambda o: named(o, "Service", GATEWAY)["spec"]["selector"].update(component="gate"),
        "is nobody",
    ),
    "pods that may all be on one node": (
        lambda o: ray_cluster(o)["workerGroupSpecs"][0]["template"]["spec"].pop(
            "topologySpreadConstraints"
        ),
        "not spread over zones and nodes",
    ),
    "pods that are spread among others": (
        lambda o: _pod(o)["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"].update(
            {"app.kubernetes.io/component": "session"}
        ),
        "spread among others",
    ),
    "a pod that is killed too soon": (
        lambda o: _pod(o).update(terminationGracePeriodSeconds=60),
        "before its conversations",
    ),
    "a hook that is killed too soon": (
        lambda o: ray_cluster(o)["workerGroupSpecs"][0]["template"]["spec"].update(
            terminationGracePeriodSeconds=30
        ),
        "its hook takes",
    ),
    "no port for Serve": (
        lambda o: ray_cluster(o)["headGroupSpec"]["template"]["spec"]["containers"][0][
            "ports"
        ].pop(),
        "called serve",
    ),
    "a pod that no policy closes": (
        lambda o: o.remove(named(o, "NetworkPolicy", "duo-duologue-default")),
        "no NetworkPolicy closes it",
    ),
}


@pytest.fixture(scope="module")
def right() -> list[Object]:
    return render(profile("production"))


def test_what_is_changed_was_right(right: list[Object]) -> None:
    assert problems(right) == []


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_found(slip: str, right: list[Object]) -> None:
    change, told = SLIPS[slip]
    wrong = copy.deepcopy(right)
    change(wrong)
    found = problems(wrong)
    assert any(told in problem for problem in found), found


def test_the_password_that_was_made_is_nowhere_else() -> None:
    wrong = render()
    (secret,) = of_kind(wrong, "Secret")
    _data(wrong)["DUOLOGUE_DECODING__SYSTEM_PROMPT"] = secret["data"]["password"]
    assert any("what is in a secret" in problem for problem in problems(wrong))


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("templates/gateway/deployment.yaml", "minReadySeconds", "minReadySecs", "minReadySecs"),
        ("templates/ray/service.yaml", "upgradeStrategy", "upgradeStrategies", "upgradeStrategies"),
        ("templates/ray/_groups.tpl", "--within-s", "--within", "--within"),
        ("templates/gateway/settings.yaml", "GATEWAY__HOST", "GATEWAY__HOTS", "GATEWAY__HOTS"),
        ("templates/gateway/scaling.yaml", "duologue_streams", "duologue_stream", "no metric"),
        ("templates/_pods.tpl", "  runAsNonRoot: true", "  runAsNonRoot: false", "root"),
    ],
)
def test_a_slip_in_a_template_is_found(
    file: str, old: str, new: str, told: str, tmp_path: Path
) -> None:
    chart = tmp_path / "duologue"
    shutil.copytree(CHART, chart)
    text = (chart / file).read_text(encoding="utf-8")
    assert old in text
    (chart / file).write_text(text.replace(old, new), encoding="utf-8")
    found = problems(render(profile("production"), chart=chart))
    assert any(told in problem for problem in found), found


def test_a_value_that_a_template_does_not_have_is_an_error(tmp_path: Path) -> None:
    chart = tmp_path / "duologue"
    shutil.copytree(CHART, chart)
    template = chart / "templates" / "gateway" / "disruption.yaml"
    template.write_text(template.read_text().replace("1", "{{ .Values.gatewy.replicas }}", 1))
    with pytest.raises(HelmError, match=r"gatewy|nil pointer"):
        render(chart=chart)


def test_pods_of_every_kind_are_looked_at(right: list[Object]) -> None:
    components = {pod.component for pod in pods([*right, *render(profile("hard-tenancy"))])}
    assert components == {"gateway", "head", "session", "batching", "test", "serve-deploy"}
    assert "valkey" in {pod.component for pod in pods(render())}
