"""Random attention in C, for the sanitizers: the bounds of every tensor are watched."""

from random import Random

from duologue.forward.native.library import Library
from duologue.forward.native.structures import TYPES
from tests.unit.forward.attention_case import random_case


def random_attention(library: Library, random: Random) -> None:
    """Attend with random rows of a random bank; a few of them alone as well."""
    case = random_case(random.randrange(2**32), random.choice(tuple(TYPES)))
    together = case.attend(library)
    assert together.isfinite().all()
    row = random.randrange(case.num_rows)
    assert case.alone(library, row).equal(together[row : row + 1])
