"""The model card that lies beside an adapter's weights."""

from collections.abc import Mapping
from typing import Any

from duologue.forward.state_head import AdapterCard

ADAPTER_CARD = "README.md"


def adapter_card(card: AdapterCard, command: str, data_note: str) -> str:
    """The card as Markdown: what it is for, how it was made, how good it is, what it is not."""
    figures = card.metrics
    sections = [
        f"# State adapter for {card.model_name}",
        "Tells what an utterance in progress asks of the assistant: "
        + ", ".join(f"`{label}`" for label in card.labels)
        + ". It reads hidden states at the last token of the utterance "
        f"({_layer_names(card)}). {_what_it_changes(card)}",
        "## How it was made",
        f"```\n{command}\n```",
        data_note,
        f"{card.training.get('samples', 0)} training samples, model fingerprint "
        f"`{card.model_fingerprint}`. The command and the seed reproduce these figures to "
        f"within {_tolerance(card)}: another machine, or another number of threads, rounds "
        "differently.",
        "## Figures on the validation split",
        _recall_table(figures),
        _category_table(figures),
        "Expected calibration error: "
        f"{figures.get('calibration_error', 0):.3f}. Share of the words inside unfinished queries "
        f"at which it would answer: {figures.get('premature_trigger_share', 0):.1%} (an upper "
        "bound: some beginnings are whole queries); "
        f"{figures.get('unfinished_trigger_share', 0):.1%} of those that cannot pass for one. "
        f"{_confirmation(card)}",
        "## Limits",
        "English. Talk meant for others, vocal tics and requests for silence were learned from "
        "composed phrases, so recall on real ones is lower than this table says. A query whose "
        "beginning is itself a query can be answered too early.",
        "## Licence",
        "Apache-2.0 for the weights. The training texts have licences of their own, which the data "
        "set's card names; none of them is contained in the adapter.",
    ]
    return "\n\n".join(sections) + "\n"


def _confirmation(card: AdapterCard) -> str:
    if card.confirm_above is None:
        return ""
    return (
        f"A query is sure from {card.confirm_above} on, which hardly any turn reaches before its "
        f"end; {card.metrics.get('ends_sure_share', 0):.1%} of the true ends do."
    )


def _layer_names(card: AdapterCard) -> str:
    names = ["the final-norm state" if x < 0 else f"the output of layer {x}" for x in card.layers]
    return ", ".join(names)


def _what_it_changes(card: AdapterCard) -> str:
    if not card.lora_rank:
        return "It changes nothing in the model."
    return (
        f"Low-rank updates (rank {card.lora_rank}) adapt the rows of the input channel, and no "
        "others: what the model says is computed from its own, unchanged weights, and is what it "
        "would have said without the adapter."
    )


def _tolerance(card: AdapterCard) -> str:
    return "two percentage points" if card.lora_rank else "one percentage point"


def _recall_table(figures: Mapping[str, Any]) -> str:
    lines = ["| label | recall | precision |", "|---|---|---|"]
    precision = figures.get("precision", {})
    for label, recall in figures.get("recall", {}).items():
        lines.append(f"| {label} | {recall:.3f} | {precision[label]:.3f} |")
    return "\n".join(lines)


def _category_table(figures: Mapping[str, Any]) -> str:
    lines = ["| category | recall |", "|---|---|"]
    for category, recall in figures.get("recall_by_category", {}).items():
        lines.append(f"| {category} | {recall:.3f} |")
    return "\n".join(lines)
