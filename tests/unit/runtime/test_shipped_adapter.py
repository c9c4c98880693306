"""The adapter that comes with the bundled model: it loads, and it is right where nobody doubts."""

from pathlib import Path

import pytest

from duologue.evaluation.reading import read_states
from duologue.evaluation.rows import Row
from duologue.runtime.assembly import Assembly, assemble
from duologue.settings import ModelSettings, Settings
from duologue.states import State
from duologue.training.sample import Sample, Turn

ASKED = (Turn("user", "Tell me about the history of Rome."),)
OBVIOUS = [
    Sample("What is the capital of France?", State.QUERY),
    Sample("what's the weather like in boston tomorrow", State.QUERY),
    Sample("Set an alarm for seven in the morning.", State.QUERY),
    Sample("uh-huh", State.NON_QUERY, context=ASKED, speaking=True),
    Sample("mm-hmm", State.NON_QUERY, context=ASKED, speaking=True),
    Sample("what is the", State.INCOMPLETE),
    Sample("can you please book a table for", State.INCOMPLETE),
    Sample("Stop talking.", State.HOLD, context=ASKED, speaking=True),
]


@pytest.fixture(scope="module")
def assembly(bundled_model_path: Path) -> Assembly:
    return assemble(Settings(model=ModelSettings(device="cpu")))


def test_obvious_utterances_are_decided_rightly(assembly: Assembly) -> None:
    rows = [Row(number, sample) for number, sample in enumerate(OBVIOUS, start=1)]
    judged = read_states(assembly.engine, assembly.setup, rows)
    decided = {
        sample.text: judgement.state for sample, judgement in zip(OBVIOUS, judged, strict=True)
    }
    assert decided == {sample.text: sample.label for sample in OBVIOUS}


def test_updates_fit_the_model(assembly: Assembly) -> None:
    """Or there are none: whichever measures best is shipped."""
    assert assembly.head is not None
    lora = assembly.head.lora
    assert (lora is None) == (assembly.head.card.lora_rank == 0)
    if lora is not None:
        lora.fitted_to(assembly.model.network.base_model)
