"""Figures against numbers worked out by hand."""

import pytest

from duologue.evaluation.metrics import (
    Confusion,
    Share,
    Spread,
    expected_calibration_error,
    reliability,
)


@pytest.fixture
def confusion() -> Confusion[str]:
    pairs = [("a", "a")] * 8 + [("a", "b")] * 2 + [("b", "b")] * 3 + [("b", "a")]
    return Confusion.of(("a", "b", "c"), pairs)


class TestShare:
    def test_value_and_text(self) -> None:
        assert Share(88, 92).value == pytest.approx(0.95652, abs=1e-5)
        assert str(Share(88, 92)) == ".957 (88/92)"
        assert str(Share(2, 2)) == "1.000 (2/2)"

    def test_nothing_counted_is_not_zero(self) -> None:
        assert Share(0, 0).value is None
        assert Share(0, 0).interval == (0.0, 1.0)
        assert str(Share(0, 0)) == "–"

    def test_interval_is_wilsons(self) -> None:
        assert Share(9, 10).interval == pytest.approx((0.5958, 0.9821), abs=1e-4)

    @pytest.mark.parametrize("hits", [0, 1, 50, 99, 100])
    def test_interval_holds_the_share(self, hits: int) -> None:
        low, high = Share(hits, 100).interval
        assert 0 <= low <= hits / 100 <= high <= 1
        assert low < high

    def test_more_hits_than_rows_are_refused(self) -> None:
        with pytest.raises(AssertionError):
            Share(3, 2)


class TestConfusion:
    def test_by_label(self, confusion: Confusion[str]) -> None:
        assert confusion.recall("a") == Share(8, 10)
        assert confusion.precision("a") == Share(8, 9)
        assert confusion.false_positive_rate("a") == Share(1, 4)
        assert confusion.false_negative_rate("a") == Share(2, 10)
        assert confusion.recall("b") == Share(3, 4)
        assert confusion.precision("b") == Share(3, 5)
        assert confusion.accuracy == Share(11, 14)

    def test_label_that_never_came(self, confusion: Confusion[str]) -> None:
        assert confusion.recall("c").value is None
        assert confusion.precision("c").value is None
        assert confusion.false_positive_rate("c") == Share(0, 14)

    def test_matrix(self, confusion: Confusion[str]) -> None:
        assert confusion.rows() == [[8, 2, 0], [1, 3, 0], [0, 0, 0]]
        assert confusion.to_json()["b"] == {"a": 1, "b": 3, "c": 0}

    def test_strange_label_is_refused(self) -> None:
        with pytest.raises(AssertionError, match="not listed"):
            Confusion.of(("a",), [("a", "z")])


class TestCalibration:
    def test_always_sure_and_half_right(self) -> None:
        bins = reliability([1.0] * 4, [True, False, True, False])
        assert expected_calibration_error(bins) == pytest.approx(0.5)
        assert bins[-1].num_rows == 4

    def test_well_calibrated(self) -> None:
        bins = reliability([0.75] * 4, [True, True, True, False])
        assert expected_calibration_error(bins) == pytest.approx(0.0)

    def test_bins_are_weighted_by_rows(self) -> None:
        bins = reliability([0.95] * 3 + [0.15], [True] * 3 + [True], num_bins=10)
        assert expected_calibration_error(bins) == pytest.approx((3 * 0.05 + 0.85) / 4)

    def test_without_rows(self) -> None:
        assert expected_calibration_error(reliability([], [])) is None


class TestSpread:
    def test_quantiles_are_values_that_came(self) -> None:
        spread = Spread.of([30.0, 10.0, 20.0, 40.0])
        assert spread.quantile(0.5) == 20.0
        assert spread.quantile(0.51) == 30.0
        assert spread.quantile(1.0) == 40.0
        assert spread.quantile(0.0) == 10.0
        assert spread.mean == 25.0

    def test_empty(self) -> None:
        assert Spread.of([]).to_json() == {
            "number": 0,
            "mean": None,
            "p50": None,
            "p95": None,
            "max": None,
        }
