"""The Serve configuration of a release: Ray takes it, and the program writes the same itself."""

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from duologue.cli.main import app
from duologue.settings import Settings
from tests.chart.helm import Object, named, profile, render
from tests.chart.pods import ray_cluster
from tests.chart.serve_document import serve_document, settings_given
from tests.chart.vocabulary import environments, settings_of


def _applications(objects: list[Object]) -> dict[str, Any]:
    return {each["name"]: each for each in serve_document(objects)["applications"]}


def test_ray_takes_it(objects: list[Object]) -> None:
    with warnings.catch_warnings(action="ignore"):  # Ray's own, of pydantic
        from ray.serve.schema import ServeDeploySchema

    deployed = ServeDeploySchema.model_validate(serve_document(objects))
    assert deployed.proxy_location == "Disabled"


def test_the_applications_exist_and_know_their_arguments(objects: list[Object]) -> None:
    for application in serve_document(objects)["applications"]:
        module, _, target = application["import_path"].partition(":")
        builder = getattr(import_module(module), target)
        (arguments,) = builder.__annotations__.keys() - {"return"}
        builder.__annotations__[arguments].model_validate(application["args"])


def test_the_program_takes_its_settings(objects: list[Object]) -> None:
    for application in serve_document(objects)["applications"]:
        settings_given(application)


def test_it_is_what_the_program_writes(tmp_path: Path) -> None:
    first: dict[str, Any] = {
        "name": "large",
        "claim": "models",
        "replicas": {"min": 2, "max": 8},
        "settings": {"model": {"dtype": "bfloat16"}, "kv": {"memory_mib": 49_152}},
    }
    second: dict[str, Any] = {
        "name": "small",
        "replicas": {"min": 1, "max": 4},
        "settings": {"kv": {"memory_mib": 2_048}},
    }
    shared = {
        "decoding": {"tick_ms": 80, "system_prompt": 'Say "no".'},
        "gateway": {"drain_ms": 60_000},
        "sampling": {"stop_strings": ["a", "b"]},
    }
    ours = serve_document(render({"models": [first, second], "settings": shared}))

    def laid_out(model: Mapping[str, Any]) -> dict[str, Any]:
        sections: dict[str, Any] = json.loads(json.dumps(model.get("settings", {})))
        sections.setdefault("model", {})["name"] = model["name"]
        if "claim" in model:
            sections["model"].setdefault("source", f"/models/{model['name']}")
        batching = sections.setdefault("batching", {})
        batching |= {"num_batchers": model["replicas"]["min"]}
        batching |= {"max_batchers": model["replicas"]["max"]}
        return sections

    beside = tmp_path / "second.toml"
    beside.write_text(_toml(laid_out(second)), encoding="utf-8")
    sections = json.loads(json.dumps(shared))
    for name, entries in laid_out(first).items():
        sections.setdefault(name, {}).update(entries)
    sections["model"]["beside"] = [str(beside)]
    file = tmp_path / "duologue.toml"
    file.write_text(_toml(sections), encoding="utf-8")
    command = ["config", "serve", "--config", str(file), "--device-resource", "duologue_device"]
    written = CliRunner().invoke(app, command)
    assert written.exit_code == 0, written.output
    theirs = yaml.safe_load(written.output)

    assert ours.keys() == theirs.keys()
    assert ours["proxy_location"] == theirs["proxy_location"]
    pairs = list(zip(ours["applications"], theirs["applications"], strict=True))
    assert len(pairs) == 3
    for our, their in pairs:
        assert list(our) == list(their)
        assert (our["name"], our["import_path"]) == (their["name"], their["import_path"])
        assert our["route_prefix"] is their["route_prefix"] is None
        # The generator has one answer to which models take a GPU, and the chart one for each.
        assert our["args"].keys() - {"num_gpus"} == their["args"].keys()
        assert _without_places(settings_given(our)) == _without_places(settings_given(their))
        for resource, share in their["args"].get("resources", {}).items():
            assert our["args"]["resources"][resource] == share
        assert our["args"].get("resource") == their["args"].get("resource")


def _toml(sections: Mapping[str, Mapping[str, Any]]) -> str:
    return "\n".join(
        f"[{section}]\n"
        + "\n".join(f"{name} = {json.dumps(value)}" for name, value in each.items())
        for section, each in sections.items()
    )


