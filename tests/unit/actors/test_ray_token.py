"""The token of a Ray of our own: made once, for its user alone, where nothing else is said."""

from pathlib import Path

import pytest

from duologue.actors.ray_token import MODE, TOKEN, TOKEN_PATH, demand_token


def test_a_token_is_made_that_only_its_user_can_read() -> None:
    first: dict[str, str] = {}
    demand_token(first)
    path = Path(first[TOKEN_PATH])
    assert len(bytes.fromhex(path.read_text())) == 32
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    second: dict[str, str] = {}
    demand_token(second)
    assert second == first  # Ray reads it once in the life of a program


@pytest.mark.parametrize(
    "said", [{MODE: "disabled"}, {MODE: "token", TOKEN: "a"}, {TOKEN_PATH: "elsewhere"}]
)
def test_what_the_environment_says_holds(said: dict[str, str]) -> None:
    environment = dict(said)
    demand_token(environment)
    assert environment == said
