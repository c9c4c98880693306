"""`duo` against `tdm` and `turn` on the same conversations: forwards per slice, response latency.

    python -m benchmarks.strategies --quick
    python -m benchmarks.strategies --forward-ms 20

Recognition is held equal: a state head that knows the script says when a line is complete and what
it is, so that the strategies differ in nothing but how they share the time between listening and
speaking. For the same reason replies go on to their longest length, whatever the model would rather
do: it was never trained for time division, and soon falls silent there. `turn` reads no states and
waits for silence. `tdm` also runs at the slice length that was published for MiniCPM-duplex, 2 s,
with as many reply tokens per second. The conversations are the first of some kinds of the shipped
scenarios; variants take turns on each of them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, cast

import torch
import typer
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from duologue.engine.engine import Engine
from duologue.evaluation.duplex.acts import Act
from duologue.evaluation.duplex.oracle import ORACLE_THRESHOLDS, OracleHead
from duologue.evaluation.duplex.panel import Panel
from duologue.evaluation.duplex.reading import read_scenarios
from duologue.evaluation.duplex.record import Record
from duologue.evaluation.duplex.run import chosen_scenarios
from duologue.evaluation.duplex.scenario import Scenario
from duologue.evaluation.duplex.stage import Stage
from duologue.evaluation.metrics import Spread
from duologue.floor_settings import FloorSettings
from duologue.forward.packed import pack_linears
from duologue.forward.state_head import StateHead
from duologue.lane.slices import SliceResult
from duologue.lane.steps import Hear, Promote
from duologue.model.loading import load_model
from duologue.session.setup import SessionSetup
from duologue.settings import DecodingSettings, StrategyName

HERE = Path(__file__).resolve().parent
ALPHAS = (0, 1, 3, 5)
REPLY_TOKENS = 4
TICK_MS = 160
LONG_TICK_MS = 2000
KINDS = (Act.QUERY, Act.PAUSE, Act.INTERRUPTION, Act.TOPIC_CHANGE, Act.BACKCHANNEL, Act.BACKGROUND)
MAX_FORWARDS_RATIO, MAX_LATENCY_RATIO = 0.55, 0.5
"""The targets of DESIGN.md, section 9, for `duo` over `tdm`."""


class SliceKind(StrEnum):
    """What a slice had to do."""

    LISTENING = "only listening"
    SPEAKING = "only speaking"
    BOTH = "both"
    ANSWERING = "answering"
    """A query was decided in it, and the reply began."""


@dataclass(slots=True)
class Variant:
    """A strategy with its dials, and what was counted of it."""

    strategy: StrategyName
    alpha: int
    tick_ms: int = TICK_MS
    forwards: dict[SliceKind, list[int]] = field(default_factory=lambda: {k: [] for k in SliceKind})
    records: list[Record] = field(default_factory=list)

    @property
    def name(self) -> str:
        pace = "" if self.tick_ms == TICK_MS else f", {self.tick_ms / 1000:g} s slices"
        return f"{self.strategy}{pace}"

    @property
    def decoding(self) -> DecodingSettings:
        return DecodingSettings(
            strategy=self.strategy,
            tick_ms=self.tick_ms,
            look_ahead_tokens=self.alpha,
            reply_tokens_per_slice=REPLY_TOKENS * self.tick_ms // TICK_MS,
            reply_tokens_per_second=0,  # how many forwards k tokens take is what is compared
        )

    @property
    def panel(self) -> Panel:
        return Panel.of(self.records)

    @property
    def latency(self) -> Spread:
        return self.panel.response_latency

    @property
    def forwards_per_second(self) -> float:
        """Of the conversations' own time."""
        passed_s = sum(record.end_ms for record in self.records) / 1e3
        return sum(map(sum, self.forwards.values())) / passed_s

    def per_slice(self, kind: SliceKind | None = None) -> float | None:
        """Mean forwards of slices of a kind, or of all."""
        kinds = SliceKind if kind is None else (kind,)
        counts = [count for each in kinds for count in self.forwards[each]]
        return sum(counts) / len(counts) if counts else None

    def play(self, scenario: Scenario, theatre: "Theatre", forward_ms: float | None) -> None:
        """Play a scenario and count its slices."""
        # What differs is to be how the time is shared, and not when a reply is shown.
        eager = FloorSettings(mode="eager")
        setup = replace(theatre.setup, decoding=self.decoding, floor=eager)
        stage = Stage(scenario, theatre.engine, setup, forward_ms=forward_ms, oracle=theatre.oracle)
        was_speaking = False
        for report in stage.ticks():
            for result in report.results:
                self._count(result, was_speaking)
            was_speaking = stage.session.lane.is_speaking
        self.records.append(stage.record)

    def _count(self, result: SliceResult, was_speaking: bool) -> None:
        kind = _kind(result, was_speaking)
        if kind is not None:
            self.forwards[kind].append(result.num_forwards)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "strategy": self.strategy,
            "look_ahead_tokens": self.alpha,
            "tick_ms": self.tick_ms,
            "reply_tokens_per_slice": self.decoding.reply_tokens_per_slice,
            "forwards_per_slice": {
                "all": _rounded(self.per_slice()),
                **{str(kind): _rounded(self.per_slice(kind)) for kind in SliceKind},
            },
            "slices": {str(kind): len(counts) for kind, counts in self.forwards.items()},
            "forwards_per_second": _rounded(self.forwards_per_second),
            "response_latency_ms": self.latency.to_json(),
            "yield_latency_after_end_ms": self.panel.yield_latency_after_end.to_json(),
        }


