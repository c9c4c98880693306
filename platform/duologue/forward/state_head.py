"""The state head: how likely each state of an utterance is, read from the model's hidden states.

An adapter is a folder with `adapter.json` (what it is for, its labels and thresholds) and
`adapter.safetensors` (its weights: one or two dense layers, and perhaps low-rank updates for the
rows of the input channel). The base model is not touched.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from duologue.errors import ModelUnavailable
from duologue.forward.input_lora import InputLora, is_lora
from duologue.states import State

HEAD_FORMAT = 1
"""Of an adapter that only reads."""
LORA_FORMAT = 2
"""Of one that adapts input rows too: a version that knows no updates must not read it as a head."""
CARD_FILE = "adapter.json"
WEIGHTS_FILE = "adapter.safetensors"
FINAL_LAYER = -1


class HeadGeometry(Protocol):
    """What a head must know of the model it reads (`ModelGeometry` has it)."""

    @property
    def num_layers(self) -> int: ...
    @property
    def hidden_size(self) -> int: ...


@dataclass(frozen=True, slots=True)
class AdapterCard:
    """The contents of `adapter.json`.

    `layers` names the hidden states that are read, in the order in which they are concatenated:
    `-1` is the final-norm state (the input of `lm_head`), `i >= 0` the residual stream as decoder
    layer `i` leaves it. `thresholds` has one probability per state that is acted on. An empty
    fingerprint matches every model of the right shape. `lora_rank` is 0 without updates. From
    `confirm_above` on, a query is so probable that its reply need not wait; None if nobody knows.
    """

    hidden_size: int
    labels: tuple[State, ...]
    thresholds: Mapping[State, float]
    layers: tuple[int, ...] = (FINAL_LAYER,)
    model_name: str = ""
    model_fingerprint: str = ""
    lora_rank: int = 0
    confirm_above: float | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.labels, "a state head needs labels"
        assert len(set(self.labels)) == len(self.labels), f"repeated labels: {self.labels}"
        assert self.layers, "a state head reads at least one layer"
        assert all(0.0 <= limit <= 1.0 for limit in self.thresholds.values()), self.thresholds

    @property
    def format(self) -> int:
        """The version of the format that says all of it."""
        return LORA_FORMAT if self.lora_rank else HEAD_FORMAT

    @property
    def input_size(self) -> int:
        """The width of one row of what the head reads."""
        return self.hidden_size * len(self.layers)

    def to_json(self) -> dict[str, Any]:
        """The card as `adapter.json` holds it."""
        return {
            "format": self.format,
            "labels": [str(label) for label in self.labels],
            "thresholds": {str(state): limit for state, limit in self.thresholds.items()},
            **({} if self.confirm_above is None else {"confirm_above": self.confirm_above}),
            "hidden_size": self.hidden_size,
            "layers": list(self.layers),
            **({"lora": {"rank": self.lora_rank}} if self.lora_rank else {}),
            "model": {"name": self.model_name, "fingerprint": self.model_fingerprint},
            "training": dict(self.training),
            "metrics": dict(self.metrics),
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Read a card; raises `KeyError`, `TypeError`, `ValueError` or `AssertionError`."""
        if fields["format"] not in (HEAD_FORMAT, LORA_FORMAT):
            raise ValueError(
                f"format {fields['format']!r}, this version reads {HEAD_FORMAT} and {LORA_FORMAT}"
            )
        return cls(
            hidden_size=int(fields["hidden_size"]),
            labels=tuple(State(label) for label in fields["labels"]),
            thresholds={State(key): float(p) for key, p in fields["thresholds"].items()},
            layers=tuple(int(layer) for layer in fields["layers"]),
            lora_rank=int(fields["lora"]["rank"]) if fields["format"] == LORA_FORMAT else 0,
            confirm_above=None if (p := fields.get("confirm_above")) is None else float(p),
            model_name=str(fields["model"]["name"]),
            model_fingerprint=str(fields["model"]["fingerprint"]),
            training=fields.get("training", {}),
            metrics=fields.get("metrics", {}),
        )


