"""Every call of every service that clients can reach needs one scope, and only that."""

import pytest
from google.protobuf.descriptor import MethodDescriptor

from duologue.gateway.errors import MissingScope, NotAllowed
from duologue.gateway.rights import NEEDED, require_right
from duologue.grants import Grant, KeyTerms
from duologue.scopes import ALL_SCOPES, Scope
from duologue.tenants import Tenant
from duologue.v1 import admin_pb2, conversation_pb2

SERVICES = [
    *conversation_pb2.DESCRIPTOR.services_by_name.values(),
    *admin_pb2.DESCRIPTOR.services_by_name.values(),
]


def _path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def test_every_call_is_in_the_table_and_nothing_else() -> None:
    assert {_path(method) for service in SERVICES for method in service.methods} == {*NEEDED}


def test_calls_of_operators_need_scopes_of_operators() -> None:
    for path, scope in NEEDED.items():
        assert ("AdminService" in path) == scope.startswith("admin")


def test_a_call_that_reads_or_changes_nothing_more_than_its_scope_says() -> None:
    for path, scope in NEEDED.items():
        reads = path.rpartition("/")[2].startswith(("Get", "List"))
        assert reads == scope.endswith(":read"), path


@pytest.mark.parametrize("path", NEEDED)
def test_one_scope_is_enough_and_needed(path: str) -> None:
    operator, tenant = Tenant("ops", is_operator=True), Tenant("acme")
    needed = NEEDED[path]
    require_right(Grant(operator), path)
    require_right(Grant(operator, KeyTerms(frozenset({needed}))), path)
    for scopes in (ALL_SCOPES - {needed}, frozenset[Scope]()):
        with pytest.raises(MissingScope, match=f"needs the scope '{needed}'") as caught:
            require_right(Grant(operator, KeyTerms(scopes)), path)
        assert caught.value.scope == needed
    if needed in (Scope.ADMIN, Scope.ADMIN_READ):
        with pytest.raises(NotAllowed, match="operator's key"):
            require_right(Grant(tenant), path)
    else:
        require_right(Grant(tenant), path)


def test_nobody_may_make_a_call_that_is_not_in_the_table() -> None:
    with pytest.raises(NotAllowed, match="nobody"):
        require_right(Grant(Tenant("ops", is_operator=True)), "/duologue.v1.AdminService/New")
