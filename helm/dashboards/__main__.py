"""Writes the dashboards into the chart: `python -m helm.dashboards`, or `make dashboards`."""

import json
from pathlib import Path

from helm.dashboards.models import MODELS
from helm.dashboards.panels import Dashboard
from helm.dashboards.service import SERVICE

FOLDER = Path(__file__).resolve().parent.parent / "duologue" / "dashboards"
DASHBOARDS = {"service.json": SERVICE, "models.json": MODELS}


def text_of(dashboard: Dashboard) -> str:
    """The file's contents."""
    return json.dumps(dashboard.to_json(), indent=2) + "\n"


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, dashboard in DASHBOARDS.items():
        (FOLDER / name).write_text(text_of(dashboard), encoding="utf-8")


if __name__ == "__main__":
    main()
