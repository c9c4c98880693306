"""A short name for what a model computes, by which adapters recognise their model."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from duologue.model.geometry import ModelGeometry

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_NUM_TENSORS = 8
_VALUES_PER_TENSOR = 64


def fingerprint(
    network: "PreTrainedModel", geometry: ModelGeometry, vocabulary: Mapping[str, int]
) -> str:
    """16 hexadecimal digits from the sizes, the vocabulary and a sample of the weights.

    It does not depend on the device, on how the files are cut, nor on whether the model was loaded
    as float32 or bfloat16: the sample is rounded to bfloat16 first. (From float16 it may differ.)
    """
    digest = hashlib.sha256()
    sizes = [getattr(geometry, name) for name in ModelGeometry.__slots__]
    digest.update(json.dumps([network.config.model_type, sizes]).encode())
    for token, word in sorted((token, word) for word, token in vocabulary.items()):
        digest.update(f"{token} {word}\n".encode())
    # Weights that are tied have one name here, whichever of the two a file stores.
    weights = sorted(network.named_parameters(), key=lambda entry: entry[0])
    for name, weight in weights[:: max(1, len(weights) // _NUM_TENSORS)]:
        sample = weight.detach().flatten()[:_VALUES_PER_TENSOR].to("cpu", torch.bfloat16)
        digest.update(name.encode() + sample.view(torch.int16).numpy().tobytes())
    return digest.hexdigest()[:16]
