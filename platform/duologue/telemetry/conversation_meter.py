"""What a client notices of one conversation, measured where its events pass by."""

from collections.abc import Mapping

from duologue.telemetry.metrics import GatewayMetrics

_SPEAKING = ("input_append", "input_revise", "input_commit")


class ConversationMeter:
    """Is told the kinds of the events as they pass, as the messages name them, and when.

    One for each connection, so that what a client missed while it was away is not taken for delay.
    """

    def __init__(self, metrics: GatewayMetrics, exemplar: Mapping[str, str] | None = None) -> None:
        """The exemplar leads to the conversation's trace, if it is traced."""
        self._metrics = metrics
        self._exemplar = dict(exemplar) if exemplar is not None else None
        self._spoke_ms: float | None = None
        """When the user said something last that is not decided."""
        self._asked_ms: float | None = None
        """The same of the query whose answer has not begun."""
        self._showed_ms: float | None = None
        """When the reply's text came last."""
        self._silent_ms: float | None = None
        """When the reply fell silent that may be about to be cut."""
        self._is_held = False
        """Whether a query was decided of whose reply nothing was told."""

    def said(self, kind: str, now_ms: float) -> None:
        """A client event goes to the session."""
        self._metrics.events.labels("in").inc()
        if kind in _SPEAKING:
            self._spoke_ms = now_ms

    def told(self, kind: str, now_ms: float, detail: str = "") -> None:
        """A server event goes to the client.

        `detail` is the state of an `input_state`, and the reason of a `response_done`.
        """
        metrics = self._metrics
        metrics.events.labels("out").inc()
        match kind:
            case "input_state":
                metrics.decisions.labels(detail).inc()
                self._decided(detail)
            case "response_paused":
                self._silent_ms, self._showed_ms = now_ms, None
            case "response_resumed":
                self._silent_ms = self._showed_ms = None
            case "interrupted":
                self._cut(now_ms)
            case "response_started":
                self._showed_ms, self._is_held = None, False
            case "response_delta":
                self._text_came(now_ms)
            case "response_done":
                metrics.responses.labels(detail).inc()
                self._showed_ms = None

    def _cut(self, now_ms: float) -> None:
        """A reply is cut, which may have fallen silent before."""
        self._metrics.interruptions.inc()
        silent_ms = now_ms if self._silent_ms is None else self._silent_ms
        if self._asked_ms is not None:
            took_s = max(0.0, silent_ms - self._asked_ms) / 1e3
            self._metrics.yield_latency.observe(took_s, self._exemplar)
        self._silent_ms = None

    def _decided(self, state: str) -> None:
        if self._is_held:  # and now it is judged again, with more
            self._metrics.taken_back.inc()
            self._is_held, self._asked_ms = False, None
        if state == "incomplete":
            return
        self._is_held = state == "query"
        self._asked_ms = self._spoke_ms if state == "query" else None
        self._spoke_ms = None

    def _text_came(self, now_ms: float) -> None:
        if self._asked_ms is not None:
            took_s = (now_ms - self._asked_ms) / 1e3
            self._metrics.time_to_first_token.observe(took_s, self._exemplar)
            self._asked_ms = None
        elif self._showed_ms is not None:
            self._metrics.inter_token_latency.observe((now_ms - self._showed_ms) / 1e3)
        self._showed_ms = now_ms
