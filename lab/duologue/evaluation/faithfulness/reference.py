"""The unmodified model: transformers' own generation, greedy, with eager attention."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from duologue.evaluation.faithfulness.reply import Reply
from duologue.model.loading import LoadedModel
from duologue.session.setup import SessionSetup

MAX_AT_ONCE = 16

Advance = Callable[[int], None]
"""advance(prompts): hears of prompts that are done."""


class Reference:
    """Answers prompts as the model does without this platform; `model` has "eager" attention."""

    def __init__(self, model: LoadedModel, setup: SessionSetup) -> None:
        self._model, self._setup = model, setup
        self._network: Any = model.network
        self._words = _words(model)

    def prompt_tokens(self, prompt: str) -> list[int]:
        """The prompt as the model's own chat template lays it out.

        Where a template has no system role, or there is no template, the platform's own layout.
        """
        chat, system = self._setup.chat, self._setup.decoding.system_prompt
        if self._words.chat_template and system and chat.supports_system:
            messages = [
                {"role": "system", "content": system},
                {"role": "user", "content": prompt},
            ]
            text = self._words.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True
            )
            return list(self._words(text, add_special_tokens=False)["input_ids"])
        words = self._setup.tokenizer.encode(prompt)
        head = (*self._setup.opening, *chat.user_header)
        return [*head, *words, *chat.user_end, *chat.reply_header]

    def replies(
        self,
        prompts: Sequence[str],
        max_tokens: int,
        advance: Advance = lambda num_prompts: None,
    ) -> list[Reply]:
        """The reply to each prompt.

        Prompts of the same length in tokens go together, so that there is no padding.
        """
        by_length: dict[int, list[int]] = {}
        for place, prompt in enumerate(prompts):
            by_length.setdefault(len(self.prompt_tokens(prompt)), []).append(place)
        found: dict[int, Reply] = {}
        for places in by_length.values():
            for first in range(0, len(places), MAX_AT_ONCE):
                some = places[first : first + MAX_AT_ONCE]
                chosen = [prompts[place] for place in some]
                found.update(zip(some, self._generate(chosen, max_tokens), strict=True))
                advance(len(some))
        return [found[place] for place in range(len(prompts))]

    @torch.inference_mode()
    def margin(self, prompt: str, said: Sequence[int]) -> float:
        """By how much the model prefers its next token to the second best, in logits."""
        tokens = [*self.prompt_tokens(prompt), *said]
        logits = self._network(torch.tensor([tokens], device=self._model.device)).logits[0, -1]
        best = torch.topk(logits.float(), 2).values
        return float(best[0] - best[1])

    @torch.inference_mode()
    def _generate(self, prompts: Sequence[str], max_tokens: int) -> list[Reply]:
        """Prompts that have the same length."""
        from transformers import GenerationConfig

        stop_tokens = sorted(self._setup.chat.stop_tokens)
        tokens = torch.tensor([self.prompt_tokens(prompt) for prompt in prompts])
        tokens = tokens.to(self._model.device)
        settings = GenerationConfig(
            do_sample=False,
            max_new_tokens=max_tokens,
            eos_token_id=stop_tokens or None,
            pad_token_id=stop_tokens[0] if stop_tokens else 0,
        )
        generated = self._network.generate(
            tokens, attention_mask=torch.ones_like(tokens), generation_config=settings
        )
        return [self._reply(row) for row in generated[:, tokens.shape[1] :].tolist()]

    def _reply(self, tokens: list[int]) -> Reply:
        stops = self._setup.chat.stop_tokens
        end = next((place for place, token in enumerate(tokens) if token in stops), None)
        return Reply(tuple(tokens[:end]), has_stopped=end is not None)


def _words(model: LoadedModel) -> Any:
    """The model's tokenizer as transformers has it."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model.folder, local_files_only=True)
