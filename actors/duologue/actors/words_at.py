"""The words of a model, as the batching actors that serve it know them."""

from collections.abc import Sequence

from duologue.actors.batcher_client import describe
from duologue.cluster_status import BatcherStatus
from duologue.errors import BatcherUnavailable
from duologue.peers import IN_CLEAR, Peers
from duologue.session.chronicle import Checkpoint
from duologue.session.model_words import ModelWords


async def words_at(
    choices: Sequence[BatcherStatus], checkpoint: Checkpoint | None, peers: Peers = IN_CLEAR
) -> tuple[str, ModelWords]:
    """The words that the session was begun with, and the first batching actor that has them.

    For a new session, or if none has them, those of the first that answers. Raises
    BatcherUnavailable if one that might have them does not.
    """
    first, silent = None, None
    for choice in choices:
        try:
            words = await describe(choice.address, peers=peers)
        except BatcherUnavailable as error:
            silent = error
            continue
        if checkpoint is None or words.words_digest == checkpoint.state.terms.words_digest:
            return choice.address, words
        first = first or (choice.address, words)
    if silent is not None:
        raise silent
    assert first is not None, "nobody was asked"
    return first
