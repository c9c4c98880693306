"""The model that tests use where a reply must not end by chance."""

import torch

from tests.talkative_model import NUM_SPECIAL_TOKENS, talkative_network
from tests.tiny_models import tiny_tokenizer


def test_nothing_makes_it_end_a_reply() -> None:
    words = tiny_tokenizer()
    special = words.encode("<|endoftext|><|im_start|><|im_end|>")
    assert sorted(special) == list(range(NUM_SPECIAL_TOKENS))
    tokens = torch.randint(len(words), (64, 48), generator=torch.Generator().manual_seed(0))
    likely = talkative_network()(tokens).logits.softmax(-1)
    assert likely[..., :NUM_SPECIAL_TOKENS].max() < 1e-20
    assert likely[..., NUM_SPECIAL_TOKENS:].max() < 0.9, "it is still a random one"