def _kind(result: SliceResult, was_speaking: bool) -> SliceKind | None:
    if any(isinstance(step, Promote) and step.answer for step in result.steps):
        return SliceKind.ANSWERING
    heard = result.judgement is not None or any(isinstance(step, Hear) for step in result.steps)
    if was_speaking:
        return SliceKind.BOTH if heard else SliceKind.SPEAKING
    return SliceKind.LISTENING if heard else None


@dataclass(frozen=True, slots=True)
class Theatre:
    """The bundled model with a head that knows the script."""

    engine: Engine
    oracle: OracleHead
    setup: SessionSetup

    @classmethod
    def of_bundled_model(cls) -> "Theatre":
        model, oracle = load_model(), OracleHead()
        pack_linears(model.network)
        setup = SessionSetup(
            tokenizer=model.tokenizer,
            chat=replace(model.chat, stop_tokens=frozenset()),
            max_positions=model.geometry.max_positions,
            thresholds=ORACLE_THRESHOLDS,
        )
        return cls(Engine(model, cast(StateHead, oracle)), oracle, setup)


@dataclass(frozen=True, slots=True)
class Ratio:
    """`duo` over a form of `tdm`, at the same look-ahead."""

    what: str
    against: str
    alpha: int
    value: float | None
    limit: float

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "–"
        return "met" if self.value <= self.limit else "missed"


def main(
    scripts: Annotated[int, typer.Option(help="Conversations of each kind.")] = 2,
    threads: Annotated[int, typer.Option(help="Threads of the forward.")] = 2,
    forward_ms: Annotated[
        float | None,
        typer.Option(help="Charge each forward so much time; without it, what it takes here."),
    ] = None,
    json_path: Annotated[Path, typer.Option("--json", help="Where the figures go.")] = HERE
    / "results"
    / "strategies.json",
    plot_path: Annotated[Path, typer.Option("--plot", help="Where the plot goes.")] = HERE.parent
    / "docs"
    / "images"
    / "strategies.png",
    quick: Annotated[
        bool, typer.Option("--quick", help="Two kinds, one script, α 0 and 3; writes nothing.")
    ] = False,
) -> None:
    """Compare the strategies and print the ratios beside their targets."""
    torch.set_num_threads(threads)
    kinds, alphas = (KINDS[2:4], (0, 3)) if quick else (KINDS, ALPHAS)
    scenarios = chosen_scenarios(read_scenarios(), kinds, 1 if quick else scripts)
    variants = lineup(alphas)
    measure(variants, scenarios, forward_ms)
    console = Console(width=max(Console().width, 150))
    console.print(table(variants))
    found = ratios(variants)
    console.print(ratio_table(found))
    if not quick:
        write_json(variants, found, scenarios, forward_ms, json_path)
        plot(variants, plot_path)


def lineup(alphas: Sequence[int]) -> list[Variant]:
    """Each strategy with each look-ahead that makes a difference to it."""
    both = [Variant(name, alpha) for name in ("duo", "tdm") for alpha in alphas]
    long = [Variant("tdm", alpha, LONG_TICK_MS) for alpha in alphas]
    return [*both, *long, Variant("turn", 0)]


