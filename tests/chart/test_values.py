"""Values: what is wrong is refused in words, and whatever is right installs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tests.chart.checks import problems
from tests.chart.helm import CHART, HelmError, render
from tests.chart.settings_schema import SCHEMA, definitions

VALUES = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
FREE = ("labels", "annotations", "nodeSelector", "dashboardLabels", "requests", "limits")
"""Maps whose names are the operator's."""

Path = tuple[str | int, ...]


def test_the_settings_that_may_be_given_are_those_of_the_program() -> None:
    found = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    told = {name: found[name] for name in definitions()}
    assert told == definitions(), "run python -m tests.chart.settings_schema"


def test_ranges_that_another_setting_gives_are_left_to_the_program() -> None:
    values = {
        "sessions": {"recent_events": 5_000, "unseen_events": 4_000},
        "decoding": {"reconsider_after_ms": 100, "decide_after_ms": 200},
    }
    assert list(VALIDATOR.iter_errors({**VALUES, "settings": values})) == []


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(VALIDATOR.schema)
    assert list(VALIDATOR.iter_errors(VALUES)) == []


def _maps(value: Any, path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every map in the values that is not free."""
    if isinstance(value, dict) and (not path or path[-1] not in FREE):
        yield path, value
    if isinstance(value, (dict, list)) and "operator" not in path:
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for name, entry in entries:
            yield from _maps(entry, (*path, name))


def _with(path: Path, name: str, value: Any) -> Any:
    """The values with something at a place."""
    changed = json.loads(json.dumps(VALUES))
    place = changed
    for step in path:
        place = place[step]
    place[name] = value
    return changed


MAPS = [path for path, _ in _maps(VALUES) if "operator" not in path]


@pytest.mark.parametrize("path", MAPS, ids=lambda path: ".".join(map(str, path)) or "top")
def test_a_name_that_nobody_knows_is_refused_everywhere(path: Path) -> None:
    assert list(VALIDATOR.iter_errors(_with(path, "replicsa", 3)))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"gateway": {"replicsa": 3}}, "replicsa"),
        ({"gateway": {"replicas": "three"}}, "/gateway/replicas"),
        ({"gateway": {"replicas": 0}}, "/gateway/replicas"),
        ({"settings": {"decoding": {"tick_sm": 80}}}, "tick_sm"),
        ({"settings": {"decoding": {"tick_ms": "fast"}}}, "/settings/decoding/tick_ms"),
        ({"settings": {"decoding": {"tick_ms": 5}}}, "/settings/decoding/tick_ms"),
        ({"settings": {"jwt": {"refresh_s": 86_401}}}, "/settings/jwt/refresh_s"),
        ({"settings": {"telemetry": {"sample_ratio": 1.5}}}, "/settings/telemetry/sample_ratio"),
        ({"models": [{"name": "a", "settings": {"kv": {"memory_mib": 0}}}]}, "/kv/memory_mib"),
        ({"settings": {"store": {"url": "redis://:password@store"}}}, "'url' not allowed"),
        ({"models": []}, "/models"),
        ({"models": [{"name": "a"}, {"name": "a"}]}, "two of the name a"),
        ({"models": [{"name": "a-b"}, {"name": "a-b"}]}, "two of the name a-b"),
        ({"models": [{"name": "a", "replicas": {"min": 3, "max": 2}}]}, "replicas.max"),
        ({"gateway": {"autoscaling": {"kind": "hpa", "min": 5, "max": 2}}}, "autoscaling.max"),
        ({"gateway": {"autoscaling": {"kind": "keda"}}}, "where Prometheus is"),
        ({"gateway": {"ingress": {"enabled": True, "host": "a.example"}}}, "needs TLS"),
        ({"gateway": {"route": {"enabled": True}}}, "gateway.route.parents: name your Gateway"),
        (
            {"gateway": {"openai": {"enabled": True, "route": {"enabled": True}}}},
            "gateway.openai.route.parents: name your Gateway",
        ),
        (
            {"gateway": {"openai": {"ingress": {"enabled": True}}}},
            "gateway.openai.ingress needs gateway.openai.enabled",
        ),
        (
            {
                "gateway": {
                    "ingress": {"enabled": True, "host": "a.example", "tlsSecret": "a"},
                    "openai": {
                        "enabled": True,
                        "ingress": {"enabled": True, "host": "a.example", "tlsSecret": "a"},
                    },
                }
            },
            "a host of its own",
        ),
        ({"gateway": {"resources": {"limits": {"memory": None}}}}, "/gateway/resources/limits"),
        ({"image": {"tag": "latest"}}, "/image/tag"),
        ({"store": {"valkey": {"image": "valkey/valkey"}}}, "/store/valkey/image"),
        ({"store": {"valkey": {"image": "valkey/valkey:latest"}}}, "/store/valkey/image"),
        ({"ray": {"kind": "RayJob"}}, "/ray/kind"),
        ({"fullnameOverride": "7-of-nine"}, "/fullnameOverride"),
        ({"fullnameOverride": "a" * 41}, "/fullnameOverride"),
        ({"store": {"tlsSecret": "a"}}, "store.tlsSecret needs store.existingSecret"),
        ({"settings": {"gateway": {"playground": True}}}, "needs gateway.openai.enabled"),
        (
            {"ray": {"faultTolerance": {"redis": "bundled"}}, "store": {"existingSecret": "a"}},
            "no bundled Valkey",
        ),
    ],
)
def test_wrong_values_are_refused_in_words(values: dict[str, Any], told: str) -> None:
    with pytest.raises(HelmError) as refused:
        render(values)
    assert told in str(refused.value)


def _maybe(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=parts)


ANYWHERE: dict[str, Any] = {"namespaceSelector": {}}
names = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)
resources = st.sampled_from(["1", "2500m", 3]).map(
    lambda cpu: {part: {"cpu": cpu, "memory": "4Gi"} for part in ("requests", "limits")}
)
replicas = st.tuples(st.integers(1, 4), st.integers(0, 4)).map(
    lambda pair: {"min": pair[0], "max": sum(pair)}
)
program_settings = _maybe(
    decoding=_maybe(
        tick_ms=st.integers(10, 10_000),
        context_limit_tokens=st.one_of(st.none(), st.integers(256, 2**24)),
        system_prompt=st.sampled_from(["", "none of it", "yes", "12", "a: b # c", '"{{ x }}"']),
        strategy=st.sampled_from(["duo", "tdm", "turn", "listen"]),
    ),
    sampling=_maybe(stop_strings=st.lists(st.sampled_from(["\n", "}}", "stop"]), max_size=2)),
    gateway=_maybe(drain_ms=st.integers(0, 3_600_000), reflection=st.booleans()),
    jwt=st.fixed_dictionaries(
        {
            "jwks": st.sampled_from(["https://issuer.example/keys", "/etc/duologue/jwks/keys"]),
            "issuer": st.just("https://issuer.example"),
            "audience": st.just("duologue"),
        }
    ),
    kv=_maybe(host_memory_mib=st.integers(0, 2**24)),
    model=_maybe(
        kernels=st.sampled_from(["auto", "native", "torch", "triton"]),
        weights=st.sampled_from(["plain", "int8"]),
    ),
    sessions=_maybe(default_output_tokens_per_minute=st.one_of(st.none(), st.integers(1, 10**6))),
    telemetry=_maybe(sample_ratio=st.sampled_from([0.0, 0.25, 1.0]), slices=st.booleans()),
)
models = st.lists(
    st.fixed_dictionaries(
        {"name": names},
        optional={
            "gpu": st.booleans(),
            "replicas": replicas,
            "claim": names,
            "resources": resources,
            "settings": _maybe(batching=_maybe(max_sessions=st.integers(1, 100_000))),
        },
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda model: str(model["name"]).replace("-", "_"),
)


def _ingress(host: str) -> st.SearchStrategy[dict[str, Any]]:
    needed = {"enabled": st.booleans(), "host": st.just(host), "tlsSecret": names}
    return st.fixed_dictionaries(needed, optional={"className": st.just("nginx")})


def _route(host: str) -> st.SearchStrategy[dict[str, Any]]:
    needed = {"enabled": st.booleans(), "parents": st.just([{"name": "edge"}])}
    return st.fixed_dictionaries(needed, optional={"hostnames": st.just([host])})


any_values = _maybe(
    fullnameOverride=names,
    settings=program_settings,
    models=models,
    store=st.one_of(
        st.just({}),
        st.fixed_dictionaries(
            {"existingSecret": names},
            optional={"key": st.sampled_from(["url", "store.url"]), "tlsSecret": names},
        ),
    ),
    gateway=_maybe(
        replicas=st.integers(1, 20),
        jwksConfigMap=names,
        ingress=_ingress("talk.example.com"),
        route=_route("talk.example.com"),
        openai=st.fixed_dictionaries(
            {"enabled": st.just(True)},
            optional={"ingress": _ingress("api.example.com"), "route": _route("api.example.com")},
        ),
        resources=resources,
        service=_maybe(type=st.sampled_from(["ClusterIP", "LoadBalancer", "NodePort"])),
        tls=st.one_of(
            _maybe(existingSecret=names, serverName=names, caKey=st.sampled_from(["", "ca.pem"])),
            st.fixed_dictionaries(
                {"existingSecret": names, "clientCaSecret": names, "clientSecret": names}
            ),
        ),
        autoscaling=st.fixed_dictionaries(
            {
                "kind": st.sampled_from(["none", "hpa", "keda"]),
                "prometheus": st.just("http://prometheus:9090"),
            }
        ),
    ),
    cluster=_maybe(
        tls=st.fixed_dictionaries(
            {
                "existingSecret": names,
                "metricsName": st.just("prometheus.internal"),
                "metricsSecret": names,
            },
            optional={"name": st.just("talk.internal")},
        )
    ),
    ray=_maybe(
        kind=st.sampled_from(["RayService", "RayCluster"]),
        authSecret=names,
        tls=st.booleans(),
        session=_maybe(replicas=st.integers(1, 100)),
        cacheClaim=names,
        faultTolerance=_maybe(redis=st.sampled_from(["", "redis:6379"]), existingSecret=names),
    ),
    pods=_maybe(
        labels=st.just({"team": "talk"}),
        annotations=st.just({"example.com/why": "yes"}),
        nodeSelector=st.just({"disk": "fast"}),
        runtimeClassName=st.sampled_from(["", "gvisor"]),
    ),
    networkPolicy=_maybe(
        enabled=st.booleans(),
        clients=st.just([{"podSelector": {"matchLabels": {"role": "caller"}}, **ANYWHERE}]),
        store=st.just([{"ipBlock": {"cidr": "10.0.0.0/8"}}]),
        apiServer=st.just([{"ipBlock": {"cidr": "10.1.0.1/32"}}]),
    ),
    monitoring=_maybe(monitors=st.booleans(), rules=st.booleans(), dashboards=st.booleans()),
    tests=_maybe(enabled=st.booleans()),
)


# Without shrinking, which would take longer than a test may.
@settings(max_examples=24, phases=(Phase.explicit, Phase.generate))
@given(values=any_values)
def test_whatever_is_allowed_installs(values: Mapping[str, Any]) -> None:
    assert problems(render(values)) == []
