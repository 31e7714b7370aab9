"""How far lesions can be believed: fitted, judged by what was not fitted, and put into a bundle."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from hepatica import cli
from hepatica.core.errors import ConfigError, OutputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap
from hepatica.dataset.entries import Dataset
from hepatica.model.plan import Confidence, Plan, Postprocessing, logit
from hepatica.train import calibrate as calibration
from hepatica.train import sets as measuring
from hepatica.train.calibrate import Calibration, Candidate, calibrate
from hepatica.train.sets import Sets

GRID = Geometry.from_spacing((20, 20, 20), 2)


def cohort(n, seed=0):
    """Candidates whose truth follows a logistic law, known."""
    rng = np.random.default_rng(seed)
    mean, ml = rng.uniform(0.4, 0.99, n), np.exp(rng.normal(0, 1.5, n))
    peak = mean + (1 - mean) * rng.uniform(0, 1, n)
    x = -1 + 1.5 * np.log(mean / (1 - mean)) + 0.5 * np.log(ml)
    real = rng.random(n) < 1 / (1 + np.exp(-x))
    return [
        Candidate(float(m), float(p), float(v), bool(r))
        for m, p, v, r in zip(mean, peak, ml, real, strict=True)
    ]


def test_the_law_of_the_candidates_is_found():
    found = calibration.fit(cohort(6000))
    assert found.mean == pytest.approx(1.5, abs=0.25)
    assert found.size == pytest.approx(0.5, abs=0.1)
    assert found.peak == pytest.approx(0, abs=0.15)
    assert found.offset == pytest.approx(-1, abs=0.25)


def test_confidence_of_unseen_candidates_is_what_it_says():
    many = cohort(3000, seed=1)
    chances, real = calibration.out_of_fold(many), np.array([c.real for c in many])
    for part in calibration.reliability(chances, real):
        assert part.real == pytest.approx(part.confidence, abs=0.1)
    assert np.mean((chances - real) ** 2) < np.mean((np.array([c.mean for c in many]) - real) ** 2)


def test_what_a_candidate_says_of_itself_is_not_what_judges_it():
    """Truth by chance cannot be learned: no confidence strays far from its share."""
    rng = np.random.default_rng(0)
    truth = rng.random(400) < 0.5
    mixed = [replace(c, real=bool(t)) for c, t in zip(cohort(400, seed=2), truth, strict=True)]
    chances = calibration.out_of_fold(mixed)
    assert np.abs(chances - 0.5).mean() < 0.1


@pytest.mark.parametrize("truth", [[True] * 40, [False] * 40, [True] * 31 + [False] * 9])
def test_too_few_of_a_kind_teach_nothing(truth):
    few = [Candidate(0.5, 0.6, 1.0, real) for real in truth]
    with pytest.raises(ConfigError, match="too few"):
        calibration.fit(few)


def test_the_best_least_by_hand():
    chances = np.array([0.1, 0.2, 0.6, 0.7, 0.9])
    real = np.array([False, False, True, False, True])
    # Two true above 0.2: from 0.25 on two false are gone and one is left: F1 4 / 5.
    assert calibration.best_least(chances, real, missed=0) == pytest.approx(0.25)
    assert calibration.best_least(chances, np.ones(5, bool), missed=3) == 0
    assert calibration.best_least(np.empty(0), np.empty(0, bool), missed=3) == 0


@given(st.floats(0, 1), st.floats(0, 1), st.floats(1e-4, 1e4), st.tuples(*[st.floats(-20, 20)] * 4))
def test_a_confidence_is_a_chance(mean, peak, ml, numbers):
    offset, a, b, c = numbers
    found = Confidence(offset=offset, mean=a, peak=b, size=c).of(mean, peak, ml)
    assert 0 < found <= 1


def test_a_confidence_by_hand():
    rule = Confidence(offset=0.5, mean=1.0, peak=2.0, size=3.0)
    # Odds of 0.75 are 3, of 0.9 are 9; e^0.5 · 3 · 81 · 2³
    odds = np.exp(0.5) * 3 * 81 * 8
    assert rule.of(0.75, 0.9, 2.0) == pytest.approx(odds / (1 + odds))
    assert logit(0) == logit(1e-4) == pytest.approx(-logit(1))


def test_candidates_and_their_truth():
    found, truth = np.zeros((2, *GRID.shape), np.uint8)
    p = np.zeros(GRID.shape, np.float32)
    found[2:18, 2:18, 2:18] = truth[2:18, 2:18, 2:18] = 1
    found[3:6, 3:6, 3:6] = 2
    p[3:6, 3:6, 3:6] = 0.8
    p[4, 4, 4] = 0.95
    found[10:12, 10:12, 10:12] = 2
    p[10:12, 10:12, 10:12] = 0.6
    truth[11:14, 11:14, 11:14] = 2  # shares a voxel with the small one
    first, second = calibration.candidates(LabelMap(found, GRID), p, LabelMap(truth, GRID))
    assert (first.real, second.real) == (False, True)
    assert first.peak == pytest.approx(0.95)
    assert first.mean == pytest.approx((26 * 0.8 + 0.95) / 27)
    assert second.volume_ml == pytest.approx(8 * 0.008)
    empty = LabelMap(np.zeros(GRID.shape, np.uint8), GRID)
    assert calibration.candidates(empty, p, empty) == ()


@pytest.fixture
def drawn(monkeypatch):
    """Instead of what a tiny network calls lesions, candidates of a law, five a patient."""
    stock = iter(cohort(5000, seed=3))
    monkeypatch.setattr(measuring, "POOL", 1)
    monkeypatch.setattr(calibration, "candidates", lambda *_: [next(stock) for _ in range(60)])


def test_a_calibrated_bundle(tiny_bundle, drawn, tmp_path):
    said = []
    made = calibrate(tiny_bundle, tmp_path / "believed", Sets(2, 7), report=said.append)
    rule = made.plan.postprocessing
    assert rule.confidence is not None
    assert rule.confidence.mean > 0.5
    record = msgspec.json.decode(
        (made.folder / calibration.CALIBRATION).read_bytes(), type=Calibration
    )
    assert record.candidates == 120
    assert sum(b.candidates for b in record.bins) == 120
    assert record.min_confidence == rule.min_confidence
    assert record.brier < record.brier_mean
    assert (made.folder / calibration.DIAGRAM).read_bytes().startswith(b"\x89PNG")
    # The networks are the same, and so is everything else of the plan.
    assert made.plan.stages == tiny_bundle.plan.stages
    assert calibration.with_confidence(made.plan, None, 0.0) == tiny_bundle.plan
    assert said[-1] == f"A lesion needs a confidence of {rule.min_confidence:.2f}"
    # Calibrating once more starts from all candidates again.
    again = calibrate(made, tmp_path / "again", Sets(2, 7), least=0.4)
    assert again.plan.postprocessing.min_confidence == 0.4
    assert again.sha256 != made.sha256


def test_what_cannot_be_calibrated_is_left_alone(tiny_bundle, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(OutputError, match="no bundle"):
        calibrate(tiny_bundle, tmp_path / "mine", Sets(1, 7))
    livers = Dataset("livers", (), {"liver": 1})
    with pytest.raises(ConfigError, match="knows no lesions"):
        calibrate(tiny_bundle, tmp_path / "out", Sets(1, 7, (), livers))
    assert not (tmp_path / "out").exists()


def test_the_verb(tiny_bundle, drawn, tmp_path):
    out = tmp_path / "believed"
    result = CliRunner().invoke(
        cli.app, ["calibrate", str(tiny_bundle.folder), "-o", str(out), "-n", "1", "--least", "0.3"]
    )
    assert result.exit_code == 0, result.output
    assert "Bundle:" in result.output
    plan = Plan.from_json((out / "plan.json").read_bytes())
    assert plan.postprocessing.min_confidence == 0.3


def test_a_least_without_a_confidence_is_refused():
    with pytest.raises(ValueError, match="needs a confidence"):
        Postprocessing(min_confidence=0.5)
    with pytest.raises(ValueError, match="not between"):
        Postprocessing(min_confidence=1.5, confidence=Confidence(offset=0, mean=1, peak=0, size=0))
