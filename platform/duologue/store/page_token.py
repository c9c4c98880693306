"""Where a page of sessions ended."""

import base64
import binascii
import json
from dataclasses import dataclass

from duologue.errors import InvalidInput
from duologue.session_record import check_session_id
from duologue.tenants import check_tenant_id


@dataclass(frozen=True, slots=True, order=True)
class PageToken:
    """The place of a session in a list; newer ones are greater."""

    created_ms: int
    tenant_id: str
    session_id: str

    def __str__(self) -> str:
        text = json.dumps([self.created_ms, self.tenant_id, self.session_id])
        return base64.urlsafe_b64encode(text.encode()).decode()

    @classmethod
    def parse(cls, token: str) -> "PageToken":
        """The place that a token stands for; raises InvalidInput for what is none of ours."""
        try:
            created_ms, tenant_id, session_id = json.loads(
                base64.b64decode(token[:1_000], altchars=b"-_", validate=True)
            )
            if type(created_ms) is not int or not 0 <= created_ms < 2**53:
                raise ValueError(created_ms)
            return cls(created_ms, check_tenant_id(tenant_id), check_session_id(session_id))
        except (ValueError, TypeError, binascii.Error, InvalidInput) as error:
            raise InvalidInput(
                "must be the next_page_token of a page", field="page_token"
            ) from error
