"""Every deliberate error has a code to be known by, and crosses processes with all that it says."""

import ast
import copy
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue import errors as tree
from duologue.client import errors as of_the_client
from duologue.errors import DuologueError, InvalidInput, kind_of
from duologue.gateway import errors as of_the_gateway
from duologue.gateway.errors import REASONS
from duologue.lane.slices import SliceBroken

ROOT = Path(__file__).parents[2]
ROOTS = ("platform", "actors", "gateway", "lab", "benchmarks")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
FIELD_IN_WORDS = re.compile(r"([a-z_0-9.]|\{\})+ (must|is|has) ")
"""What a message begins with that names a field without saying that it is one."""
NO_FIELDS = ("{}", "it", "this", "there", "response", "segment", "session")


def _below(kind: type[DuologueError]) -> Iterator[type[DuologueError]]:
    for below in kind.__subclasses__():
        if below.__module__.startswith("duologue."):
            yield below
            yield from _below(below)


KINDS: list[type[DuologueError]] = [DuologueError, *dict.fromkeys(_below(DuologueError))]
OF_THE_PLATFORM = [kind for kind in KINDS if not issubclass(kind, of_the_client.ClientError)]


def test_no_module_of_errors_is_forgotten() -> None:
    modules = {kind.__module__ for kind in KINDS}
    assert modules >= {tree.__name__, of_the_gateway.__name__, of_the_client.__name__}


@pytest.mark.parametrize("kind", OF_THE_PLATFORM, ids=lambda kind: kind.__name__)
def test_each_kind_has_a_code_that_operators_find(kind: type[DuologueError]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)
    assert kind.code.upper() in {reason for _, reason in REASONS}
    assert f"| `{kind.code.upper()}` |" in OPERATIONS
    assert kind.code != "internal" or kind in (DuologueError, SliceBroken)


def test_a_code_stands_for_one_kind() -> None:
    own = [kind.code for kind in OF_THE_PLATFORM if "code" in vars(kind)]
    assert len(own) == len(set(own))
    assert set(own) == {reason.lower() for _, reason in REASONS}


@pytest.mark.parametrize("kind", OF_THE_PLATFORM, ids=lambda kind: kind.__name__)
def test_the_kind_is_found_by_its_code(kind: type[DuologueError]) -> None:
    """Of those of the library; what the gateway adds is told to clients only."""
    found = kind_of(kind.code)
    if kind.__module__ == of_the_gateway.__name__:
        assert found is DuologueError
    else:
        assert issubclass(kind, found)
    assert found.code in (kind.code, "internal")


def test_a_code_that_is_not_known_is_a_fault_of_the_platform() -> None:
    assert kind_of("of_tomorrow") is DuologueError


def _told(error: DuologueError) -> tuple[object, ...]:
    return type(error), str(error), error.args, vars(error)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_kind_can_be_sent_to_another_process(kind: type[DuologueError]) -> None:
    error = kind("what was wrong")
    assert str(error) == "what was wrong"
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert _told(pickle.loads(pickle.dumps(error, protocol))) == _told(error)
    assert _told(copy.copy(error)) == _told(error)


@pytest.mark.parametrize(
    "error",
    [
        InvalidInput("must be set", field="tenant"),
        tree.InvalidSetting("must be 1", field="kv.pages").within("model"),
        tree.QuotaUsedUp("at most 3", retry_after_ms=1_250),
        tree.LeaseHeld("held", "10.0.0.7:7100", 5),
        of_the_gateway.MissingScope("this needs the scope 'admin'", "admin"),
        of_the_gateway.ClusterFull("full", retry_after_ms=70),
        of_the_client.InvalidRequest("tenant must be set", "tenant"),
        of_the_client.LimitReached("full", 1.5),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_an_error_says_besides_its_words_goes_with_it(error: DuologueError) -> None:
    assert vars(error)
    assert _told(pickle.loads(pickle.dumps(error))) == _told(error)


@given(problem=st.text(), field=st.text(), whole=st.text(min_size=1))
def test_a_field_goes_with_its_error(problem: str, field: str, whole: str) -> None:
    error = InvalidInput(problem, field=field)
    assert str(error) == (f"{field} {problem}" if field else problem)
    for same in (error, pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        inner = same.within(whole)
        assert (same.field, same.problem) == (field, problem)
        assert str(inner) == f"{inner.field} {problem}"
        assert inner.field == (f"{whole}.{field}" if field else whole)


def _messages(path: Path) -> Iterator[tuple[int, str]]:
    """Of the errors of invalid input that are raised without a field."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or node.keywords or not node.args:
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name in ("InvalidInput", "InvalidSetting"):
            yield node.lineno, _words(node.args[0])


def _words(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_words(value) for value in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else "{}"


@pytest.mark.parametrize("root", ROOTS)
def test_no_field_is_named_in_words_only(root: str) -> None:
    """A field that only the words have is not told to programs."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {words}"
        for path in sorted((ROOT / root).rglob("*.py"))
        for line, words in _messages(path)
        if FIELD_IN_WORDS.match(words) and words.split()[0] not in NO_FIELDS
    ]
    assert found == []
