"""Markup by which a chat template frames turns: which tokens it is, and which of them end a turn.

Some models come with such tokens unmarked: a user could then spell them and forge a turn, and a
reply would run on past its end.
"""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from duologue.errors import ModelUnavailable
from duologue.text.chat import Messages, Render

KNOWN_ENDS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|end|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|end_of_turn|>",
    "<end_of_turn>",
    "<end_of_utterance>",
    "<EOT>",
    "</s>",
    "<eos>",
    "<｜end▁of▁sentence｜>",
)
"""Tokens that end a turn or a text in the models that have them, whatever their files say."""

_SPELLING = re.compile(r"<[^<>\s]{1,40}>|\[/?[A-Z][A-Z_]{1,39}\]")
_CONTENTS = ("Zanzibar quartz", "Wombat kiosk", "Yonder jigsaw", "Vortex hymn")


def turn_markup(render: Render, vocabulary: Collection[str]) -> frozenset[str]:
    """What a template puts around the texts of a conversation and is one token each."""
    roles = ("system", "user", "assistant", "user")
    messages: Messages = [
        {"role": role, "content": text} for role, text in zip(roles, _CONTENTS, strict=True)
    ]
    found: set[str] = set()
    for conversation in (messages, messages[1:]):  # some templates have no system role
        try:
            found.update(_SPELLING.findall(render(conversation, True)))
        except Exception:  # what a template raises is of its engine's kinds
            continue
    return frozenset(found & set(vocabulary))


def with_markup(serialized: str, markup: Collection[str]) -> str:
    """A `tokenizer.json` in which these tokens of its vocabulary are special ones."""
    words: dict[str, Any] = json.loads(serialized)
    added = {entry["content"]: entry for entry in words["added_tokens"]}
    unmarked = [name for name in sorted(markup) if not added.get(name, {}).get("special")]
    if not unmarked:
        return serialized
    vocabulary = _vocabulary(words["model"])
    for name in unmarked:
        entry = added.get(name)
        if entry is not None:
            entry["special"] = True
            continue
        words["added_tokens"].append(
            {
                "id": vocabulary[name],
                "content": name,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
        )
    words["added_tokens"].sort(key=lambda entry: int(entry["id"]))
    return json.dumps(words, ensure_ascii=False)


def _vocabulary(model: Mapping[str, Any]) -> dict[str, int]:
    found = model["vocab"]
    if isinstance(found, dict):
        return found
    try:
        return {str(word): token for token, (word, _score) in enumerate(found)}
    except (TypeError, ValueError) as error:
        raise ModelUnavailable(f"the tokenizer's vocabulary cannot be read: {error}") from error
