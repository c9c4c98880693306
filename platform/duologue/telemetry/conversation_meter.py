"""What a client notices of one conversation, measured where its events pass by."""

from duologue.telemetry.metrics import GatewayMetrics

_SPEAKING = ("input_append", "input_revise", "input_commit")


class ConversationMeter:
    """Is told the kinds of the events as they pass, as the messages name them, and when.

    One for each connection, so that what a client missed while it was away is not taken for delay.
    """

    def __init__(self, metrics: GatewayMetrics) -> None:
        self._metrics = metrics
        self._spoke_ms: float | None = None
        """When the user said something last that is not decided."""
        self._asked_ms: float | None = None
        """The same of the query whose answer has not begun."""
        self._showed_ms: float | None = None
        """When the reply's text came last."""

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
            case "interrupted":
                metrics.interruptions.inc()
                if self._asked_ms is not None:
                    metrics.yield_latency.observe((now_ms - self._asked_ms) / 1e3)
            case "response_started":
                self._showed_ms = None
            case "response_delta":
                self._text_came(now_ms)
            case "response_done":
                metrics.responses.labels(detail).inc()
                self._showed_ms = None

    def _decided(self, state: str) -> None:
        if state == "incomplete":
            return
        self._asked_ms = self._spoke_ms if state == "query" else None
        self._spoke_ms = None

    def _text_came(self, now_ms: float) -> None:
        if self._asked_ms is not None:
            self._metrics.time_to_first_token.observe((now_ms - self._asked_ms) / 1e3)
            self._asked_ms = None
        elif self._showed_ms is not None:
            self._metrics.inter_token_latency.observe((now_ms - self._showed_ms) / 1e3)
        self._showed_ms = now_ms
