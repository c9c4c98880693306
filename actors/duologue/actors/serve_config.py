"""A Serve config file from settings: for `serve deploy`, and for KubeRay's RayService."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from duologue.configuration import with_models_beside
from duologue.model.sources import model_name
from duologue.settings import Settings

NODES = "nodes"
_OF_GATEWAYS = ("gateway", "jwt")
ELSEWHERE = frozenset({"store.url", "store.data_dir", "model.beside"})
"""What the file does not say: secrets come from the environment of Ray's processes, and the other
models have applications of their own."""


def app_name(settings: Settings) -> str:
    """Of the application that serves the model."""
    return f"model-{settings.model.name or model_name(settings.model.source)}"


def serve_config(
    settings: Settings,
    *,
    num_gpus: float = 0,
    device_resource: str | None = None,
    node_resource: str = "duologue_node",
) -> dict[str, Any]:
    """The document.

    Each batching actor takes `num_gpus`, and one of the Ray resource `device_resource`, if there
    is one to be. Nodes with `node_resource` hold sessions. Raises InvalidSetting.
    """
    models = with_models_beside(settings)
    place: dict[str, Any] = {}
    if num_gpus:
        place["num_gpus"] = num_gpus
    if device_resource is not None:
        place["resources"] = {device_resource: 1}
    applications = [
        _application(app_name(each), "app", {"settings": given_settings(each)} | place)
        for each in models
    ]
    shared = {"settings": given_settings(models[0]), "resource": node_resource}
    applications.append(_application(NODES, "nodes", shared))
    return {"proxy_location": "Disabled", "applications": applications}


def given_settings(settings: Settings) -> dict[str, Any]:
    """What is not as by default, by "section.name", and all of the model's section: that of
    another model may stand in the environment."""
    default, found = Settings(), {}
    for section in fields(Settings):
        values, usual = getattr(settings, section.name), getattr(default, section.name)
        for entry in fields(values):
            name, value = f"{section.name}.{entry.name}", getattr(values, entry.name)
            is_said = value != getattr(usual, entry.name) or section.name == "model"
            if is_said and name not in ELSEWHERE and section.name not in _OF_GATEWAYS:
                found[name] = list(value) if isinstance(value, tuple) else value
    return found


def _application(name: str, target: str, args: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "import_path": f"duologue.actors.serving:{target}",
        "route_prefix": None,  # nobody comes by HTTP
        "args": dict(args),
    }
