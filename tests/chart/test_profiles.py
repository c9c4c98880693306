"""Every profile installs something that Kubernetes, KubeRay and the program understand."""

import pytest

from duologue.telemetry import names
from tests.chart.checks import problems
from tests.chart.forms import VERSIONS, problems_of_form
from tests.chart.helm import CHART, PROFILES, Object, helm, of_kind, profile, render
from tests.chart.pods import pods, ray_cluster
from tests.chart.policy import problems_of_policy
from tests.chart.relations import mebibytes, problems_of_relations
from tests.chart.serve_document import serve_document, settings_given
from tests.chart.vocabulary import metric_names, problems_of_vocabulary


def test_there_are_the_four_profiles() -> None:
    assert PROFILES == ("hard-tenancy", "laptop", "production", "single-gpu")


def test_helm_finds_nothing_to_say(profile_name: str) -> None:
    helm("lint", "--strict", CHART, "--values", profile(profile_name))


def test_objects_have_the_form_of_their_kind(objects: list[Object]) -> None:
    assert problems_of_form(objects) == []


def test_objects_are_safe_bounded_and_watched(objects: list[Object]) -> None:
    assert problems_of_policy(objects) == []


def test_the_program_has_what_is_named(objects: list[Object]) -> None:
    assert problems_of_vocabulary(objects) == []


def test_objects_fit_together(objects: list[Object]) -> None:
    assert problems_of_relations(objects) == []


def test_the_defaults_install_without_any_values() -> None:
    assert problems(render()) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_of_kubernetes_is_offered_the_same(version: str) -> None:
    assert render(profile("production"), kubernetes=f"{version}.0") == render(profile("production"))


def test_an_image_may_be_named_by_its_digest() -> None:
    digest = f"duologue-gateway@sha256:{'0123456789abcdef' * 4}"
    objects = render({"image": {"registry": "here:5000/a", "tag": "1.2.3", "gateway": digest}})
    assert problems(objects) == []
    images = {pod.component: pod.containers[0]["image"] for pod in pods(objects)}
    assert images["gateway"] == images["test"] == f"here:5000/a/{digest}"
    assert images["session"] == "here:5000/a/duologue-node-cpu:1.2.3"


def test_an_old_kubernetes_is_refused() -> None:
    with pytest.raises(Exception, match=r"1\.31\.0"):
        render(kubernetes="1.30.0")


def test_the_profiles_show_every_kind() -> None:
    shown = {each["kind"] for name in PROFILES for each in render(profile(name))}
    assert shown >= {
        *("ConfigMap", "Deployment", "GRPCRoute", "HorizontalPodAutoscaler", "Ingress", "Job"),
        *("NetworkPolicy", "Pod", "PodDisruptionBudget", "PodMonitor", "RayCluster", "RayService"),
        *("ScaledObject", "Secret", "Service", "ServiceMonitor", "StatefulSet"),
    }


def test_sessions_fit_into_the_memory_of_their_pods(objects: list[Object]) -> None:
    # 95 MB for each session actor, bound or warm, and 1 GiB for Ray.
    nodes = serve_document(objects)["applications"][-1]
    sessions = settings_given(nodes).sessions
    (pod,) = (each for each in pods(objects) if each.component == "session")
    limit = mebibytes(pod.containers[0]["resources"]["limits"]["memory"])
    assert (sessions.max_sessions + 2 * sessions.warm_actors) * 95 + 1024 <= limit


def test_cells_fit_into_the_memory_of_pods_without_a_gpu(objects: list[Object]) -> None:
    applications = {each["name"]: each for each in serve_document(objects)["applications"]}
    for group in ray_cluster(objects)["workerGroupSpecs"][1:]:
        application = applications[group["groupName"].replace("batching-", "model-", 1)]
        if "num_gpus" not in application["args"]:
            limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
            # Beside the cells: Ray, torch, and a small model.
            needed = settings_given(application).kv.memory_mib + 2048
            assert needed <= mebibytes(limits["memory"])


def test_metrics_are_known_by_the_names_of_their_series() -> None:
    assert {
        names.STREAMS,
        f"{names.TICKS}_total",
        f"{names.TICK_DURATION}_bucket",
    } <= metric_names()
    assert len(metric_names()) >= 40
    assert names.TICKS not in metric_names()


def test_no_kind_of_object_is_forgotten_by_the_checks(objects: list[Object]) -> None:
    unknown = {"apiVersion": "example.com/v1", "kind": "Riddle", "metadata": {"name": "why"}}
    assert problems_of_form([*objects, unknown]) != []
    assert of_kind(objects, "RayService", "RayCluster")