def _without_places(settings: Settings) -> Settings:
    """But for what the chart decides: ports, threads and how many there are, which follow from
    pods."""
    return replace(settings, batching=Settings().batching)


def test_a_model_with_a_gpu_takes_one() -> None:
    found = _applications(render(profile("production")))
    assert found["model-assistant"]["args"]["num_gpus"] == 1
    assert "num_gpus" not in found["model-small"]["args"]


def test_a_forward_on_the_cpu_leaves_one_core_of_the_pod() -> None:
    values = {
        "models": [
            {"name": "a", "resources": _resources("2500m")},
            {"name": "b", "resources": _resources("1")},
            {"name": "c", "resources": _resources(16), "settings": {"batching": {"threads": 3}}},
        ]
    }
    applications = _applications(render(values))
    threads = [settings_given(applications[f"model-{name}"]).batching.threads for name in "abc"]
    assert threads == [1, 1, 3]


def _resources(cpu: Any) -> dict[str, Any]:
    return {part: {"cpu": cpu, "memory": "4Gi"} for part in ("requests", "limits")}


def test_a_change_for_gateways_leaves_ray_alone() -> None:
    before = render(profile("production"))
    after = render(profile("production"), {"settings": {"gateway": {"max_streams": 7}}})
    assert serve_document(before) == serve_document(after)
    assert ray_cluster(before) == ray_cluster(after)


def test_a_change_of_settings_is_deployed_without_new_pods_of_ray() -> None:
    before = render(profile("production"))
    after = render(profile("production"), {"settings": {"decoding": {"tick_ms": 80}}})
    assert ray_cluster(before) == ray_cluster(after)
    assert all(
        settings_given(each).decoding.tick_ms == 80 for each in _applications(after).values()
    )
    old, new = (named(each, "Deployment", "duo-duologue-gateway") for each in (before, after))
    assert old["spec"]["template"] != new["spec"]["template"]


def test_another_number_of_batching_actors_leaves_session_pods_alone() -> None:
    values = yaml.safe_load(profile("production").read_text(encoding="utf-8"))
    before = _applications(render(values))
    values["models"][0]["replicas"] = {"min": 3, "max": 9}
    assert _applications(render(values))["nodes"] == before["nodes"]


def test_gateways_and_nodes_have_the_settings_of_the_first_model() -> None:
    objects = render(profile("single-gpu"))
    (environment,) = (each for pod, each in environments(objects) if pod.component == "gateway")
    nodes = settings_given(_applications(objects)["nodes"])
    for found in (settings_of(environment), nodes):
        assert (found.model.source, found.model.dtype) == ("/models/assistant", "bfloat16")
        assert found.sessions.max_sessions == 128


@pytest.mark.parametrize(
    ("value", "told"),
    [("none", "none"), ("", ""), ("12", "12"), ("yes", "yes"), ('a "b" {{ c }}: #', None)],
)
def test_texts_come_through_as_they_are(value: str, told: str | None) -> None:
    values = {"settings": {"decoding": {"system_prompt": value}}}
    data = named(render(values), "ConfigMap", "duo-duologue-settings")["data"]
    assert data["DUOLOGUE_DECODING__SYSTEM_PROMPT"] == (value if told is None else told)


def test_numbers_lists_and_nothing_come_through() -> None:
    values = {
        "settings": {
            "gateway": {"default_input_chars_per_minute": 1_000_000_000_000},
            "sampling": {"stop_strings": ["\n", '"}}'], "temperature": 0.25},
            "batching": {"threads": None},
            "telemetry": {"slices": False},
        }
    }
    objects = render(values)
    (environment,) = (each for pod, each in environments(objects) if pod.component == "gateway")
    for found in (settings_of(environment), settings_given(_applications(objects)["nodes"])):
        assert found.sampling.stop_strings == ("\n", '"}}')
        assert found.sampling.temperature == 0.25
        assert found.telemetry.slices is False
    assert settings_of(environment).gateway.default_input_chars_per_minute == 10**12
    data = named(objects, "ConfigMap", "duo-duologue-settings")["data"]
    assert data["DUOLOGUE_BATCHING__THREADS"] == "none"
    assert not [value for value in data.values() if re.search(r"\de\+", value)]
