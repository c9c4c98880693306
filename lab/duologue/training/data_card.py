"""The data card: what a data set holds, where it comes from, and what it is not good for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

from duologue.states import State
from duologue.training.builder import MIN_LEAK_WORDS, BuildSettings
from duologue.training.corpora.records import Split
from duologue.training.sample import Sample, normalised
from duologue.training.written import WRITTEN

ORIGINS = {
    "clinc150": (
        "CLINC150 (clinc/oos-eval on GitHub, `data/data_full.json`)",
        "CC BY 3.0",
    ),
    "sgd": (
        "Schema-Guided Dialogue (google-research-datasets/"
        "dstc8-schema-guided-dialogue on GitHub, `dialogues_*.json`)",
        "CC BY-SA 4.0",
    ),
    "mrda": (
        "ICSI Meeting Recorder Dialog Act corpus (NathanDuran/MRDA-Corpus on GitHub)",
        "CC BY 4.0 (the ICSI corpus)",
    ),
    "nlupp": (
        "NLU++ (PolyAI-LDN/task-specific-datasets on GitHub, `nlupp/data`)",
        "CC BY 4.0",
    ),
    "restaurant8k": (
        "RESTAURANTS-8K (PolyAI-LDN/task-specific-datasets, `span_extraction/restaurant8k`)",
        "CC BY 4.0",
    ),
    "banking77": (
        "BANKING77 (PolyAI-LDN/task-specific-datasets, `banking_data`)",
        "CC BY 4.0",
    ),
    "slurp": (
        "SLURP (pswietojanski/slurp on GitHub; it holds HWU64's sentences)",
        "CC BY 4.0",
    ),
    "disfl_qa": ("Disfl-QA (google-research-datasets/Disfl-QA on GitHub)", "CC BY 4.0"),
    "cabnc": (
        "CABNC, the spoken British National Corpus (NathanDuran/CABNC-Corpus on GitHub)",
        "CC BY 3.0",
    ),
    "irc_ubuntu": (
        "#ubuntu logs (jkkummerfeld/irc-disentanglement on GitHub, `data`)",
        "CC BY 4.0",
    ),
    "wikipedia": (
        "Wikipedia sentences (clinc/oos-eval on GitHub, `data/all_wiki_sents.txt`)",
        "CC BY-SA 3.0",
    ),
    WRITTEN: (
        "Written one by one for this project (`training/written/`)",
        "Apache-2.0",
    ),
    "composed": (
        "Drawn from phrase grammars written for this project (`training/phrases/`)",
        "Apache-2.0",
    ),
}
MADE_FOR_THIS = ("composed", WRITTEN)


def data_card(
    splits: Mapping[Split, Sequence[Sample]],
    settings: BuildSettings,
    shortfalls: Mapping[str, int],
    command: str,
) -> str:
    """The card as Markdown."""
    sections = [
        "# Data card: the states of an utterance",
        f"Made by `{command}`; the same sources, seed and version give the same rows.",
        "## What is in it",
        _size_table(splits),
        "![training split](train.svg)",
        "Each row has `text` (what was heard so far), `label`, `category`, optionally `context` "
        "(turns before it), `speaking` (the assistant is in the middle of its reply to the last "
        "user turn) and `source`. About half is in written style and half like recognised speech: "
        "no case, no punctuation, numbers in words, fillers and repeats.",
        "## Where it comes from",
        _origin_table(splits),
        _composed_table(splits),
        "## What one should know",
        _caveats(settings),
        "## Examples",
        _examples(splits["train"]),
    ]
    if shortfalls:
        missing = ", ".join(f"{name}: {number}" for name, number in shortfalls.items())
        sections.insert(4, f"Too little material was found for these, which fell short: {missing}.")
    return "\n\n".join(sections) + "\n"


def _size_table(splits: Mapping[Split, Sequence[Sample]]) -> str:
    lines = ["| split | rows | " + " | ".join(State) + " |", "|---|" + "---|" * (len(State) + 1)]
    for name, samples in splits.items():
        counts = Counter(sample.label for sample in samples)
        cells = " | ".join(str(counts[state]) for state in State)
        lines.append(f"| {name} | {len(samples)} | {cells} |")
    return "\n".join(lines)


def _origin_table(splits: Mapping[Split, Sequence[Sample]]) -> str:
    counts = Counter(sample.source or "own rows" for sample in splits["train"])
    lines = ["| rows in train | origin | licence |", "|---|---|---|"]
    for source, number in counts.most_common():
        origin, licence = ORIGINS.get(source, ("The user's own rows", "the user's own"))
        lines.append(f"| {number} | {origin} | {licence} |")
    return "\n".join(lines)


def _composed_table(splits: Mapping[Split, Sequence[Sample]]) -> str:
    """How much of each label was made for this and not said: there, validation flatters."""
    lines = [
        "Composed or written for this, as a share of each label:",
        "| split | " + " | ".join(State) + " |",
        "|---|" + "---|" * len(State),
    ]
    for name, samples in splits.items():
        totals = Counter(sample.label for sample in samples)
        made = Counter(sample.label for sample in samples if sample.source in MADE_FOR_THIS)
        shares = (made[state] / max(1, totals[state]) for state in State)
        lines.append(f"| {name} | " + " | ".join(f"{share:.0%}" for share in shares) + " |")
    return lines[0] + "\n\n" + "\n".join(lines[1:])


def _caveats(settings: BuildSettings) -> str:
    return "\n".join(
        [
            "- Vocal tics, requests for silence, short answers, numbers in pieces, most talk that "
            "is meant for others and most interruptions are *composed* from templates: real "
            "corpora hardly have them. Validation uses templates that training never draws from. "
            "Answers with a reason behind them are *written* one by one, as others of each label.",
            "- Unfinished utterances are queries that were cut at a random place, and meeting "
            "utterances that their speakers broke off. A beginning that is itself a known "
            "complete text, ends a sentence, or lacks only dispensable words is never used; of "
            "those that could still pass for complete "
            f"{settings.doubtful_share:.0%} are kept, because a stream does pass through them.",
            "- What people say of others in meetings and at home counts as background, their "
            "questions that stand by themselves as queries, what somebody else says behind a "
            "question as its answer, and a message that names somebody as talk for others. The "
            "same words may well be meant otherwise.",
            f"- About {settings.spoken_cut_share:.0%} of the cuts begin queries that the same "
            f"split also holds whole. {settings.out_of_context_share:.0%} of the longer turns of "
            "dialogues stand without the turns before them.",
            f"- No text of {MIN_LEAK_WORDS} words or more occurs in both splits, whatever its "
            "style. Shorter ones do.",
            "- English only.",
        ]
    )


def _examples(samples: Sequence[Sample], per_category: int = 2) -> str:
    by_category: dict[tuple[State, str], list[Sample]] = {}
    for sample in samples:
        by_category.setdefault((sample.label, sample.category), []).append(sample)
    lines = ["| label | category | text |", "|---|---|---|"]
    for (label, category), group in sorted(by_category.items()):
        short = (s for s in group if len(s.text) < 90 and normalised(s.text))
        for sample in islice(short, per_category):
            lines.append(f"| {label} | {category} | {sample.text.replace('|', ' ')} |")
    return "\n".join(lines)
