"""A sample as the tokens that the engine's input channel would hold when it judges the sample."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from duologue.text.chat import ChatFormat
from duologue.text.normal_form import normal_form
from duologue.text.tokenizer import Tokenizer
from duologue.training.sample import Sample, Turn

SYSTEM_PROMPTS = (
    "",
    "You are a helpful assistant.",
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face",
    "You are a friendly voice assistant. Answer briefly.",
    "You are talking with someone. Keep your answers short and to the point.",
    "You are Duo, a voice assistant in a live conversation.",
)
"""Deployments choose their own prompt, so no head is trained on a single one."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Lays samples out in one model's chat format."""

    chat: ChatFormat
    tokenizer: Tokenizer

    def tokens(self, sample: Sample, system_prompt: str = "") -> list[int]:
        """Trunk and utterance; the last token is the row that is judged.

        While the assistant speaks, its running reply is not visible to the input channel: what
        follows the end of the question is the header of the new user turn.
        """
        return [*self.trunk(sample, system_prompt), *self.utterance(sample)]

    def trunk(self, sample: Sample, system_prompt: str = "") -> list[int]:
        """The settled history, up to where both channels branch off."""
        opening = self.chat.opening(self.tokenizer, system_prompt)
        return [*opening, *self._turns(sample.context)]

    def utterance(self, sample: Sample) -> list[int]:
        """The input channel: the header of a user's turn and the text so far, as a session has it
        read.
        """
        return [*self.chat.user_header, *self.tokenizer.encode(normal_form(sample.text))]

    def _turns(self, turns: Sequence[Turn]) -> list[int]:
        chat, laid_out = self.chat, list[int]()
        answered = True
        for turn in turns:
            words = self.tokenizer.encode(turn.text)
            if turn.role == "user":
                laid_out += [*chat.user_header, *words, *chat.user_end]
                answered = False
            else:
                if answered:  # the assistant spoke first, or twice: no user turn to end
                    laid_out += [*chat.user_header, *chat.user_end]
                laid_out += [*chat.reply_header, *words, *chat.reply_end]
                answered = True
        return laid_out


def system_prompt_for(sample: Sample) -> str:
    """The system prompt above this sample: the same above all that have its context."""
    context = "\n".join(turn.text for turn in sample.context) or sample.text
    return SYSTEM_PROMPTS[
        blake2b(context.encode(), digest_size=4).digest()[0] % len(SYSTEM_PROMPTS)
    ]
