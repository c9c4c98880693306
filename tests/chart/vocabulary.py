"""Whether what the chart names is something that the program has.

Environment variables and the values of settings, commands and their flags, ports, services of the
health protocol, metrics.
"""

import os
import re
import shlex
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import ray
import typer
from prometheus_client import CollectorRegistry
from ray._private import ray_constants

from duologue.cli.endpoint import (
    ADDRESS_VARIABLE,
    API_KEY_VARIABLE,
    TLS_CA_VARIABLE,
    TLS_CERTIFICATE_VARIABLE,
    TLS_KEY_VARIABLE,
)
from duologue.cli.main import app
from duologue.configuration import environment_variable, read_configuration, setting_names
from duologue.errors import InvalidSetting
from duologue.gateway.health import LIVENESS, SERVICES
from duologue.settings import Settings
from duologue.telemetry.metrics import BatcherMetrics, GatewayMetrics
from tests.chart.helm import Object, named, of_kind
from tests.chart.pods import PodTemplate, pods

PLACEHOLDER_URL = "redis://somewhere:6379/0"
"""For what is in a secret."""
OURS = {
    "DUOLOGUE_CACHE",
    ADDRESS_VARIABLE,
    API_KEY_VARIABLE,
    TLS_CA_VARIABLE,
    TLS_CERTIFICATE_VARIABLE,
    TLS_KEY_VARIABLE,
}
"""Variables that are no settings."""
OTHERS = {"HOME", "POD_IP", "VALKEY_PASSWORD", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"}
RAY_HTTP = 8000
RAY_METRICS = 8080
"""Where KubeRay lets every Ray node show its metrics."""
_METRIC = re.compile(r"\bduologue_[a-z0-9_]+\b")


def problems_of_vocabulary(objects: Sequence[Object]) -> list[str]:
    """What is wrong, in words."""
    return [
        *_of_environments(objects),
        *(f"{pod.owner}: {each}" for pod in pods(objects) for each in _of_commands(pod)),
        *_of_ports(objects),
        *_of_metrics(objects),
    ]


# Environment variables and settings.


def environments(objects: Sequence[Object]) -> Iterator[tuple[PodTemplate, dict[str, str]]]:
    """What each container has in its environment; a secret as a placeholder."""
    for pod in pods(objects):
        for container in pod.containers:
            found: dict[str, str] = {}
            for source in container.get("envFrom", ()):
                found |= named(objects, "ConfigMap", source["configMapRef"]["name"])["data"]
            for entry in container.get("env", ()):
                is_url = entry["name"] == environment_variable("store.url")
                found[entry["name"]] = PLACEHOLDER_URL if is_url else entry.get("value", "-")
            yield pod, found


def settings_of(environment: Mapping[str, str], flags: Sequence[str] = ()) -> Settings:
    """As a process with this environment reads them. Raises InvalidSetting."""
    ours = {name: value for name, value in environment.items() if name.startswith("DUOLOGUE_")}
    with patch.dict(os.environ, ours, clear=True):
        return read_configuration(flags=flags).settings


def _of_environments(objects: Sequence[Object]) -> Iterator[str]:
    known = {environment_variable(setting) for setting in setting_names()} | OURS | OTHERS
    for pod, environment in environments(objects):
        for name in environment:
            if name not in known and not (name.startswith("RAY_") and is_of_ray(name)):
                yield f"{pod.owner}: nobody reads the variable {name}"
        try:
            settings_of(environment)
        except InvalidSetting as error:
            yield f"{pod.owner}: {error}"


@cache
def is_of_ray(variable: str) -> bool:
    """Whether Ray's programs know it: by its whole name, or as the name of a setting of Ray's."""
    folder = Path(ray.__file__).parent
    if variable.removeprefix("RAY_").encode() in _text(folder / "core/src/ray/gcs/gcs_server"):
        return True
    read = ("_common/usage/usage_constants.py", "serve/_private/constants.py")
    return any(variable.encode() in _text(folder / each) for each in read)


@cache
def _text(path: Path) -> bytes:
    return path.read_bytes()


# Commands.


def _of_commands(pod: PodTemplate) -> Iterator[str]:
    for container in pod.containers:
        for command in _commands(container):
            problem = problem_of_command(command)
            if problem:
                yield problem


def _commands(container: Mapping[str, Any]) -> Iterator[list[str]]:
    """All commands of ours, also those of probes and hooks, and those behind `sh -c`."""
    hooks = [container.get("lifecycle", {}).get("preStop", {})]
    probes = [container.get(f"{kind}Probe", {}) for kind in ("startup", "readiness", "liveness")]
    run = [each["exec"]["command"] for each in (*hooks, *probes) if "exec" in each]
    for command in (container.get("command", []), *run):
        if command[:2] == ["sh", "-c"]:
            yield from (shlex.split(line) for line in command[2].splitlines())
        elif command:
            yield command


def problem_of_command(command: Sequence[str]) -> str | None:
    """Why our program, or Ray's `serve`, would refuse it; None if it would not, or is another's."""
    words = list(command[1:] if command[:1] == ["exec"] else command)
    programs = {"duologue": _ours, "serve": _serve}
    if not words or words[0] not in programs:
        return None
    program: Any = programs[words[0]]()
    try:
        while hasattr(program, "commands"):  # a group; none of them has options of its own
            name, words = words[0], words[1:]
            if words[:1] and words[0] in program.commands:
                program = program.commands[words[0]]
            else:
                return f"`{shlex.join(command)}`: {name} has no command {shlex.join(words[:1])}"
        program.make_context(words[0], words[1:])
    except (click.exceptions.Exit, typer.Exit):
        return None  # it was asked for help
    except _refusals() as error:
        return f"`{shlex.join(command)}`: {getattr(error, 'message', error)}"
    return None


def _ours() -> Any:
    return typer.main.get_command(app)


def _serve() -> Any:
    with warnings.catch_warnings(action="ignore"):  # Ray's own, of pydantic
        from ray.serve.scripts import cli
    return cli


def _refusals() -> tuple[type[Exception], ...]:
    """Of click, and of the one that typer may bring."""
    of_typer = next(
        each for each in typer.BadParameter.__mro__ if each.__name__ == "ClickException"
    )
    assert issubclass(of_typer, Exception)
    return click.ClickException, of_typer


# Ports.


def _of_ports(objects: Sequence[Object]) -> Iterator[str]:
    templates = pods(objects)
    for pod in templates:
        for container in pod.containers:
            yield from (f"{pod.owner}: {each}" for each in _of_probes(container))
    for pod, environment in environments(objects):
        if pod.component == "gateway":
            yield from (f"{pod.owner}: {each}" for each in _of_gateway(pod, environment))
    reachable = {port for pod in templates for port in container_ports(pod).values()}
    for policy in of_kind(objects, "NetworkPolicy"):
        for rule in policy["spec"].get("ingress", ()):
            for port in rule.get("ports", ()):
                if port["port"] not in reachable:
                    yield f"{policy['metadata']['name']}: nobody listens at {port['port']}"


def container_ports(pod: PodTemplate) -> dict[str, int]:
    """A pod's ports by name."""
    return {
        port["name"]: port["containerPort"]
        for container in pod.containers
        for port in container.get("ports", ())
    }


def _of_gateway(pod: PodTemplate, environment: Mapping[str, str]) -> Iterator[str]:
    ports = container_ports(pod)
    settings = {"grpc": "port", "metrics": "metrics_port", "openai": "http_port"}
    for name, setting in settings.items():
        listens = environment.get(environment_variable(f"gateway.{setting}"))
        if listens != (str(ports[name]) if name in ports else None):
            yield f"the port {name} is {ports.get(name)}, and the gateway listens at {listens}"


def _of_probes(container: Mapping[str, Any]) -> Iterator[str]:
    listens = {port["containerPort"] for port in container.get("ports", ())}
    is_ray = container["name"].startswith("ray-")
    agent = {ray_constants.DEFAULT_DASHBOARD_AGENT_LISTEN_PORT} if is_ray else set()
    for kind in ("startup", "readiness", "liveness"):
        probe = container.get(f"{kind}Probe", {})
        for way in probe.keys() & {"grpc", "httpGet", "tcpSocket"}:
            if probe[way]["port"] not in listens | agent:
                yield f"its {kind} probe asks at {probe[way]['port']}, where nobody listens"
        if "grpc" in probe and probe["grpc"].get("service", "") not in (LIVENESS, *SERVICES):
            yield f"its {kind} probe asks for {probe['grpc']['service']}, which nobody serves"


# Metrics.


_SERIES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "info": ("_info",),
}
"""What the name of a metric ends with, by its kind."""


@cache
def metric_names() -> frozenset[str]:
    """Every series of gateways and batching actors, as Prometheus knows it."""
    registries = [kind(CollectorRegistry()).registry for kind in (GatewayMetrics, BatcherMetrics)]
    families = [
        family
        for registry in registries
        for collector in registry._collector_to_names
        for family in collector.describe()  # type: ignore[attr-defined]
    ]
    return frozenset(
        family.name + ending for family in families for ending in _SERIES.get(family.type, ("",))
    )


def _of_metrics(objects: Iterable[Object]) -> Iterator[str]:
    watched = {
        "HorizontalPodAutoscaler",
        "ScaledObject",
        "PrometheusRule",
        "ConfigMap",
        "ServiceMonitor",
        "PodMonitor",
    }
    for each in objects:
        if each["kind"] not in watched:
            continue
        content = each.get("spec", each.get("data"))
        # Ray's resources have names of the same manner.
        text = "" if "serve.yaml" in (content or {}) else str(content)
        for name in sorted(set(_METRIC.findall(text)) - metric_names()):
            yield f"{each['kind']}/{each['metadata']['name']}: there is no metric {name}"
