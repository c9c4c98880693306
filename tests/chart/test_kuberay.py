"""What KubeRay (1.7) needs beyond its schemas, and what Kubernetes does not do.

RayService counts pods that are ready; a worker without a probe of its own is asked at Serve's
proxy, which is off here, and never is. It replaces the whole cluster when a pod of it changes,
except for groups that are added at the end; numbers of pods it passes on to new clusters only.
"""

import json
import re
import shlex
import subprocess
from typing import Any

import pytest
from ray._private import ray_constants

from tests.chart.helm import ROOT, Object, of_kind, profile, render
from tests.chart.pods import pods, ray_cluster
from tests.chart.serve_document import serve_document, settings_given


def _groups(objects: list[Object]) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = ray_cluster(objects)["workerGroupSpecs"]
    return groups


def test_pods_of_ray_have_probes_that_need_no_proxy(objects: list[Object]) -> None:
    agent = ray_constants.DEFAULT_DASHBOARD_AGENT_LISTEN_PORT
    for pod in pods(objects):
        if pod.component in ("head", "session", "batching"):
            (container,) = pod.containers
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                assert container[kind]["httpGet"] == {"path": "/api/healthz", "port": agent}


def test_nobody_asks_for_a_proxy() -> None:
    (service,) = of_kind(render(profile("production")), "RayService")
    assert service["spec"]["excludeHeadPodFromServeSvc"] is True


def test_a_token_is_asked_for(objects: list[Object]) -> None:
    assert ray_cluster(objects)["authOptions"]["mode"] == "token"


def test_the_labels_by_which_kuberay_finds_its_pods_are_its_own(objects: list[Object]) -> None:
    for pod in pods(objects):
        if pod.component in ("head", "session", "batching"):
            assert "app.kubernetes.io/name" not in pod.labels


def test_names_leave_room_for_what_kuberay_appends() -> None:
    (service,) = of_kind(render({"fullnameOverride": "a" * 40}), "RayService")
    # It allows 47 for a RayService, of which it makes the cluster's name.
    assert len(service["metadata"]["name"]) <= 47


def test_the_start_of_ray_is_what_a_shell_understands(objects: list[Object]) -> None:
    # KubeRay puts these into one line for bash.
    for group in _groups(objects):
        resources = group["rayStartParams"]["resources"]
        line = f"printf '%s' --resources={resources}"
        told = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
        found = json.loads(told.stdout.removeprefix("--resources="))
        expected = "duologue_node" if group["groupName"] == "session" else "duologue_device"
        assert found[expected] == 1


def test_each_model_finds_its_own_pods_only() -> None:
    objects = render(profile("production"))
    offers = {
        group["groupName"]: json.loads(shlex.split(group["rayStartParams"]["resources"])[0])
        for group in _groups(objects)
    }
    for application in serve_document(objects)["applications"][:-1]:
        wanted = application["args"]["resources"]
        places = [name for name, offer in offers.items() if wanted.items() <= offer.items()]
        assert places == [application["name"].replace("model-", "batching-", 1)]


def test_gpus_are_asked_for_by_pods_of_models_that_have_them() -> None:
    session, assistant, small = _groups(render(profile("production")))
    limits = [
        group["template"]["spec"]["containers"][0]["resources"]["limits"]
        for group in (session, assistant, small)
    ]
    assert [each.get("nvidia.com/gpu") for each in limits] == [None, 1, None]
    told = [group["rayStartParams"]["num-gpus"] for group in (session, assistant, small)]
    assert told == ["0", "1", "0"]
    images = [g["template"]["spec"]["containers"][0]["image"] for g in (session, assistant, small)]
    assert ["cuda" in image for image in images] == [False, True, False]


def test_a_model_that_is_added_at_the_end_changes_no_other_group() -> None:
    models = [{"name": "one"}, {"name": "two"}]
    before = ray_cluster(render({"models": models}))
    after = ray_cluster(render({"models": [*models, {"name": "three"}]}))
    old, new = before.pop("workerGroupSpecs"), after.pop("workerGroupSpecs")
    assert (new[:-1], len(new)) == (old, len(old) + 1)
    assert before == after


def test_the_sessions_are_where_the_page_says() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    paths = re.findall(r'"(/spec/workerGroupSpecs/\d+/\w+)"', page)
    assert len(paths) == 3
    for path in paths:
        index, number = path.split("/")[-2:]
        assert _groups(render())[int(index)]["groupName"] == "session"
        assert number in _groups(render())[int(index)]


