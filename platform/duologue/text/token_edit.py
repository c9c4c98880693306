"""The difference between two lists of tokens."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenEdit:
    """How to turn one list of tokens into another: keep the first `keep`, then add `append`."""

    keep: int
    append: tuple[int, ...]


def token_edit(old: Sequence[int], new: Sequence[int]) -> TokenEdit:
    """The edit from `old` to `new` that keeps the most, that is their longest common prefix."""
    keep = 0
    for before, after in zip(old, new, strict=False):
        if before != after:
            break
        keep += 1
    return TokenEdit(keep, tuple(new[keep:]))
