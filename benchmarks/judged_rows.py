"""The utterances that judge an ear, as rows for `duologue eval states`.

    python -m benchmarks.judged_rows final --out final.jsonl
    python -m benchmarks.judged_rows final --out final.jsonl --against ./states

`judged/development` and `judged/final` hold utterances that were written for this, by different
writers, without a look at the phrase grammars or at each other, in the form that
`duologue.training.written` reads. They are never to be trained on; `--against` leaves out what the
training rows of a data set have, too. Half of the rows are written as recognised speech: without
case and marks, numbers in words.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from duologue.training.builder import MIN_LEAK_WORDS
from duologue.training.sample import Sample, normalised, read_samples, write_samples
from duologue.training.styles import as_heard
from duologue.training.written import written_rows

FOLDER = Path(__file__).with_name("judged")
FINAL = "final"
SETS = ("development", FINAL)


def judged_rows(name: str) -> list[Sample]:
    """All rows of a set, each once, half of them as a recogniser hears them; always the same.

    What both sets have is in the final one alone, but for texts of fewer than four words.
    """
    rng = Random(name)
    rows = [_heard(row, rng) if rng.random() < 0.5 else row for row in _rows_in(FOLDER / name)]
    return rows if name == FINAL else without_texts_of(rows, judged_rows(FINAL))


def without_texts_of(rows: Sequence[Sample], known: Iterable[Sample]) -> list[Sample]:
    """The rows whose text of four words or more is none of the known ones'."""
    texts = {normalised(sample.text) for sample in known}
    return [
        row
        for row in rows
        if len((words := normalised(row.text)).split()) < MIN_LEAK_WORDS or words not in texts
    ]


def _rows_in(folder: Path) -> list[Sample]:
    rows: dict[tuple[object, ...], Sample] = {}
    for path in sorted(folder.glob("*.txt")):
        for row in written_rows(path.read_text(encoding="utf-8").splitlines()):
            rows.setdefault((normalised(row.text), row.context, row.speaking), row)
    return list(rows.values())


def _heard(row: Sample, rng: Random) -> Sample:
    return replace(row, text=as_heard(row.text, rng, disfluent=False) or row.text)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=SETS)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--against", type=Path, help="a folder that `duologue data build` wrote")
    arguments = parser.parse_args()
    rows = judged_rows(arguments.name)
    if arguments.against is not None:
        kept = without_texts_of(rows, read_samples(arguments.against / "train.jsonl"))
        print(f"{len(rows) - len(kept)} rows left out: their texts are among the training rows'")
        rows = kept
    write_samples(arguments.out, rows)
    labels = Counter(str(row.label) for row in rows)
    print(f"{len(rows)} rows:", ", ".join(f"{count} {name}" for name, count in labels.items()))


if __name__ == "__main__":
    main()