@pytest.mark.parametrize("pods_of", ["ray.session.replicas", "models.0.replicas.max"])
def test_other_numbers_of_pods_change_numbers_only(pods_of: str) -> None:
    models = [{"name": "one", "replicas": {"min": 1, "max": 2}}]
    changed: dict[str, Any] = {"models": models}
    if pods_of.startswith("ray"):
        changed |= {"ray": {"session": {"replicas": 5}}}
    else:
        changed["models"] = [{"name": "one", "replicas": {"min": 1, "max": 7}}]
    before, after = ray_cluster(render({"models": models})), ray_cluster(render(changed))
    assert before != after
    for cluster in (before, after):
        for group in cluster["workerGroupSpecs"]:
            for number in ("replicas", "minReplicas", "maxReplicas"):
                group.pop(number)
    assert before == after


def test_a_fixed_number_is_replaced_in_its_own_pods_and_a_growing_one_in_more() -> None:
    values = {
        "models": [
            {"name": "fixed", "replicas": {"min": 3, "max": 3}},
            {"name": "growing", "replicas": {"min": 2, "max": 6}},
            {
                "name": "spare",
                "replicas": {"min": 2, "max": 2},
                "settings": {"batching": {"surge_percent": 50}},
            },
        ]
    }
    objects = render(values)
    given = [
        settings_given(each).batching.surge_percent
        for each in serve_document(objects)["applications"][:-1]
    ]
    assert given == [0, 25, 50]
    numbers = [(each["minReplicas"], each["maxReplicas"]) for each in _groups(objects)[1:]]
    assert numbers == [(3, 3), (2, 8), (2, 3)]


def test_without_a_scaler_the_pods_for_a_surge_stand_ready() -> None:
    values = {
        "models": [{"name": "a", "replicas": {"min": 4}}],
        "settings": {"batching": {"surge_percent": 30}},
    }
    (_, group) = _groups(render(values))
    assert (group["minReplicas"], group["maxReplicas"]) == (6, 6)


def test_ray_asks_for_pods_only_when_their_number_may_change() -> None:
    fixed = ray_cluster(render({"models": [{"name": "a", "replicas": {"min": 2, "max": 2}}]}))
    growing = ray_cluster(render({"models": [{"name": "a", "replicas": {"min": 2, "max": 3}}]}))
    assert "enableInTreeAutoscaling" not in fixed
    assert growing["enableInTreeAutoscaling"] is True
    head = growing["headGroupSpec"]["template"]["spec"]
    assert "automountServiceAccountToken" not in head


def test_sessions_leave_a_pod_before_it_goes_and_the_head_goes_last() -> None:
    objects = render(profile("production"), {"settings": {"batching": {"drain_ms": 90_500}}})
    cluster = ray_cluster(objects)
    (head,) = cluster["headGroupSpec"]["template"]["spec"]["containers"]
    waits_s = head["lifecycle"]["preStop"]["sleep"]["seconds"]
    for group in cluster["workerGroupSpecs"]:
        (container,) = group["template"]["spec"]["containers"]
        command = container["lifecycle"]["preStop"]["exec"]["command"]
        # Kubernetes puts no variables into the commands of hooks: a shell has to.
        assert command[:2] == ["sh", "-c"]
        told = subprocess.run(
            [*command[:2], command[2].replace("exec duologue", "echo")],
            env={"POD_IP": "10.1.2.3"},
            capture_output=True,
            text=True,
            check=True,
        )
        words = told.stdout.split()
        assert words[:3] == ["drain", "--host", "10.1.2.3"]
        assert 90.5 < int(words[-1]) < waits_s


def test_a_ray_cluster_has_a_job_that_deploys() -> None:
    objects = render(profile("hard-tenancy"))
    (job,) = of_kind(objects, "Job")
    (cluster,) = of_kind(objects, "RayCluster")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "post-install,post-upgrade"
    assert f"http://{cluster['metadata']['name']}-head-svc:8265" in container["command"]
    secrets = [
        entry["valueFrom"]["secretKeyRef"] for entry in container["env"] if "valueFrom" in entry
    ]
    assert secrets == [{"name": "tenant-ray-token", "key": "auth_token"}]
    assert not of_kind(objects, "RayService")
