"""Makes schemas/kuberay-1.7.0.json.gz from KubeRay's CRDs.

The CRDs are those of KubeRay 1.7.0 (https://github.com/ray-project/kuberay, Apache-2.0), from
helm-chart/kuberay-operator/crds. What is left of them: version v1, without descriptions; and
objects are closed, so that a misspelt field is refused rather than dropped, as an API server would.

    python -m tests.chart.kuberay_schemas ray.io_rayclusters.yaml ray.io_rayservices.yaml
"""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent / "schemas" / "kuberay-1.7.0.json.gz"

_LEFT_OUT = {"description", "format", "default"}


def trimmed(crd: Path) -> tuple[str, dict[str, Any]]:
    """The kind, and what is left of its schema."""
    definition = yaml.safe_load(crd.read_text(encoding="utf-8"))["spec"]
    version = next(each for each in definition["versions"] if each["name"] == "v1")
    schema = _closed(version["schema"]["openAPIV3Schema"])
    # A CRD leaves it to the API server what metadata is.
    schema["properties"]["metadata"] = {"type": "object"}
    return definition["names"]["kind"], schema


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    kept = {
        name: value
        for name, value in schema.items()
        if name not in _LEFT_OUT and not name.startswith("x-")
    }
    if "properties" in kept:
        kept["properties"] = {name: _closed(each) for name, each in kept["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            kept.setdefault("additionalProperties", False)
    for name in ("items", "additionalProperties"):
        if isinstance(kept.get(name), dict):
            kept[name] = _closed(kept[name])
    return kept


def main(crds: list[str]) -> None:
    """Write the file; the same one for the same CRDs."""
    kinds = dict(trimmed(Path(each)) for each in crds)
    text = json.dumps(kinds, separators=(",", ":"), sort_keys=True)
    FILE.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main(sys.argv[1:])
