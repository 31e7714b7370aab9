"""Means, intervals, agreement and paired tests: by hand, from the books, against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hepatica.evaluate.statistics import Agreement, Summary, holm, icc, wilcoxon


def test_a_summary_by_hand():
    found = Summary.of([0.5, None, 0.9, 0.7])
    assert found.mean == pytest.approx(0.7)
    assert found.sd == pytest.approx(0.2)
    assert found.median == pytest.approx(0.7)
    assert (found.defined, found.undefined) == (3, 1)
    assert 0.5 <= found.low < 0.7 < found.high <= 0.9


def test_of_one_case_or_none():
    one = Summary.of([0.5, None])
    assert (one.mean, one.sd, one.median, one.low, one.high) == (0.5, None, 0.5, None, None)
    none = Summary.of([None])
    assert (none.mean, none.defined, none.undefined) == (None, 0, 1)
    assert Summary.of([]) == Summary(None, None, None, None, None, 0, 0)


def test_the_interval_is_that_of_a_bootstrap():
    values = np.random.default_rng(3).gamma(2, 1, 40)
    found = Summary.of(list(values))
    theirs = stats.bootstrap((values,), np.mean, n_resamples=9999, method="percentile", rng=0)
    assert found.low == pytest.approx(theirs.confidence_interval.low, rel=0.03)
    assert found.high == pytest.approx(theirs.confidence_interval.high, rel=0.03)
    assert found == Summary.of(list(values))  # the same every time


def test_icc_of_the_book():
    """Shrout and Fleiss 1979, table 2: six targets, four judges; ICC(2,1) is 0.29."""
    ratings = [
        [9, 2, 5, 8],
        [6, 1, 3, 2],
        [8, 4, 6, 8],
        [7, 1, 2, 6],
        [10, 5, 6, 9],
        [6, 2, 4, 7],
    ]
    assert icc(np.array(ratings, float)) == pytest.approx(0.29, abs=0.005)
    assert icc(np.array([[1.0, 1.0], [4.0, 4.0]])) == pytest.approx(1)
    assert icc(np.ones((5, 2))) is None
    assert icc(np.full((3, 2), 0.1)) is None  # whose mean is not 0.1
    assert icc(np.ones((1, 2))) is None


def test_agreement_by_hand():
    found = Agreement.of([10, 12, 17], [9, 12, 15])
    assert found.bias == pytest.approx(1)
    assert found.sd == pytest.approx(1)
    assert (found.low, found.high) == pytest.approx((1 - 1.96, 1 + 1.96))
    assert Agreement.of([], []).cases == 0
    assert Agreement.of([3], [2]) == Agreement(1, 1.0, None, None, None, None)


def test_paired_tests_leave_out_what_is_undefined():
    one, other = [0.1, 0.5, None, 0.9, 0.7, 0.8], [0.2, 0.6, 0.3, None, 0.75, 0.86]
    wanted = stats.wilcoxon([-0.1, -0.1, -0.05, -0.06]).pvalue
    assert wilcoxon(one, other) == pytest.approx(wanted)
    assert wilcoxon(one, one) == 1
    assert wilcoxon([None], [0.4]) is None


def test_holm_by_hand():
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_correction_never_makes_it_smaller(pvalues):
    corrected = holm(pvalues)
    assert all(p <= c <= 1 for p, c in zip(pvalues, corrected, strict=True))
    assert max(corrected) <= min(1, len(pvalues) * max(pvalues)) + 1e-12
    assert np.argsort(pvalues, kind="stable").tolist() == sorted(
        range(len(pvalues)), key=lambda n: (corrected[n], pvalues[n], n)
    )
