"""How surely it is told that a text is not English, and what becomes of those who speak so.

    python -m benchmarks.language TEXTS.jsonl...     English texts: how many are called foreign
    python -m benchmarks.language --say 2            and every second foreign utterance is said

Each line of a file of English texts is a JSON object with its "text", or with "turns" that have
one. The foreign utterances are `foreign_utterances.txt`, twenty of each language, as they are
written, in small letters without marks, and without the marks on their letters too.
"""

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import regex

from duologue.evaluation.rows import Row
from duologue.evaluation.streaming.course import StreamedText
from duologue.evaluation.streaming.play import StreamingSettings, play
from duologue.floor_settings import ForeignName
from duologue.runtime.assembly import Assembly, assemble
from duologue.settings import Settings
from duologue.states import State
from duologue.text.language import is_foreign, plain
from duologue.training.sample import Sample

FOREIGN = Path(__file__).with_name("foreign_utterances.txt")
WORD_MS = 350
_MARKS = regex.compile(r"(?!['’])\p{P}")


def bare(text: str) -> str:
    """As a recogniser without marks writes it."""
    return " ".join(_MARKS.sub("", text).lower().split())


WRITTEN: dict[str, Callable[[str], str]] = {
    "as written": lambda text: text,
    "without marks": bare,
    "in plain letters": lambda text: plain(bare(text)),
}


def foreign_utterances() -> dict[str, list[str]]:
    """By language."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    language = ""
    for line in FOREIGN.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            language = line[2:]
        else:
            found[language].append(line)
    return dict(found)


def english_texts(path: Path) -> Iterator[str]:
    """All texts of a file, each turn being one."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield from (turn["text"] for turn in row.get("turns", [row]) if "text" in turn)


def main(argv: Sequence[str] | None = None) -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("english", type=Path, nargs="*", help="files of English texts")
    parser.add_argument("--say", type=int, metavar="N", help="say each Nth utterance to the ear")
    options = parser.parse_args(argv)
    _print_foreign()
    for path in options.english:
        _print_english(path)
    if options.say:
        _print_courses(list(_each(options.say)))


def _print_foreign() -> None:
    print(f"{'told to be foreign':24}" + "".join(f"{name:>18}" for name in WRITTEN))
    totals, num_all = Counter[str](), 0
    for language, texts in foreign_utterances().items():
        found = {name: sum(map(is_foreign, map(write, texts))) for name, write in WRITTEN.items()}
        totals.update(found)
        num_all += len(texts)
        print(f"{language:24}" + "".join(f"{n:>13} / {len(texts)}" for n in found.values()))
    print(f"{'all':24}" + "".join(f"{totals[name] / num_all:>18.3f}" for name in WRITTEN))


def _print_english(path: Path) -> None:
    texts = list(english_texts(path))
    is_foreign.cache_clear()
    start = time.process_time()
    called = [text for text in texts if is_foreign(text)]
    each_us = (time.process_time() - start) / max(1, len(texts)) * 1e6
    print(
        f"{path.name}: {len(called)} of {len(texts)} called foreign, {each_us:.0f} µs of CPU a text"
    )
    for text in called[:10]:
        print(f"    {text:.100}")


def _each(nth: int) -> Iterator[str]:
    for texts in foreign_utterances().values():
        yield from texts[::nth]


def _print_courses(texts: Sequence[str]) -> None:
    assembly = assemble(Settings())
    for name in ("as written", "without marks"):
        for foreign in get_args(ForeignName):
            rows = [
                Row(line, Sample(WRITTEN[name](text), State.QUERY))
                for line, text in enumerate(texts, start=1)
            ]
            fates = Counter(_fate(course) for course in _said(assembly, rows, foreign))
            told = ", ".join(f"{fate} {n / len(rows):.3f}" for fate, n in sorted(fates.items()))
            print(f"{len(rows)} said {name}, listening.foreign = {foreign}: {told}", flush=True)


def _said(assembly: Assembly, rows: Sequence[Row], foreign: ForeignName) -> Sequence[StreamedText]:
    setup = assembly.setup
    heard = replace(
        setup,
        listening=replace(setup.listening, foreign=foreign),
        decoding=replace(setup.decoding, max_reply_tokens=1),  # what is said plays no part
    )
    settings = StreamingSettings(word_ms=WORD_MS, alphas=(0,))
    return play(assembly.engine, heard, rows, settings, alpha=0).courses


def _fate(course: StreamedText) -> str:
    """What became of an utterance that wants an answer."""
    lost = [each for each in course.premature if not each.was_taken_back]
    if course.last is None:
        return "nothing came of it"
    if course.last.state is not State.QUERY:
        return f"ended as {course.last.state}"
    if not lost:
        return "answered whole"
    return f"answered behind a {lost[0].state}"


if __name__ == "__main__":
    main()
