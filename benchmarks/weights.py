"""What 8-bit weights cost: in the next token, in replies, and in what is made of an utterance.

    duologue data build --source ./corpora --out ./states
    python -m benchmarks.weights --data ./states/val.jsonl

The same model is run in float32 by torch's kernels, in bfloat16 by the native ones, and by these
with 8-bit weights. Three things are counted:

- on the dialogues of the rows in `--data`, all tokens of which are read: how often the likeliest
  next token is that of float32, the Kullback-Leibler divergence from it, and the perplexity;
- on the prompts that come with the package: how many greedy replies are the same tokens, and how
  many tokens are the same before the first that is not;
- on the rows of `--data`, which have labels: the recall of each label at the shipped thresholds.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import exp
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.closeness import Closeness, Reader
from duologue.engine.engine import Engine
from duologue.evaluation.faithfulness.course import Course, answer
from duologue.evaluation.faithfulness.prompts import SHIPPED, read_prompts
from duologue.evaluation.faithfulness.reply import Reply, difference
from duologue.evaluation.forced import ForcedHead
from duologue.evaluation.metrics import Share
from duologue.evaluation.prediction import Prediction
from duologue.evaluation.reading import read_states
from duologue.evaluation.rows import Row, evenly_drawn, read_state_rows
from duologue.evaluation.states import StateFigures
from duologue.evaluation.trunk import trunk_tokens
from duologue.runtime.assembly import Assembly, assemble
from duologue.settings import Settings
from duologue.states import State

HERE = Path(__file__).resolve().parent
RUNS: dict[str, dict[str, Any]] = {
    "float32, torch": {"dtype": "float32", "kernels": "torch"},
    "bfloat16, native": {"dtype": "bfloat16", "kernels": "native"},
    "int8, native": {"dtype": "bfloat16", "kernels": "native", "weights": "int8"},
}
"""Settings of the model; the others are compared with the first."""


@dataclass(slots=True)
class Figures:
    """Of one run."""

    closeness: Closeness = field(default_factory=Closeness)
    replies: Sequence[Reply] = ()
    states: StateFigures | None = None


def main(
    data: Annotated[Path, typer.Option(help="Labelled rows, as `duologue eval states` has them.")],
    rows: Annotated[int, typer.Option(help="Rows that are judged, evenly over the labels.")] = 400,
    tokens: Annotated[int, typer.Option(help="Tokens of dialogues that are read.")] = 6000,
    prompts: Annotated[int, typer.Option(help="Prompts that are answered.")] = 100,
    reply_tokens: Annotated[int, typer.Option(help="Tokens of a reply at the most.")] = 64,
    json_path: Annotated[Path, typer.Option("--json", help="Where the figures go.")] = HERE
    / "results"
    / "weights.json",
) -> None:
    """Compare 8-bit weights with the model in bfloat16 and in float32."""
    settings = _settings(reply_tokens)
    assemblies = {
        name: assemble(replace(settings, model=replace(settings.model, **chosen)))
        for name, chosen in RUNS.items()
    }
    found = {name: Figures() for name in RUNS}
    labelled = read_state_rows(data)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=3)
        _read_dialogues(assemblies, found, labelled, tokens)
        progress.advance(task)
        texts = read_prompts(SHIPPED)[:prompts]
        for name, assembly in assemblies.items():
            found[name].replies = _replies(assembly, texts)
        progress.advance(task)
        for name, assembly in assemblies.items():
            found[name].states = _states(assembly, evenly_drawn(labelled, rows, seed=0))
        progress.advance(task)
    figures = {name: _figures(figures, found) for name, figures in found.items()}
    Console().print(_table(figures))
    kept = {"data": data.name, "runs": figures}
    json_path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _settings(reply_tokens: int) -> Settings:
    plain = Settings()
    return replace(
        plain,
        decoding=replace(plain.decoding, max_reply_tokens=reply_tokens),
        sampling=replace(plain.sampling, temperature=0.0, repetition_penalty=1.0),
    )


def _read_dialogues(
    assemblies: dict[str, Assembly], found: dict[str, Figures], rows: Sequence[Row], tokens: int
) -> None:
    """Read different dialogues, the longest first, until there are enough tokens."""
    readers = {name: Reader(assembly.model) for name, assembly in assemblies.items()}
    setup = next(iter(assemblies.values())).setup
    dialogues = {row.heard_context for row in rows}
    by_length = sorted(dialogues, key=lambda turns: (-len(turns), str(turns)))
    count = 0
    for turns in by_length:
        if count >= tokens:
            break
        text = trunk_tokens(setup, turns)
        count += len(text)
        truth = None
        for name, reader in readers.items():
            read = reader.log_probabilities(text)
            truth = read if truth is None else truth
            # What every conversation opens with tells nothing.
            found[name].closeness.add(truth, read, text, first=len(setup.opening))


def _replies(assembly: Assembly, prompts: Sequence[str]) -> Sequence[Reply]:
    assert assembly.head is not None, "duo has a state head"
    head = ForcedHead(assembly.head)
    engine = Engine(assembly.model, head.as_head, assembly.engine.settings)
    return answer(engine, head, assembly.setup, prompts, Course.QUIET).replies


def _states(assembly: Assembly, rows: Sequence[Row]) -> StateFigures:
    judge = assembly.setup.profile.judge
    judgements = read_states(assembly.engine, assembly.setup, rows)
    pairs = zip(rows, judgements, strict=True)
    return StateFigures([Prediction.of(row, judgement, judge) for row, judgement in pairs])


def _figures(its: Figures, found: dict[str, Figures]) -> dict[str, Any]:
    assert its.states is not None
    closeness, confusion = its.closeness, its.states.confusion
    kept: dict[str, Any] = {
        "tokens": closeness.num_tokens,
        "top_token_agrees": round(closeness.agreement, 4),
        "divergence": round(closeness.divergence, 5),
        "perplexity": round(exp(closeness.negative_log_likelihood), 3),
    }
    for name, other in list(found.items())[:2]:
        departures = [difference(*pair) for pair in zip(its.replies, other.replies, strict=True)]
        same = [
            len(theirs.tokens) if place is None else place
            for place, theirs in zip(departures, other.replies, strict=True)
        ]
        kept[f"replies_equal_to_{name}"] = Share.of(place is None for place in departures).to_json()
        kept[f"tokens_before_departing_from_{name}"] = {
            "mean": round(sum(same) / len(same), 1),
            "of": round(sum(len(reply.tokens) for reply in other.replies) / len(same), 1),
        }
    kept["recall"] = {str(state): confusion.recall(state).to_json() for state in State}
    error = its.states.calibration_error
    kept["calibration_error"] = None if error is None else round(error, 4)
    kept["decided_as_by_float32"] = _decided_alike(its, next(iter(found.values()))).to_json()
    return kept


def _decided_alike(its: Figures, other: Figures) -> Share:
    assert its.states is not None
    assert other.states is not None
    pairs = zip(its.states.predictions, other.states.predictions, strict=True)
    return Share.of(mine.decided == theirs.decided for mine, theirs in pairs)


def _table(figures: dict[str, dict[str, Any]]) -> Table:
    shown = Table("", *figures, title="8-bit weights beside the model's own")
    for name in next(iter(figures.values())):
        values = [its[name] for its in figures.values()]
        if name == "recall":
            for state in State:
                shown.add_row(f"recall of {state}", *(_text(value[str(state)]) for value in values))
        else:
            shown.add_row(name.replace("_", " "), *map(_text, values))
    return shown


def _text(value: Any) -> str:
    if isinstance(value, dict) and "share" in value:
        return f"{value['share']:.3f} ({value['hits']}/{value['of']})"
    if isinstance(value, dict):
        return f"{value['mean']} of {value['of']}"
    return str(value)


if __name__ == "__main__":
    typer.run(main)
