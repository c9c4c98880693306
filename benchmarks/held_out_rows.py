"""What people said in the parts of corpora that training leaves out, for `duologue eval states`.

    duologue data build --source ./corpora --size 1000 --val 20000 --out ./wide
    python -m benchmarks.held_out_rows ./wide --against ./states --out people.jsonl

A validation split is drawn from what training never draws from. Of a large one, these are the rows
whose words come from a corpus: none that a grammar composed or that was written for the project.
Their labels are the builder's, from the corpora's own annotation, and not every one is right. A
row's category is its corpus and what the builder took it for.
"""

import argparse
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from benchmarks.judged_rows import without_texts_of
from duologue.training.data_card import MADE_FOR_THIS
from duologue.training.data_set import read_data_set
from duologue.training.sample import Sample, read_samples, write_samples


def held_out_rows(val: Iterable[Sample], train: Iterable[Sample]) -> list[Sample]:
    """The rows of corpora whose text of four words or more no training row has."""
    real = [sample for sample in val if sample.source not in MADE_FOR_THIS]
    return [
        replace(sample, category=f"{sample.source}: {sample.category}")
        for sample in without_texts_of(real, train)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="a data set with a large validation split")
    parser.add_argument("--against", type=Path, required=True, help="the data set trained on")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    rows = held_out_rows(
        read_data_set(arguments.folder)["val"], read_samples(arguments.against / "train.jsonl")
    )
    write_samples(arguments.out, rows)
    labels = Counter(str(row.label) for row in rows)
    print(f"{len(rows)} rows:", ", ".join(f"{count} {name}" for name, count in labels.items()))


if __name__ == "__main__":
    main()
