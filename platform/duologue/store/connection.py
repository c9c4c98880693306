"""The connection to the server: a bounded pool, time limits, few retries, scripts by digest."""


class Connection:
    """One pool of connections to one server."""
