"""The client, as far as it has read."""

from duologue.errors import InvalidInput


class UnseenEvents:
    """Counts what the client has not seen yet. Also while none is attached: what is said then must
    still be at hand when it comes back."""

    def __init__(self, shown_seq: int, max_unseen: int) -> None:
        self.is_attached = False
        self.is_behind = False
        """Whether replies wait for the client to read; not before half of it is read do they go
        on."""
        self._seen_seq = shown_seq
        self._max_unseen = max_unseen

    def attach(self, seen_seq: int) -> None:
        """A client comes that has seen the events up to this one."""
        self.is_attached = True
        self.is_behind = False
        self._seen_seq = seen_seq

    def detach(self) -> None:
        """It is gone."""
        self.is_attached = False

    def saw(self, server_seq: int, last_seq: int) -> None:
        """It has read so far; raises InvalidInput for what it cannot have read."""
        if not 0 <= server_seq <= last_seq:
            allowed = f"from 0 to {last_seq}, the last event so far"
            raise InvalidInput(f"must be {allowed}, not {server_seq}", field="seen.server_seq")
        self._seen_seq = max(self._seen_seq, server_seq)

    def num_unseen(self, last_seq: int) -> int:
        """Events that it has not read."""
        return last_seq - self._seen_seq

    def falls_behind(self, last_seq: int) -> bool:
        """Note how far it is behind; whether that has just become too much."""
        unseen = self.num_unseen(last_seq)
        if self.is_behind:
            self.is_behind = unseen > self._max_unseen // 2
            return False
        self.is_behind = unseen > self._max_unseen
        return self.is_behind
