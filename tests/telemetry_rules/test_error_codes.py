"""Operators find every error that clients can get."""

import re

from duologue import errors as tree
from duologue.gateway import errors
from duologue.gateway.errors import REASONS, refusal_of
from tests.telemetry_rules.alerts import GUIDE


def listed() -> dict[str, str]:
    """Reason to code, by the table of the operators' guide."""
    section = GUIDE.read_text(encoding="utf-8").partition("\n## Error codes\n")[2]
    section = section.partition("\n## ")[0]
    rows = re.findall(r"^\| `([A-Z_]+)` \| `([A-Z_]+)` \| (.+) \| (.+) \|$", section, re.MULTILINE)
    assert all(cause.strip() and remedy.strip() for _, _, cause, remedy in rows)
    return {reason: code for reason, code, _, _ in rows}


def test_every_reason_is_listed_with_its_code() -> None:
    assert listed() == {reason: code for code, reason in REASONS}


def test_every_error_that_is_raised_on_purpose_ends_as_one_of_them() -> None:
    kinds = [
        kind
        for module in (tree, errors)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, tree.DuologueError)
    ]
    assert len(kinds) > 15
    for kind in kinds:
        refusal = refusal_of(kind("why"))
        assert (refusal.code.name, refusal.reason) in REASONS
