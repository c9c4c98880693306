"""The report on faithfulness: as JSON and as a page."""

from collections.abc import Sequence
from typing import Any

from duologue.evaluation.faithfulness.comparison import Comparison
from duologue.evaluation.faithfulness.course import DISTURBED_LOOK_AHEAD
from duologue.evaluation.faithfulness.prompts import DISTURBANCES
from duologue.evaluation.faithfulness.reply import Reply
from duologue.evaluation.page import ReportPage, Verdict
from duologue.text.tokenizer import Tokenizer

_SHOWN_REPLIES = 8
_SHOWN_CHARS = 280


def faithfulness_json(
    comparisons: Sequence[Comparison], expected: Sequence[Reply], max_tokens: int
) -> dict[str, Any]:
    """The figures as report.json holds them."""
    return {
        "prompts": len(expected),
        "max_tokens": max_tokens,
        "reference_tokens": sum(len(reply.tokens) for reply in expected),
        "reference_stopped": sum(reply.has_stopped for reply in expected),
        "courses": {str(each.answers.course): each.to_json() for each in comparisons},
    }


def show_faithfulness(
    page: ReportPage,
    comparisons: Sequence[Comparison],
    prompts: Sequence[str],
    expected: Sequence[Reply],
    tokenizer: Tokenizer,
) -> None:
    """How many replies are equal in each course, what differs, and some replies to read."""
    page.heading("Replies equal to the unmodified model's")
    page.paragraph(
        "The model's own replies are those of transformers' generate with eager attention, greedy "
        "in float32, to prompts laid out by the model's own chat template. Each prompt was then "
        "answered in a session under duo, many sessions sharing their forwards, and compared token "
        "for token, the end included."
    )
    page.table(
        ["heard during the reply", "equal", "", "tokens", "not cut off", "ignored", "forwards"],
        [
            (
                each.answers.course,
                each.equal,
                Verdict(not each.departures),
                each.num_tokens,
                each.whole,
                each.ignored,
                each.answers.num_forwards,
            )
            for each in comparisons
        ],
        "A reply that was cut off is compared as far as it went. “Ignored”: of the decisions about "
        "what was heard, those that let the reply go on.",
    )
    page.bullets(
        [
            "quiet: nothing is heard.",
            "disturbed: backchannels and background text arrive in pieces while the reply runs; "
            "the state is forced to be incomplete until the last piece, then not a query, with "
            f"{DISTURBED_LOOK_AHEAD} look-ahead tokens at least. It is the mechanism that is "
            "tested.",
            "disturbed, really judged: the same, but the state head decides. What it takes for a "
            "query or for a request for silence cuts the reply off.",
        ]
    )
    _show_departures(page, comparisons)
    page.heading("What was heard")
    page.bullets(DISTURBANCES)
    page.heading("Some replies")
    shown = zip(prompts[:_SHOWN_REPLIES], expected, strict=False)
    page.table(
        ["prompt", "reply"],
        [(prompt, _shortened(tokenizer.decode(reply.tokens))) for prompt, reply in shown],
    )


def _show_departures(page: ReportPage, comparisons: Sequence[Comparison]) -> None:
    rows = [
        (
            each.answers.course,
            found.number,
            found.prompt,
            found.place,
            found.said,
            found.expected,
            f"{found.margin:.2g}",
        )
        for each in comparisons
        for found in each.departures
    ]
    if rows:
        page.heading("Departures")
        page.table(
            ["course", "prompt", "text", "at token", "said", "expected", "margin in logits"], rows
        )


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"
