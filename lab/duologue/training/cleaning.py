"""Labels that the other rows contradict: found by cross-validation, and left out of training.

Each part of the training rows is judged by a head that was fitted to the others. A row that such a
head surely takes for another state is more often labelled wrongly than hard (confident learning,
arXiv 1911.00068). Validation rows are never left out.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from json import dumps
from pathlib import Path

import torch
from torch import Tensor

from duologue.forward.state_head import dense_scores
from duologue.states import State
from duologue.training.features import Advance
from duologue.training.head_fit import FitSettings, fit_head
from duologue.training.sample import Sample

NUM_PARTS = 4
SURELY = 0.95
"""From this probability of another state on, a label is doubted ..."""
HARDLY = 0.02
"""... if its own is below this."""
MAX_EPOCHS = 6


@dataclass(frozen=True, slots=True)
class Doubt:
    """A row whose label the others contradict."""

    place: int
    label: State
    taken_for: State


def doubts(
    features: Tensor,
    labels: Tensor,
    order: Sequence[State],
    settings: FitSettings,
    advance: Advance = lambda done: None,
) -> list[Doubt]:
    """The rows whose labels heads that did not learn from them contradict.

    `features` is float32 `[rows, width]`, `labels` their columns. `advance` hears of judged rows.
    The same rows and settings give the same doubts.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    parts = torch.randperm(len(labels), generator=generator).chunk(NUM_PARTS)
    # A smoothed label would keep every probability below what is sure.
    quick = replace(settings, max_epochs=MAX_EPOCHS, label_smoothing=0.0)
    found = []
    for number, part in enumerate(parts):
        others = torch.cat([other for place, other in enumerate(parts) if place != number])
        learned = (features[others], labels[others])
        fitted = fit_head(learned, learned, len(order), quick)
        probabilities = torch.softmax(dense_scores(fitted.dense, features[part]), dim=-1)
        found += _contradicted(part, labels[part], probabilities, order)
        advance(len(part))
    return sorted(found, key=lambda doubt: doubt.place)


def write_doubts(path: Path, doubted: Sequence[Doubt], samples: Sequence[Sample]) -> None:
    """One JSON object per doubted row: the row, and what it was taken for."""
    rows = ({**samples[one.place].to_json(), "taken_for": str(one.taken_for)} for one in doubted)
    path.write_text("".join(dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def doubts_note(doubted: Sequence[Doubt], samples: Sequence[Sample]) -> str:
    """How many rows of which categories were left out, in words."""
    counts = Counter(samples[one.place].category or "no category" for one in doubted)
    named = ", ".join(f"{name} {number}" for name, number in counts.most_common())
    return (
        f"{len(doubted)} rows were left out, because heads that were fitted to the others took "
        f"them for another state ({named}); dropped.jsonl has them."
    )


def _contradicted(
    places: Tensor, labels: Tensor, probabilities: Tensor, order: Sequence[State]
) -> list[Doubt]:
    highest = probabilities.max(dim=1)
    own = probabilities[torch.arange(len(labels)), labels]
    rows = torch.nonzero((highest.values >= SURELY) & (own <= HARDLY)).flatten().tolist()
    return [
        Doubt(int(places[row]), order[int(labels[row])], order[int(highest.indices[row])])
        for row in rows
    ]
