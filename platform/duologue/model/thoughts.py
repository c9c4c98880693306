"""Models that think before they answer: their thoughts are switched off, or the model is refused.

A thought is text between a pair of tags that the user is not meant to see. It costs seconds before
the first word of an answer, and here it would be shown.
"""

from collections.abc import Callable, Collection
from typing import Any

from duologue.errors import ModelUnavailable

SWITCHED_OFF: dict[str, Any] = {"enable_thinking": False, "thinking": False}
SWITCHED_ON: dict[str, Any] = {"enable_thinking": True, "thinking": True}
"""Arguments of chat templates; one that does not know an argument takes no notice of it."""

_TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
)


def require_no_thoughts(template: str, prompt: Callable[[bool], str]) -> None:
    """Raise ModelUnavailable if replies would begin with a thought.

    `prompt(thinks)` is a conversation that asks for a reply, as the template shows it with thoughts
    switched on or off.
    """
    without = prompt(False)
    for opening, closing in _TAGS:
        if without.rfind(opening) > without.rfind(closing):
            raise ModelUnavailable(
                f"the chat template begins every reply with a thought ('{opening}'), also when"
                " enable_thinking is false: a model that thinks aloud is not supported"
            )
        if closing in template and closing not in without and prompt(True) == without:
            raise ModelUnavailable(
                f"the chat template knows thoughts ('{closing}') and has no switch for them"
                " (enable_thinking): a model that thinks aloud is not supported; if this one does"
                " not, take the tag out of its template"
            )


def thought_tokens(vocabulary: Collection[str]) -> list[str]:
    """What begins a thought and is one token: a reply that comes to it is at its end."""
    return [opening for opening, _ in _TAGS if opening in vocabulary]


def thought_strings(template: str, vocabulary: Collection[str]) -> tuple[str, ...]:
    """What begins a thought in several tokens, of the tags that the template knows."""
    return tuple(
        opening
        for opening, closing in _TAGS
        if opening not in vocabulary and (opening in template or closing in template)
    )
