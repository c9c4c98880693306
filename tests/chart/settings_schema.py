"""The part of the chart's schema that says which settings there are, made from the program's own.

`python -m tests.chart.settings_schema` writes it into helm/duologue/values.schema.json; a test says
when that has to be done.
"""

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from duologue.errors import InvalidSetting
from duologue.settings import Settings

SCHEMA = Path(__file__).parents[2] / "helm" / "duologue" / "values.schema.json"

OF_THE_CHART = frozenset(
    {
        "batching.max_batchers",
        "batching.metrics_port",
        "batching.num_batchers",
        "cluster.ca",
        "cluster.certificate",
        "cluster.key",
        "cluster.metrics_name",
        "cluster.name",
        "gateway.host",
        "gateway.http_port",
        "gateway.metrics_port",
        "gateway.port",
        "gateway.tls_certificate",
        "gateway.tls_client_ca",
        "gateway.tls_key",
        "model.beside",
        "model.name",
        "store.data_dir",
        "store.url",
        "telemetry.trace_dir",
    }
)
"""What the chart sets, or has a value of its own for."""
BOUND_BY_OTHERS = {
    "decoding.decide_after_ms": "minimum",
    "forward.prefill_chunk_rows": "maximum",
    "sessions.unseen_events": "maximum",
}
"""What another setting gives: the program alone can tell."""
NOT_OF_A_MODEL = frozenset({"cluster", "gateway", "jwt", "store"})

_FAR_BELOW = -(10**18)
_RANGE = re.compile(r"must be (0 or )?.*\bfrom (\S+) to (\S+), not ")
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", NoneType: "null"}


def definitions() -> dict[str, Any]:
    """The schemas of `settings` and of a model's settings."""
    sections = {field.name: _section(field.name) for field in fields(Settings)}
    of_model = {name: each for name, each in sections.items() if name not in NOT_OF_A_MODEL}
    return {"settings": _closed(sections), "modelSettings": _closed(of_model)}


def written(schema: dict[str, Any]) -> str:
    """As the file has it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _section(name: str) -> dict[str, Any]:
    section = getattr(Settings(), name)
    hints = get_type_hints(type(section))
    entries = {
        entry: _schema(hint, _range(section, entry) if _is_numeric(hint) else {})
        for entry, hint in hints.items()
        if f"{name}.{entry}" not in OF_THE_CHART
    }
    for setting, bound in BOUND_BY_OTHERS.items():
        of, _, entry = setting.partition(".")
        if of == name:
            del entries[entry][bound]
    return _closed(entries)


def _is_numeric(hint: Any) -> bool:
    return hint in (int, float) or bool({int, float} & set(get_args(hint)))


def _range(section: Any, entry: str) -> dict[str, Any]:
    """As the program itself tells it of a value that is far out."""
    told = f"{entry} may be anything"
    try:
        replace(section, **{entry: _FAR_BELOW})
    except InvalidSetting as error:
        told = str(error)
    found = _RANGE.search(told)
    assert found is not None, f"a range that is not told as others are: {told}"
    or_zero, *ends = found.groups()
    low, high = (json.loads(end) for end in ends)
    return {"minimum": 0 if or_zero else low, "maximum": high}


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _schema(hint: Any, bounds: dict[str, Any]) -> dict[str, Any]:
    if hint in _TYPES:
        return {"type": _TYPES[hint]} | (bounds if hint in (int, float) else {})
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": _schema(arguments[0], {})}
    assert origin in (Union, UnionType), f"a setting of a kind that is new here: {hint}"
    return {"anyOf": [_schema(each, bounds) for each in arguments]}


def main() -> None:
    """Bring the file up to date."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    schema["$defs"].update(definitions())
    SCHEMA.write_text(written(schema), encoding="utf-8")


if __name__ == "__main__":
    main()
