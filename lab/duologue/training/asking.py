"""What an assistant has just asked, so that the next words are an answer."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from duologue.training.corpora.records import DialogueTurn
from duologue.training.sample import Turn

MAX_ASKED_TURNS = 3
CLOSED_ACTS = {"CONFIRM", "OFFER", "OFFER_INTENT", "REQ_MORE"}

CORPUS_SHARE = 0.5
_CLOSED = (
    "Shall I go ahead with that?", "Is that right?", "Would you like me to book it?",
    "Do you want to hear more?", "Is there anything else?", "Did I get that right?",
    "Are you still there?", "Would tomorrow work for you?", "Do you have an account with us?",
    "Should I send you the details?", "Was that the first one?", "Can you hear me well?",
    "Have you tried to restart it?", "Are you happy for me to open your account?",
    "Is this the number we should ring?", "Do you live at that address?", "Is it urgent?",
    "And it worked before the storm?", "Are you sitting in front of it now?",
    "Would a voucher be all right?", "So that's one adult and two children?",
    "Do you mind if I check that with a colleague?", "Were you at home that day?",
    "May I note down your number?", "Is anybody hurt?", "Have you been here before?",
    "Do you see the green light?", "Should I read it out again?", "You paid by card?",
    "Is the kitchen light the one you mean?", "Did you take your tablets today?",
    "Then you'd like to cancel it?", "Is breakfast to be included?", "Do you know the way?",
    "Shall we try the next exercise?", "Would you rather speak to somebody in sales?",
    "You're coming by car, aren't you?", "Has it happened before?", "Do you need a receipt?",
    "Can you walk on it?", "Is it for the whole family?", "Are there any allergies?",
    "Will you be there in person?", "Could it have been the neighbours?", "Is the door closed?",
    "Did they say when?", "Would you say it's getting worse?", "Shall I turn it off?",
    "Do you want a window seat?", "And that's under your own name?", "Does that make sense?",
    "Is it still raining there?", "Have you got a pen?", "Should it repeat every week?",
)  # fmt: skip
_FOR_SLOT = {
    "date": ("What day would you like?", "For which date?", "When would that be?",
             "And on what day shall I book it?", "Which day suits you?"),
    "time": ("What time would you like?", "At what time?", "And for when, please?",
             "What time should I put down?", "Which time works best for you?"),
    "people": ("For how many people?", "How many of you will there be?", "What's the party size?",
               "And how many guests?", "How many seats do you need?"),
    "first_name": ("What's your first name?", "Under what name, please?", "May I have your name?",
                   "What name should I put it under?"),
    "last_name": ("And your last name?", "What name is the booking under?", "Your surname, please?",
                  "May I take your full name?"),
    "number": ("How many do you need?", "How many was it?", "And what number is that?"),
    "amount_of_money": ("How much would you like to send?", "What amount was it?", "How much?"),
    "rooms": ("How many rooms do you need?", "How many rooms, please?"),
    "kids": ("How many children are coming along?", "Any kids with you?"),
    "adults": ("How many adults?", "For how many grown-ups?"),
    "company_name": ("Which company was it?", "Who was the payment to?"),
    "shopping_category": ("What did you spend it on?", "What was it for?"),
    "person_name": ("Who should it go to?", "May I have the name?", "What name was it?"),
    "time_period": ("For how long?", "How long has it been?", "How long will you stay?"),
    "date_period": ("For which days?", "When would you like to stay?", "Between which dates?"),
}  # fmt: skip
_SAME_QUESTION = {
    "date_from": "date", "date_to": "date", "time_from": "time", "time_to": "time",
}  # fmt: skip
_ANY_SLOT = ("What would you like?", "And which one?", "Could you tell me more about it?",
             "What can I note down for you?")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Questions:
    """Draws questions of an assistant's, real ones where there are dialogues."""

    closed_turns: Sequence[tuple[Turn, ...]]

    @classmethod
    def of(cls, dialogues: Iterable[Sequence[DialogueTurn]]) -> "Questions":
        return cls([turns for dialogue in dialogues for turns in _closed_questions(dialogue)])

    def closed(self, rng: Random) -> tuple[Turn, ...]:
        """Turns that end with a question that yes and no would answer."""
        if self.closed_turns and rng.random() < CORPUS_SHARE:
            return rng.choice(self.closed_turns)
        return (Turn("assistant", rng.choice(_CLOSED)),)

    def for_slots(self, slots: Iterable[str], rng: Random) -> tuple[Turn, ...]:
        """A turn that asks for one of these, or for whatever they are."""
        known = [name for slot in sorted(slots) if (name := _SAME_QUESTION.get(slot, slot)) in
                 _FOR_SLOT]  # fmt: skip
        texts = _FOR_SLOT[rng.choice(known)] if known else _ANY_SLOT
        return (Turn("assistant", rng.choice(texts)),)


def _closed_questions(dialogue: Sequence[DialogueTurn]) -> Iterator[tuple[Turn, ...]]:
    for place, turn in enumerate(dialogue):
        if not turn.is_user and turn.acts & CLOSED_ACTS and turn.text.rstrip().endswith("?"):
            before = dialogue[max(0, place - MAX_ASKED_TURNS + 1) : place + 1]
            yield tuple(Turn("user" if one.is_user else "assistant", one.text) for one in before)
