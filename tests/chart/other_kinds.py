"""The form of the objects that other operators look after, as far as the chart writes them.

Written from the API references of the Prometheus operator, KEDA and the Gateway API. Closed: a
field that is not here is refused, and has to be looked up before it is added.
"""

from typing import Any

_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_DURATION = {"type": "string", "pattern": "^([0-9]+(ms|s|m|h|d|w|y))+$"}
_PORT = {"type": "integer", "minimum": 1, "maximum": 65535}


def _closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _list(items: dict[str, Any], least: int = 1) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least}


def _kind(api: str, kind: str, spec: dict[str, Any]) -> dict[tuple[str, str], Any]:
    metadata = _closed({"name": _TEXT, "labels": _TEXTS, "annotations": _TEXTS}, "name")
    fixed = {"apiVersion": {"const": api}, "kind": {"const": kind}}
    schema = _closed(fixed | {"metadata": metadata, "spec": spec}, "metadata", "spec")
    return {(api, kind): schema}


_SELECTOR = _closed(
    {
        "matchLabels": _TEXTS,
        "matchExpressions": _list(
            _closed(
                {
                    "key": _TEXT,
                    "operator": {"enum": ["In", "NotIn", "Exists", "DoesNotExist"]},
                    "values": _list(_TEXT),
                },
                "key",
                "operator",
            )
        ),
    }
)
_KEY = _closed({"name": _TEXT, "key": _TEXT}, "name", "key")
_SCRAPED = _list(
    _closed(
        {
            "port": _TEXT,
            "path": _TEXT,
            "interval": _DURATION,
            "scrapeTimeout": _DURATION,
            "honorLabels": {"type": "boolean"},
            "scheme": {"enum": ["http", "https"]},
            "tlsConfig": _closed(
                {
                    "serverName": _TEXT,
                    "ca": _closed({"secret": _KEY}),
                    "cert": _closed({"secret": _KEY}),
                    "keySecret": _KEY,
                }
            ),
        },
        "port",
    )
)
_RULE = _closed(
    {
        "alert": _TEXT,
        "record": _TEXT,
        "expr": {"type": ["string", "integer"]},
        "for": _DURATION,
        "keep_firing_for": _DURATION,
        "labels": _TEXTS,
        "annotations": _TEXTS,
    },
    "expr",
) | {"oneOf": [{"required": ["alert"]}, {"required": ["record"]}]}
_RULES = _closed(
    {
        "groups": _list(
            _closed(
                {"name": _TEXT, "interval": _DURATION, "labels": _TEXTS, "rules": _list(_RULE)},
                "name",
                "rules",
            )
        )
    },
    "groups",
)
_BEHAVIOR = _closed(
    {
        direction: _closed(
            {
                "stabilizationWindowSeconds": {"type": "integer", "minimum": 0, "maximum": 3600},
                "selectPolicy": {"enum": ["Max", "Min", "Disabled"]},
                "policies": _list(
                    _closed(
                        {
                            "type": {"enum": ["Pods", "Percent"]},
                            "value": {"type": "integer", "minimum": 1},
                            "periodSeconds": {"type": "integer", "minimum": 1, "maximum": 1800},
                        },
                        "type",
                        "value",
                        "periodSeconds",
                    )
                ),
            }
        )
        for direction in ("scaleUp", "scaleDown")
    }
)
_SCALED = _closed(
    {
        "scaleTargetRef": _closed({"name": _TEXT, "kind": _TEXT, "apiVersion": _TEXT}, "name"),
        "minReplicaCount": {"type": "integer", "minimum": 0},
        "maxReplicaCount": {"type": "integer", "minimum": 1},
        "pollingInterval": {"type": "integer", "minimum": 1},
        "cooldownPeriod": {"type": "integer", "minimum": 0},
        "triggers": _list(
            _closed(
                {
                    "type": {"const": "prometheus"},
                    "metricType": {"enum": ["AverageValue", "Value"]},
                    "metadata": _closed(
                        {"serverAddress": _TEXT, "query": _TEXT, "threshold": _TEXT},
                        "serverAddress",
                        "query",
                        "threshold",
                    ),
                },
                "type",
                "metadata",
            )
        ),
        "advanced": _closed({"horizontalPodAutoscalerConfig": _closed({"behavior": _BEHAVIOR})}),
    },
    "scaleTargetRef",
    "triggers",
)
_ROUTE = _closed(
    {
        "parentRefs": _list(
            _closed(
                {
                    "group": {"type": "string"},
                    "kind": _TEXT,
                    "name": _TEXT,
                    "namespace": _TEXT,
                    "sectionName": _TEXT,
                    "port": _PORT,
                },
                "name",
            )
        ),
        "hostnames": _list(_TEXT),
        "rules": _list(
            _closed({"backendRefs": _list(_closed({"name": _TEXT, "port": _PORT}, "name", "port"))})
        ),
    },
    "rules",
)

OTHER_KINDS: dict[tuple[str, str], Any] = (
    _kind(
        "monitoring.coreos.com/v1",
        "ServiceMonitor",
        _closed({"selector": _SELECTOR, "endpoints": _SCRAPED}, "selector", "endpoints"),
    )
    | _kind(
        "monitoring.coreos.com/v1",
        "PodMonitor",
        _closed({"selector": _SELECTOR, "podMetricsEndpoints": _SCRAPED}, "selector"),
    )
    | _kind("monitoring.coreos.com/v1", "PrometheusRule", _RULES)
    | _kind("keda.sh/v1alpha1", "ScaledObject", _SCALED)
    | _kind("gateway.networking.k8s.io/v1", "GRPCRoute", _ROUTE)
    | _kind("gateway.networking.k8s.io/v1", "HTTPRoute", _ROUTE)
)
"""By apiVersion and kind."""