def measure(
    variants: Sequence[Variant], scenarios: Sequence[Scenario], forward_ms: float | None
) -> None:
    """Fill the variants, with a progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task("the model", total=len(variants) * len(scenarios))
        theatre = Theatre.of_bundled_model()
        for scenario in scenarios:
            for variant in variants:
                progress.update(task, description=f"{scenario.name}: {variant.name}")
                variant.play(scenario, theatre, forward_ms)
                progress.advance(task)


def ratios(variants: Sequence[Variant]) -> list[Ratio]:
    """What the targets are about."""
    found = []
    for duo in (each for each in variants if each.strategy == "duo"):
        for tdm in variants:
            if tdm.strategy != "tdm" or tdm.alpha != duo.alpha:
                continue
            if tdm.tick_ms == duo.tick_ms:
                for kind in (SliceKind.BOTH, None):
                    what = f"forwards per slice, {kind or 'all'}"
                    value = _over(duo.per_slice(kind), tdm.per_slice(kind))
                    found.append(Ratio(what, tdm.name, duo.alpha, value, MAX_FORWARDS_RATIO))
            value = _over(duo.latency.mean, tdm.latency.mean)
            found.append(Ratio("response latency", tdm.name, duo.alpha, value, MAX_LATENCY_RATIO))
    return sorted(found, key=lambda ratio: (ratio.what, ratio.against, ratio.alpha))


def table(variants: Sequence[Variant]) -> Table:
    """All variants with what was counted of them."""
    built = Table(
        "strategy", "α", "k", *map(str, SliceKind), "all", "per s", "latency ms", "p95", box=None
    )
    for each in variants:
        spread = each.latency
        built.add_row(
            each.name,
            "–" if each.strategy == "turn" else str(each.alpha),
            str(each.decoding.reply_tokens_per_slice),
            *(_shown(each.per_slice(kind)) for kind in SliceKind),
            _shown(each.per_slice()),
            _shown(each.forwards_per_second, 1),
            _shown(spread.mean, 0),
            _shown(spread.quantile(0.95), 0),
        )
    return built


def ratio_table(found: Sequence[Ratio]) -> Table:
    """The ratios beside their targets."""
    built = Table("duo over tdm", "against", "α", "ratio", "target", "", box=None)
    for each in found:
        colour = {"met": "green", "missed": "red"}.get(each.verdict, "")
        verdict = f"[{colour}]{each.verdict}[/{colour}]" if colour else each.verdict
        cells = (each.what, each.against, str(each.alpha), _shown(each.value), f"≤ {each.limit}")
        built.add_row(*cells, verdict)
    return built


def write_json(
    variants: Sequence[Variant],
    found: Sequence[Ratio],
    scenarios: Sequence[Scenario],
    forward_ms: float | None,
    path: Path,
) -> None:
    """All figures and how they came about."""
    content: Mapping[str, Any] = {
        "forward_ms": forward_ms or "measured",
        "threads": torch.get_num_threads(),
        "scenarios": [scenario.name for scenario in scenarios],
        "variants": [variant.to_json() for variant in variants],
        "ratios": [
            {
                "what": ratio.what,
                "against": ratio.against,
                "look_ahead_tokens": ratio.alpha,
                "ratio": _rounded(ratio.value),
                "target": ratio.limit,
                "verdict": ratio.verdict,
            }
            for ratio in found
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def plot(variants: Sequence[Variant], path: Path) -> None:
    """Forwards per slice and response latency over the look-ahead."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    counts, times = figure.subplots(1, 2)
    for strategy, colour in (("duo", "#3b6fb6"), ("tdm", "#d1733a")):
        of = [v for v in variants if v.strategy == strategy and v.tick_ms == TICK_MS]
        alphas = [v.alpha for v in of]
        for kind, style in ((SliceKind.BOTH, "-"), (SliceKind.LISTENING, "--")):
            values = [v.per_slice(kind) or 0.0 for v in of]
            label = f"{strategy}, {kind}"
            counts.plot(alphas, values, style, marker="o", color=colour, label=label)
    counts.set_xlabel("look-ahead α")
    counts.set_ylabel("forwards per slice")
    counts.set_ylim(bottom=0)
    counts.legend(frameon=False, fontsize=9)
    shown = [v for v in variants if v.alpha in (0, 3)]
    names = [v.name if v.strategy == "turn" else f"{v.name}, α={v.alpha}" for v in shown]
    times.barh(names, [v.latency.mean or 0.0 for v in shown], color="#3b6fb6")
    times.invert_yaxis()
    times.set_xlabel("mean ms from the last word to the reply's first text")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def _over(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _shown(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    typer.run(main)
