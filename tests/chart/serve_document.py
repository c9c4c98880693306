"""The Serve configuration in a release, and what its applications would be told."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from duologue.settings import Settings
from tests.chart.helm import Object, of_kind
from tests.chart.vocabulary import PLACEHOLDER_URL, settings_of

IN_RAY_PODS = {"DUOLOGUE_STORE__URL": PLACEHOLDER_URL}


def serve_document(objects: Sequence[Object]) -> dict[str, Any]:
    """The document, wherever it stands."""
    services = of_kind(objects, "RayService")
    texts = [each["spec"]["serveConfigV2"] for each in services]
    for each in of_kind(objects, "ConfigMap"):
        texts += [text for name, text in each.get("data", {}).items() if name == "serve.yaml"]
    (text,) = texts
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def settings_given(application: Mapping[str, Any]) -> Settings:
    """What an application's settings come to in a Ray pod. Raises InvalidSetting."""
    given = application["args"]["settings"]
    return settings_of(IN_RAY_PODS, [f"{name}={_as_text(value)}" for name, value in given.items()])


def _as_text(value: Any) -> str:
    """As a flag has it."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)
