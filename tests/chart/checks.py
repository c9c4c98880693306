"""All that is asked of the objects of a release."""

from collections.abc import Sequence

from tests.chart.forms import problems_of_form
from tests.chart.helm import Object
from tests.chart.policy import problems_of_policy
from tests.chart.relations import problems_of_relations
from tests.chart.vocabulary import problems_of_vocabulary


def problems(objects: Sequence[Object]) -> list[str]:
    """What is wrong with them, in words; where forms or names are, no more than that."""
    return (
        problems_of_form(objects)
        or problems_of_vocabulary(objects)
        or [*problems_of_policy(objects), *problems_of_relations(objects)]
    )
