"""How the brightness of one patient's tissues is drawn."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from hepatica.synth import contrast, lesion_kinds
from hepatica.synth.recipe import COHORT, TRAINING
from hepatica.synth.signal import PHASES, fat_echo_ms
from hepatica.synth.tissues import Tissue

SEEDS = range(150)


def drawn(phase, recipe=COHORT):
    return [contrast.draw(np.random.default_rng(n), recipe.in_phase(phase)) for n in SEEDS]


@pytest.mark.parametrize("phase", [p for p in PHASES if p not in ("pre", "t2")])
def test_with_agent_every_dark_metastasis_is_darker_than_its_liver(phase):
    rng = np.random.default_rng(0)
    for _, table, plain in drawn(phase):
        assert table[Tissue.LESION] <= contrast.BRIGHTEST
        assert plain[Tissue.LESION] <= contrast.BRIGHTEST
        for kind in ("rim", "homogeneous", "target"):
            made = lesion_kinds.metastasis(rng, kind, np.zeros(3), 12.0, table)
            assert made.core <= 1 - lesion_kinds.VISIBLE


def test_a_late_arterial_phase_fills_the_veins_one_after_the_other():
    tables = [table for _, table, _ in drawn("late_arterial")]
    for table in tables:
        assert table[Tissue.ARTERY] > table[Tissue.LIVER_VESSEL] > table[Tissue.HEPATIC_VEIN]
        assert table[Tissue.PORTAL_VEIN] > table[Tissue.VEIN]
    assert np.mean([table[Tissue.HEPATIC_VEIN] < 1 for table in tables]) > 0.9


def test_fast_blood_is_darker_than_slow_blood_on_t2():
    tables = [table for _, table, _ in drawn("t2")]
    fast = np.median([t[Tissue.ARTERY] for t in tables])
    slow = np.median([t[Tissue.LIVER_VESSEL] for t in tables])
    assert fast < 0.6 * slow


def test_tissues_of_one_make_differ_from_the_table_alike():
    for _, table, _ in drawn("portal_venous", replace(COHORT, perturbed=1.0)):
        veins = [Tissue.LIVER_VESSEL, Tissue.PORTAL_VEIN, Tissue.HEPATIC_VEIN, Tissue.VEIN]
        np.testing.assert_allclose(table[veins], table[Tissue.VEIN])
    spread = [table[Tissue.SPLEEN] / table[Tissue.KIDNEY] for _, table, _ in drawn("delayed")]
    assert np.std(spread) > 0.05  # which are not of one make


def test_echo_times_follow_fat_and_field():
    kinds = Counter()
    for protocol, *_ in (*drawn("pre"), *drawn("portal_venous")):
        kinds[protocol.fat, protocol.field_t] += 1
        if protocol.fat == "saturated":
            assert 1 <= protocol.echo_ms <= 2.4
        else:
            wanted = fat_echo_ms(protocol.fat, protocol.field_t)
            assert protocol.echo_ms == pytest.approx(wanted, rel=0.04)
    assert len(kinds) == 6
    assert not any(p.fat == "opposed" for p, *_ in drawn("portal_venous"))


def test_a_liver_in_opposed_phase_is_not_black():
    """Muscle, which has 3 % of fat, stays within three times of it."""
    opposed = [table for p, table, _ in drawn("pre") if p.fat == "opposed"]
    assert len(opposed) > 20
    assert max(table[Tissue.MUSCLE] for table in opposed) < 3
    assert all(table[Tissue.FAT] < 0 for table in opposed)


def test_arbitrary_contrast_is_arbitrary_but_shows_its_lesions():
    recipe = replace(TRAINING, random_contrast=1.0)
    tables = [contrast.draw(np.random.default_rng(n), recipe) for n in SEEDS]
    assert all(protocol is None for protocol, *_ in tables)
    core = np.array([table[Tissue.LESION] for _, table, _ in tables])
    assert ((core <= 0.85) | (core >= 1.15)).all()
    assert 0.65 < (core < 1).mean() < 0.92
    assert np.std([table[Tissue.SPLEEN] for _, table, _ in tables]) > 0.4
    assert all(table[Tissue.LIVER] == 1 and table[Tissue.AIR] == 0 for _, table, _ in tables)


@pytest.mark.parametrize(
    ("phase", "low", "high"), [("portal_venous", 9, 15), ("hepatobiliary", 10, 30), ("pre", 9, 70)]
)
def test_flip_angles_are_those_of_the_phase(phase, low, high):
    angles = [protocol.flip_deg for protocol, *_ in drawn(phase)]
    assert low <= min(angles) < low + 0.1 * (high - low)
    assert high - 0.1 * (high - low) < max(angles) <= high


def test_two_in_five_sequences_before_contrast_are_slow_and_none_after():
    slow = [protocol.repetition_ms >= 100 for protocol, *_ in drawn("pre")]
    assert np.mean(slow) == pytest.approx(0.4, abs=0.13)
    assert all(protocol.repetition_ms <= 5 for protocol, *_ in drawn("portal_venous"))


def test_patients_differ_by_time_density_uptake_and_fat(monkeypatch):
    """What reaches the equation: 15 % of T1, 8 % of density, 35 % of uptake, 3 in 10 fatty."""
    seen = []
    whole = contrast.signal.tissue_signal
    monkeypatch.setattr(
        contrast.signal, "tissue_signal", lambda p, who: seen.append(who) or whole(p, who)
    )
    drawn("portal_venous")
    for name, deviation in (("t1", 0.15), ("density", 0.08), ("uptake", 0.35)):
        factors = np.log([getattr(who, name)[Tissue.SPLEEN] for who in seen])
        assert factors.std() == pytest.approx(deviation, rel=0.2), name
    assert np.mean([who.liver_fat > 0.05 for who in seen]) == pytest.approx(0.3, abs=0.12)


def test_fat_without_saturation_is_bright_and_the_rest_as_it_was():
    saturated = [(t, p) for protocol, t, p in drawn("portal_venous") if protocol.fat == "saturated"]
    assert len(saturated) > 80
    for table, plain in saturated:
        assert plain[Tissue.FAT] > 3 * table[Tissue.FAT]
        assert plain[Tissue.SPLEEN] == pytest.approx(table[Tissue.SPLEEN], rel=0.3)


def test_perfusion_is_liver_but_for_the_agent():
    """The same parenchyma: before contrast it differs by its density alone."""
    for _, table, _ in drawn("pre"):
        assert table[Tissue.PERFUSION] / table[Tissue.LIVER] == pytest.approx(0.81 / 0.80)
