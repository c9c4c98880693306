"""The figures of evaluation reports without their texts, small enough to keep, and their picture.

    duologue eval duplex --forward-ms 20 --strategy duo --report ./duo         # and turn, tdm
    duologue eval states --data unseen.jsonl --report ./unseen --streaming --limit 400
    python -m benchmarks.evaluation --duplex ./duo --duplex ./turn --states unseen=./unseen

Writes `results/duplex.json` and `docs/images/duplex.png` from the first, `results/states.json` from
the second, and `results/faithfulness.json` from `--faithfulness`. Nothing is measured here.
Scenarios come with the package and are named; rows of other people's corpora are only counted.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PICTURE = HERE.parent / "docs" / "images" / "duplex.png"
REPORT = "report.json"
SHOWN = {
    "yield_rate_two_ticks": "yields to\ninterruptions",
    "selectivity_backchannel": "carries on over\nbackchannels",
    "selectivity_vocal_tic": "carries on over\nvocal tics",
    "selectivity_non_directed": "over talk for\nothers, background",
    "hold_rate": "keeps silent\non demand",
}
MIN_CASES = 10
"""A share of fewer is not drawn: it would look like a finding."""
COLOURS = {"duo": "#d1733a", "duo, held right": "#e9b38d", "turn": "#3b6fb6", "tdm": "#8a8f98"}
Json = Mapping[str, Any]


def main(
    duplex: Annotated[list[Path] | None, typer.Option(help="Folders of duplex reports.")] = None,
    states: Annotated[
        list[str] | None, typer.Option(help="NAME=FOLDER of reports on state decisions.")
    ] = None,
    faithfulness: Annotated[Path | None, typer.Option(help="Folder of that report.")] = None,
) -> None:
    """Keep the figures of these reports."""
    if duplex:
        kept = {**_kept("duplex"), **duplex_figures([_read(folder) for folder in duplex])}
        _write("duplex", kept)
        draw(kept, PICTURE)
    if states:
        named = (each.partition("=") for each in states)
        _write("states", {name: states_figures(_read(Path(path))) for name, _, path in named})
    if faithfulness is not None:
        _write("faithfulness", faithfulness_figures(_read(faithfulness)))


def duplex_figures(reports: Sequence[Json]) -> dict[str, Any]:
    """Every strategy of some reports, with the latencies that the picture needs.

    A run with recognition held right is kept beside the one with the real head.
    """
    return {
        _run_name(name, report["run"]): {
            "run": report["run"],
            **_strategy(panel),
        }
        for report in reports
        for name, panel in report["strategies"].items()
    }


def _run_name(strategy: str, run: Json) -> str:
    is_held_right = run.get("recognition") == "held right"
    return f"{strategy}, held right" if is_held_right else strategy


def _strategy(panel: Json) -> dict[str, Any]:
    scenarios = panel["scenarios"]
    lines = [line for scenario in scenarios for line in scenario["lines"]]
    latencies = [line["response_latency_ms"] for line in lines]
    failed = {
        scenario["name"]: [
            f"{line['act']}: {what}" for line in scenario["lines"] for what in line["failures"]
        ]
        for scenario in scenarios
    }
    return {
        "scenarios": len(scenarios),
        "figures": panel["figures"],
        "passed_by_kind": panel["passed_by_kind"],
        "labels": panel["labels"],
        "not_applicable": panel["not_applicable"],
        "failed": {name: failures for name, failures in failed.items() if failures},
        "response_latencies_ms": sorted(each for each in latencies if each is not None),
    }


def states_figures(report: Json) -> dict[str, Any]:
    """All counts of a report on state decisions; its rows are in other files."""
    kept = {"run": report["run"], "states": report["states"]}
    return kept | ({"streaming": report["streaming"]} if "streaming" in report else {})


def faithfulness_figures(report: Json) -> dict[str, Any]:
    """The counts of each course; departures by number only."""
    found = report["faithfulness"]
    courses = {
        name: {**course, "departures": len(course["departures"])}
        for name, course in found["courses"].items()
    }
    return {"run": report["run"], **found, "courses": courses}


def draw(kept: Json, path: Path) -> None:
    """Shares beside their targets, and how soon replies began."""
    picture = Figure(figsize=(10, 3.8), layout="constrained")
    shares, latencies = picture.subplots(1, 2, width_ratios=(1.7, 1))
    _draw_shares(shares, kept)
    _draw_latencies(latencies, kept)
    picture.savefig(path, dpi=150)


def _draw_shares(axes: Axes, kept: Json) -> None:
    width = 0.8 / len(kept)
    for number, (name, strategy) in enumerate(kept.items()):
        places = [place + (number - (len(kept) - 1) / 2) * width for place in range(len(SHOWN))]
        values = [_share(strategy, figure) for figure in SHOWN]
        axes.bar(places, values, 0.9 * width, color=COLOURS[name])
    for place, figure in enumerate(SHOWN):
        target = next(iter(kept.values()))["figures"][figure]["target"]
        if target is not None:
            axes.hlines(target, place - 0.45, place + 0.45, color="#1c2430", linestyle="--")
    axes.set_xticks(range(len(SHOWN)), list(SHOWN.values()), fontsize=8)
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("share (dashed: target)")


def _draw_latencies(axes: Axes, kept: Json) -> None:
    for name, strategy in kept.items():
        values = strategy["response_latencies_ms"]
        shares = [(place + 1) / len(values) for place in range(len(values))]
        axes.step(
            [0, *values], [0, *shares], where="post", color=COLOURS[name], label=_name(name, kept)
        )
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("ms from the last word of a turn\nto the first text of its reply")
    axes.set_ylabel("share of answered turns")
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _share(strategy: Json, figure: str) -> float:
    value = strategy["figures"][figure]["value"]
    return float(value["share"]) if value["of"] >= MIN_CASES else 0.0


def _name(name: str, kept: Json) -> str:
    played = [strategy["scenarios"] for strategy in kept.values()]
    return name if len(set(played)) == 1 else f"{name} ({kept[name]['scenarios']} scenarios)"


def _read(folder: Path) -> Json:
    found: Json = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    return found


def _kept(name: str) -> Json:
    found: Json = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def _write(name: str, kept: Json) -> None:
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    typer.run(main)
