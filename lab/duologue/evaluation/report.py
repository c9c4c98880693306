"""A report on disk: `report.json` for programs, `index.html` for people, in one folder."""

from collections.abc import Mapping
from importlib.metadata import version
from json import dumps
from pathlib import Path
from typing import Any

from duologue.errors import InvalidInput
from duologue.evaluation.page import ReportPage
from duologue.runtime.assembly import Assembly

JSON_FILE = "report.json"
PAGE_FILE = "index.html"


def run_facts(assembly: Assembly) -> dict[str, Any]:
    """What was measured: the model, its adapter, and the settings that decisions depend on."""
    model, head, decoding = assembly.model, assembly.head, assembly.setup.decoding
    return {
        "duologue": version("duologue"),
        "model": model.name,
        "fingerprint": model.fingerprint,
        "dtype": str(model.dtype).removeprefix("torch."),
        "device": str(model.device),
        "head_layers": list(head.layers) if head is not None else None,
        "thresholds": {str(state): limit for state, limit in assembly.setup.thresholds.items()},
        "strategy": decoding.strategy,
        "look_ahead_tokens": decoding.look_ahead_tokens,
        "tick_ms": decoding.tick_ms,
        "reconsider_after_ms": decoding.reconsider_after_ms,
        "reconsider_scale": decoding.reconsider_scale,
        "decide_after_ms": decoding.decide_after_ms,
        "continues_within_ms": decoding.continues_within_ms,
        "system_prompt": decoding.system_prompt,
    }


def show_facts(page: ReportPage, facts: Mapping[str, Any]) -> None:
    """The facts of the run as a table at the end of a page."""
    page.heading("What was measured")
    shown = [(name.replace("_", " "), _in_words(value)) for name, value in facts.items()]
    page.table(["", "value"], shown)


def make_folder(folder: Path) -> None:
    """Make the report's folder before the work begins; raises InvalidInput if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"report: {folder} cannot be made a folder: {error.strerror}") from error


def write_report(folder: Path, report: Mapping[str, Any], page: ReportPage) -> None:
    """Write both files, replacing older ones."""
    text = dumps(report, indent=2, ensure_ascii=False)
    (folder / JSON_FILE).write_text(text + "\n", encoding="utf-8")
    page.write(folder / PAGE_FILE)


def _in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {part:g}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "–" if value is None or value == "" else str(value)
