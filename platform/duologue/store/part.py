"""What the parts of the store have in common: the connection and the settings."""

from duologue.service_settings import StoreSettings
from duologue.store.connection import Connection


class StorePart:
    """Some of the store's methods; `Store` is all of them together."""

    def __init__(self, connection: Connection, settings: StoreSettings) -> None:
        self._connection = connection
        self._settings = settings
