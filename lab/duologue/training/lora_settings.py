"""What is adapted of a model, and how that is learned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from duologue.errors import InvalidSetting
from duologue.training.features import FINAL_LAYER

GOING_ON_SHARE = 0.5
"""Of the usual learning rates, where something is known already."""


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """Low-rank updates of every linear layer in `num_layers` decoder layers.

    These are the last ones up to the highest that the head reads: what lies above it cannot tell
    the head anything. `scale` multiplies an update, as alpha / rank does elsewhere.
    `within_weight` is what a row inside an utterance counts against its end, and `trail_weight`
    what a row behind its end does. `head_width` is that of a hidden layer of the head; 0 for none.
    """

    rank: int = 8
    num_layers: int = 14
    scale: float = 2.0
    learning_rate: float = 1e-3
    head_learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    dropout: float = 0.1
    within_weight: float = 0.3
    trail_weight: float = 0.5
    head_width: int = 0
    label_smoothing: float = 0.05
    batch_size: int = 64
    max_epochs: int = 2
    patience: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.rank, self.num_layers, self.batch_size, self.patience) < 1:
            raise InvalidSetting("rank, num_layers, batch_size and patience of a LoRA: at least 1")
        if self.max_epochs < 0:
            raise InvalidSetting("max_epochs of a LoRA: at least 0")
        if not (0.0 <= self.dropout < 1.0 and 0.0 <= self.label_smoothing < 1.0):
            raise InvalidSetting("dropout and label_smoothing of a LoRA: at least 0 and below 1")

    @classmethod
    def going_on(cls, training: Mapping[str, Any], max_epochs: int, seed: int) -> "LoraSettings":
        """In the shape of an adapter whose card tells this of its training, and more slowly.

        Raises InvalidSetting for one that adapts nothing.
        """
        shape = training.get("lora")
        if not shape:
            raise InvalidSetting("from: the adapter must have low-rank updates, and has none")
        fresh = cls()
        return cls(
            **{name: shape[name] for name in ("rank", "num_layers", "scale", "head_width")},
            learning_rate=fresh.learning_rate * GOING_ON_SHARE,
            head_learning_rate=fresh.head_learning_rate * GOING_ON_SHARE,
            max_epochs=max_epochs,
            seed=seed,
        )

    def adapted(self, layers: tuple[int, ...], depth: int) -> range:
        """The decoder layers that get updates, for a head over `layers` of a model so deep.

        Raises InvalidSetting if there are not so many, or the head reads one below them.
        """
        read = [depth - 1 if layer == FINAL_LAYER else layer for layer in layers]
        adapted = range(max(read) - self.num_layers + 1, max(read) + 1)
        if adapted.start < 0:
            raise InvalidSetting(
                f"{self.num_layers} layers of a LoRA: only {max(read) + 1} lie up to the highest "
                "that the head reads"
            )
        if min(read) < adapted.start:
            raise InvalidSetting(
                f"layers {list(layers)}: with a LoRA of {self.num_layers} layers the head reads "
                f"those from {adapted.start} to {adapted[-1]}"
            )
        return adapted
