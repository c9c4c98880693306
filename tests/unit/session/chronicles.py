"""Chronicles to begin with: one in which nothing happened, and one that was asked something."""

from typing import Any

from duologue.session.chronicle import Checkpoint, Chronicle, JournalEntry
from duologue.session.records import Record
from duologue.session.session import Session
from tests.unit.session.recorded import RecordedStage
from tests.unit.session.scripted_engine import Reciter
from tests.unit.session.stage import Stage, chat_of
from tests.unit.text.tiny_tokenizers import byte_level

REPLY = "The weather is fine, and it will stay so for the whole of the week."


def new_chronicle(recent_events: int = 512, max_entries: int = 400) -> Chronicle:
    """One whose beginning is kept."""
    session = Session("session", Stage().setup)
    made = Chronicle(session, recent_events=recent_events, max_entries=max_entries)
    assert isinstance(made.next_write(), Checkpoint)
    made.kept()
    return made


def records_of(chronicle: Chronicle) -> tuple[Record, ...]:
    """What waits to be written down; it is now."""
    entry = chronicle.next_write()
    if entry is None:
        return ()
    assert isinstance(entry, JournalEntry)
    chronicle.kept()
    return entry.records


def asked(**decoding: Any) -> RecordedStage:
    tokenizer = byte_level()
    (stop_token,) = chat_of(tokenizer).stop_tokens
    stage = RecordedStage(model=Reciter(tokenizer, stop_token, (REPLY,)), **decoding)
    stage.say("How is it?")
    return stage
