"""A reply in tokens, and what its comparison with another one shows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """What was said in answer to a prompt, greedily."""

    tokens: tuple[int, ...]
    """Without the token that ends a reply."""
    has_stopped: bool
    """The model ended it; otherwise it was cut at the longest length allowed."""
    is_interrupted: bool = False
    """A query or a request for silence cut it off: only what had been said can be compared."""


def difference(reply: Reply, reference: Reply) -> int | None:
    """The first token at which a reply departs from its reference; None when it does not.

    A reply that ends too early or too late departs there. One that was interrupted is compared as
    far as it went.
    """
    both = zip(reply.tokens, reference.tokens, strict=False)
    for place, (said, expected) in enumerate(both):
        if said != expected:
            return place
    if reply.is_interrupted and len(reply.tokens) <= len(reference.tokens):
        return None
    if len(reply.tokens) != len(reference.tokens):
        return min(len(reply.tokens), len(reference.tokens))
    return None if reply.has_stopped == reference.has_stopped else len(reply.tokens)
