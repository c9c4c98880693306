"""`duologue data`: build the data set from which state heads are trained."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duologue.cli.options import JsonOption
from duologue.cli.terminal import output, print_json

if TYPE_CHECKING:
    from duologue.training.sample import Sample

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def data() -> None:
    """Build the data from which a model learns to tell the states of an utterance."""


@app.command(
    "build",
    epilog=(
        "[b]Examples[/b]\n\nduologue data build --source ./corpora --out ./states\n\n"
        "duologue data build --source ./corpora --source ./my-rows --out ./states --seed 7"
    ),
)
def build(
    source: Annotated[
        list[Path],
        typer.Option(
            metavar="DIR",
            help="Folder with corpora (CLINC150 data_full.json, Schema-Guided dialogues_*.json, "
            "MRDA meeting .txt files, .jsonl rows of a known kind); may be repeated.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write the data set.")],
    size: Annotated[int, typer.Option(min=100, max=100_000, help="Training samples.")] = 10_000,
    val: Annotated[int, typer.Option(min=100, help="Validation samples.")] = 2_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = 0,
    real_share: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Least share of what corpora say, in each category of which they have any.",
        ),
    ] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Make labelled utterances from public corpora, phrase grammars and your own rows.

    Own rows are JSON Lines of [b]text[/b], [b]label[/b] (query, non_query, incomplete, hold) and,
    if you like, [b]category[/b], [b]context[/b] (a list of role and text) and [b]speaking[/b].
    """
    from duologue.training.builder import BuildSettings
    from duologue.training.data_set import CARD, build_data_set

    settings = BuildSettings(size, val, seed, real_share=real_share)
    splits = build_data_set(source, out, settings)
    if as_json:
        rows = {str(split): _num_by_label(samples) for split, samples in splits.items()}
        print_json({"rows": rows, "card": str(out / CARD)})
        return
    for split, samples in splits.items():
        output().print(f"{split}: {_summary(samples)}", soft_wrap=True)
    output().print(f"data card: {out / CARD}", soft_wrap=True)


def register(parent: typer.Typer) -> None:
    """Add the group of commands."""
    parent.add_typer(app, name="data", rich_help_panel="Teaching a model")


def _num_by_label(samples: "list[Sample]") -> "dict[str, int]":
    """The most frequent first."""
    from collections import Counter

    return dict(Counter(str(sample.label) for sample in samples).most_common())


def _summary(samples: "list[Sample]") -> str:
    counts = _num_by_label(samples)
    parts = ", ".join(f"{number} {label}" for label, number in counts.items())
    return f"{len(samples)} rows ({parts})"
