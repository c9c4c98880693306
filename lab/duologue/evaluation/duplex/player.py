"""Plays a reply to the user in simulated time, and reports how much of it was heard."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

from duologue.evaluation.duplex.playback import Begins, Playback
from duologue.evaluation.duplex.record import RecordedReply
from duologue.events import PlaybackAck


@dataclass(frozen=True, slots=True)
class _Report:
    """A report on its way."""

    at_ms: float
    ack: PlaybackAck


class Player:
    """Says the text that is there at an even rate, and waits where there is none.

    What the user has heard is written into the reply itself. Of several replies, the last is
    played: one that was cut is not said to its end.
    """

    def __init__(self, playback: Playback) -> None:
        self._playback = playback
        self._reply: RecordedReply | None = None
        self._since_ms = 0.0  # `_chars` were heard then
        self._chars = 0.0
        self._is_playing = False
        self._measures_at_ms = 0.0
        self._last_told = 0
        self._reports: list[_Report] = []

    @property
    def next_ms(self) -> float | None:
        """When there is something to do next: a report arrives, or is to be made."""
        times = [report.at_ms for report in self._reports]
        if self._is_playing:
            times.append(self._measures_at_ms)
        return min(times, default=None)

    def begin(self, reply: RecordedReply, now_ms: float) -> None:
        """Play a reply, whose text will grow."""
        self.settle(now_ms)
        self._reply, self._chars, self._since_ms, self._last_told = reply, 0.0, now_ms, 0
        reply.played_chars = 0
        self._play(now_ms)

    def fall_silent(self, now_ms: float) -> None:
        """The reply is paused, or was cut; what was heard last is reported."""
        if self._is_playing:
            self.settle(now_ms)
            self._measure(now_ms)
            self._is_playing = False

    def go_on(self, reply: RecordedReply, now_ms: float, from_chars: int) -> None:
        """Play on; from this place the text is given, again if it had been given before."""
        self._reply = reply
        self._chars = min(float(reply.played_chars or 0), float(from_chars))
        self._since_ms, reply.played_ms = now_ms, None
        self._play(now_ms)

    def settle(self, now_ms: float) -> None:
        """Bring everything up to this time; to be called before the reply's text changes."""
        while self._is_playing and self._measures_at_ms <= now_ms:
            self._hear(self._measures_at_ms)
            self._measure(self._measures_at_ms)
            self._measures_at_ms += self._playback.every_ms
        if self._is_playing:
            self._hear(now_ms)

    def arrived(self, now_ms: float) -> Sequence[PlaybackAck]:
        """The reports that are there at this time."""
        self.settle(now_ms)
        there = [report.ack for report in self._reports if report.at_ms <= now_ms]
        self._reports = [report for report in self._reports if report.at_ms > now_ms]
        return there

    def _play(self, now_ms: float) -> None:
        self._is_playing = True
        self._measures_at_ms = now_ms + self._playback.every_ms

    def _hear(self, now_ms: float) -> None:
        reply = self._reply
        assert reply is not None
        rate = self._playback.chars_per_second / 1000
        length = len(reply.text)
        whole_at_ms = self._since_ms + (length - self._chars) / rate
        self._chars = min(float(length), self._chars + (now_ms - self._since_ms) * rate)
        self._since_ms = now_ms
        reply.played_chars = floor(self._chars)
        if reply.ended_ms is not None and whole_at_ms <= now_ms:
            reply.played_chars = length
            reply.played_ms = max(whole_at_ms, reply.ended_ms)

    def _measure(self, now_ms: float) -> None:
        reply, playback = self._reply, self._playback
        assert reply is not None
        assert reply.played_chars is not None
        is_whole = reply.played_ms is not None
        if is_whole:
            self._is_playing = False
        if playback.begins is Begins.REPLY_DONE and reply.ended_ms is None:
            return
        most = len(reply.text) - playback.short_by if reply.ended_ms is not None else None
        limits = [limit for limit in (most, playback.stops_at) if limit is not None]
        chars = min([reply.played_chars, *limits])
        if chars > self._last_told:
            self._last_told = chars
            self._reports.append(
                _Report(now_ms + playback.late_ms, PlaybackAck(reply.number, chars))
            )
