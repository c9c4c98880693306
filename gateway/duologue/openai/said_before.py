"""The messages that a client has put into a realtime conversation, and that were not said yet."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from duologue.openai.api_error import ApiError, Unusable, unusable

MAX_ITEMS = 512
"""That wait to be said."""
MAX_KNOWN = 1_024
"""Names that are remembered."""
MAX_CHARS = 131_072


@dataclass(frozen=True, slots=True)
class Message:
    role: str
    text: str
    item_id: str


class SaidBefore:
    """Nothing of it is said before an answer is asked for: until then it can be anybody's turn."""

    def __init__(self) -> None:
        self._waiting: list[Message] = []
        self._known: OrderedDict[str, None] = OrderedDict()

    def add(self, message: Message, previous_item_id: str | None, *, waits: bool = True) -> None:
        """Put it behind all others; raises Unusable. One that does not wait is said already."""
        self.check_place(message.item_id, previous_item_id)
        num_chars = sum(len(each.text) for each in self._waiting) + len(message.text)
        if len(self._waiting) >= MAX_ITEMS or num_chars > MAX_CHARS:
            told = f"at most {MAX_ITEMS} items of {MAX_CHARS} characters may wait for an answer"
            raise Unusable(ApiError(told, "too_many_items", "item"))
        if waits:
            self._waiting.append(message)
        self.know(message.item_id)

    def check_place(self, item_id: str, previous_item_id: str | None) -> None:
        """Raise Unusable unless an item of that name can be put there."""
        if item_id in self._known:
            raise unusable("item.id", f"there is an item {item_id!r} already")
        if previous_item_id not in (None, next(reversed(self._known), "root")):
            raise unusable("previous_item_id", "items can be put only behind the last one")

    def know(self, item_id: str) -> None:
        """An item joins the conversation."""
        self._known[item_id] = None
        self._known.move_to_end(item_id)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    @property
    def last_item_id(self) -> str | None:
        return next(reversed(self._known), None)

    @property
    def has_users_turn(self) -> bool:
        """Whether the user's turn waits, behind all others."""
        return bool(self._waiting) and self._waiting[-1].role == "user"

    @property
    def turns(self) -> tuple[Sequence[Message], Sequence[Message]]:
        """All that waits: what was said earlier, and what the user says now, behind it."""
        place = len(self._waiting)
        while place and self._waiting[place - 1].role == "user":
            place -= 1
        return self._waiting[:place], self._waiting[place:]

    def clear(self) -> None:
        """All that waited is said."""
        self._waiting = []