class StateHead:
    """One or two dense layers over a row's hidden states, then a softmax over the labels.

    Dense layers are given as `(weight [out, in], bias [out])`, with GELU between them. Any
    standardisation of the input and any temperature of the output is folded into them. `lora` holds
    the updates under which the hidden states of input rows are computed, if there are any.
    """

    def __init__(
        self,
        card: AdapterCard,
        dense: list[tuple[Tensor, Tensor]],
        lora: InputLora | None = None,
    ) -> None:
        self.card = card
        self.lora = lora
        self.dense = dense
        self._check_shapes()

    @property
    def labels(self) -> tuple[State, ...]:
        """The states, in the order of the columns of `probabilities`."""
        return self.card.labels

    @property
    def layers(self) -> tuple[int, ...]:
        """The hidden states to read, in the order in which to concatenate them."""
        return self.card.layers

    @property
    def thresholds(self) -> Mapping[State, float]:
        """The probability that each state which is acted on must reach."""
        return self.card.thresholds

    def probabilities(self, hidden: Tensor) -> Tensor:
        """Softmax over the labels, float32 `[rows, labels]`.

        `hidden` is `[rows, len(layers) * hidden_size]` on the head's device, of any float dtype.
        A row's result does not depend on the other rows beyond float rounding.
        """
        assert hidden.ndim == 2, f"expected [rows, width], got {tuple(hidden.shape)}"
        assert hidden.shape[1] == self.card.input_size, (
            f"rows are {hidden.shape[1]} wide, the head reads {self.card.input_size}"
        )
        return torch.softmax(self.logits(hidden), dim=-1)

    def logits(self, hidden: Tensor) -> Tensor:
        """The scores before the softmax, float32 `[rows, labels]`."""
        return dense_scores(self.dense, hidden)

    def save(self, folder: Path) -> None:
        """Write `adapter.json` and `adapter.safetensors`, making the folder when needed."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {}
        for index, (weight, bias) in enumerate(self.dense):
            tensors[f"dense.{index}.weight"] = weight.detach().float().cpu().contiguous()
            tensors[f"dense.{index}.bias"] = bias.detach().float().cpu().contiguous()
        if self.lora is not None:
            for name, tensor in self.lora.to_tensors().items():
                tensors[name] = tensor.detach().to("cpu", torch.bfloat16).contiguous()
        save_file(tensors, folder / WEIGHTS_FILE)
        text = json.dumps(self.card.to_json(), indent=2, ensure_ascii=False)
        (folder / CARD_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(
        cls,
        folder: Path,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        geometry: HeadGeometry | None = None,
        fingerprint: str = "",
    ) -> Self:
        """Read an adapter for the model of this geometry and fingerprint.

        The head's weights are held in `dtype`; float32 is cheap at any number of rows. Raises
        `ModelUnavailable` when the adapter is missing, broken or made for another model; without
        a geometry or a fingerprint, what they would have told is not checked.
        """
        card = read_card(folder)
        _check_model(folder, card, geometry, fingerprint)
        tensors = _read_weights(folder)
        try:
            num_dense = sum(not is_lora(name) for name in tensors) // 2
            dense = [
                (
                    tensors[f"dense.{index}.weight"].to(device, dtype),
                    tensors[f"dense.{index}.bias"].to(device, dtype),
                )
                for index in range(num_dense)
            ]
            return cls(card, dense, InputLora.from_tensors(tensors))
        except (KeyError, AssertionError) as error:
            raise ModelUnavailable(
                f"the weights of the state adapter in {folder} do not fit its card: {error}"
            ) from error

    def _check_shapes(self) -> None:
        assert self.dense, "no dense layers"
        shapes = [tuple(weight.shape) for weight, _ in self.dense]
        assert shapes[0][1] == self.card.input_size, f"{shapes} for input {self.card.input_size}"
        assert shapes[-1][0] == len(self.labels), f"{shapes} for {len(self.labels)} labels"
        assert all(low[0] == high[1] for low, high in pairwise(shapes)), f"{shapes} do not chain"
        assert all(tuple(bias.shape) == weight.shape[:1] for weight, bias in self.dense)
        ranks = set() if self.lora is None else self.lora.ranks
        assert ranks == ({self.card.lora_rank} - {0}), (
            f"updates of ranks {sorted(ranks)}, the card says {self.card.lora_rank}"
        )


def dense_scores(dense: Sequence[tuple[Tensor, Tensor]], hidden: Tensor) -> Tensor:
    """What dense layers make of rows, float32 `[rows, labels]`."""
    weight, bias = dense[0]
    rows = functional.linear(hidden.to(weight.dtype), weight, bias)  # [rows, width]
    for weight, bias in dense[1:]:
        rows = functional.linear(functional.gelu(rows), weight, bias)
    return rows.float()


def read_card(folder: Path) -> AdapterCard:
    path = folder / CARD_FILE
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return AdapterCard.from_json(fields)
    except FileNotFoundError as error:
        raise ModelUnavailable(
            f"no state adapter in {folder} ({CARD_FILE} is missing); "
            "`duologue train` makes one for a model"
        ) from error
    except (OSError, KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise ModelUnavailable(f"the state adapter's {path} cannot be used: {error!r}") from error


def _read_weights(folder: Path) -> dict[str, Tensor]:
    path = folder / WEIGHTS_FILE
    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise ModelUnavailable(f"the state adapter in {folder} lacks {WEIGHTS_FILE}") from error
    except (OSError, SafetensorError) as error:
        raise ModelUnavailable(f"the state adapter's {path} is broken: {error}") from error


def _check_model(
    folder: Path, card: AdapterCard, geometry: HeadGeometry | None, fingerprint: str
) -> None:
    made_for = f"the state adapter in {folder} was made for {card.model_name or 'another model'}"
    if geometry is not None:
        if card.hidden_size != geometry.hidden_size:
            raise ModelUnavailable(
                f"{made_for} with hidden size {card.hidden_size}; this model's is "
                f"{geometry.hidden_size}"
            )
        unknown = [x for x in card.layers if not FINAL_LAYER <= x < geometry.num_layers]
        if unknown:
            raise ModelUnavailable(
                f"{made_for} and reads layers {unknown}; this model has {geometry.num_layers}"
            )
    if fingerprint and card.model_fingerprint and fingerprint != card.model_fingerprint:
        raise ModelUnavailable(
            f"{made_for} with fingerprint {card.model_fingerprint}; this model's is "
            f"{fingerprint}: train an adapter for it with `duologue train`"
        )
