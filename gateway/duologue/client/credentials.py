"""What a client proves itself with: an API key, or a token that is renewed now and then."""

from collections.abc import Callable, Sequence

from duologue.client.errors import InvalidRequest

Metadata = Sequence[tuple[str, str]]
Credential = str | Callable[[], str]
"""A key or a token; or a function that gives the present token, at once, whenever it is asked."""


class Credentials:
    """Of one client."""

    def __init__(self, credential: Credential | None) -> None:
        """Raises InvalidRequest for a key that cannot be sent."""
        self._credential = credential
        if isinstance(credential, str):
            self.metadata()

    def metadata(self) -> Metadata:
        """For the next call; raises InvalidRequest for a token that cannot be sent."""
        credential = self._credential() if callable(self._credential) else self._credential
        if credential is None:
            return ()
        is_text = isinstance(credential, str) and credential.isascii() and credential.isprintable()
        if not credential or not is_text or " " in credential:
            raise InvalidRequest("api_key must be printable ASCII without blanks", "api_key")
        return (("authorization", f"Bearer {credential}"),)

    def are_renewed(self, used: Metadata) -> bool:
        """Whether there is another one now than that which was used."""
        return callable(self._credential) and self.metadata() != used
