import numpy as np
import pytest

from hepatica.synth.signal import (
    FAT_LEFT,
    PHASES,
    Physiology,
    Protocol,
    fat_echo_ms,
    tissue_signal,
    tissue_t1_ms,
)
from hepatica.synth.tissues import Tissue, class_of_tissue

CONTRAST = [p for p in PHASES if p not in ("pre", "t2")]


def spoiled(t1, density, t2_star, fat=0.0, sign=FAT_LEFT, echo=1.8, fat_t1=382):
    """The equation of the docstring, once more and by itself."""

    def s(t1):
        e1, angle = np.exp(-4 / t1), np.deg2rad(11)
        return np.sin(angle) * (1 - e1) / (1 - np.cos(angle) * e1)

    return density * ((1 - fat) * s(t1) + sign * fat * s(fat_t1)) * np.exp(-echo / t2_star)


@pytest.mark.parametrize(("fat", "sign"), [("saturated", 0.1), ("in_phase", 1), ("opposed", -1)])
def test_equation_by_hand(fat, sign):
    found = tissue_signal(Protocol(phase="pre", fat=fat))[Tissue.MUSCLE]
    muscle = spoiled(898, 0.80, 25, 0.03, sign)
    assert found == pytest.approx(muscle / spoiled(809, 0.80, 23, 0.03, sign))


def test_equation_by_hand_at_1_5_t():
    """The times that de Bazelaire measured at 1.5 T: spleen 1057, liver 586, fat 343 ms."""
    protocol = Protocol(phase="pre", fat="in_phase", field_t=1.5, echo_ms=4.6)
    spleen = spoiled(1057, 0.88, 40, echo=4.6)
    liver = spoiled(586, 0.80, 23, 0.03, 1, 4.6, 343)
    assert tissue_signal(protocol)[Tissue.SPLEEN] == pytest.approx(spleen / liver)


def test_agent_adds_the_same_to_the_rate_in_both_fields():
    for phase in CONTRAST:
        added = [
            1 / tissue_t1_ms(phase, None, field) - 1 / tissue_t1_ms("pre", None, field)
            for field in (1.5, 3.0)
        ]
        np.testing.assert_allclose(*added, atol=1e-12)


@pytest.mark.parametrize(("field", "spleen_t2", "liver_t2"), [(3.0, 61, 34), (1.5, 79, 46)])
def test_spin_echo_by_hand(field, spleen_t2, liver_t2):
    def s(density, t1, t2):
        return density * (1 - np.exp(-2000 / t1)) * np.exp(-80 / t2)

    t1 = {3.0: (1328, 809), 1.5: (1057, 586)}[field]
    protocol = Protocol("t2", "saturated", repetition_ms=2000, echo_ms=80, field_t=field)
    found = tissue_signal(protocol, Physiology(liver_fat=0.0))[Tissue.SPLEEN]
    assert found == pytest.approx(s(0.88, t1[0], spleen_t2) / s(0.80, t1[1], liver_t2))


def test_echo_times_are_those_of_the_textbook():
    """Fat and water at 1.5 T: opposed at 2.3 ms, in phase at 4.6; at 3 T half of that."""
    assert fat_echo_ms("opposed", 1.5) == pytest.approx(2.3, abs=0.02)
    assert fat_echo_ms("in_phase", 1.5) == pytest.approx(4.6, abs=0.02)
    assert fat_echo_ms("opposed", 3.0) == pytest.approx(1.15, abs=0.01)
    assert fat_echo_ms("in_phase", 3.0) == pytest.approx(2.3, abs=0.01)


@pytest.mark.parametrize("phase", PHASES)
def test_what_a_radiologist_expects(phase):
    spin_echo = Protocol(phase="t2", repetition_ms=2500, echo_ms=80)
    s = tissue_signal(spin_echo if phase == "t2" else Protocol(phase=phase))
    assert s[Tissue.LIVER] == 1
    assert s[Tissue.AIR] == 0
    if phase == "t2":
        assert s[Tissue.CYST] > s[Tissue.LESION] > 1.5
        assert s[Tissue.SPLEEN] > 1.5
        return
    assert s[Tissue.LESION] < 0.9
    assert s[Tissue.FAT] < 0.5
    assert s[Tissue.CYST] < s[Tissue.LESION]
    if phase in ("portal_venous", "delayed"):
        assert s[Tissue.LIVER_VESSEL] > 1.3
        assert s[Tissue.LESION_RIM] > s[Tissue.LESION] > s[Tissue.NECROSIS]
        assert s[Tissue.HAEMANGIOMA] == pytest.approx(s[Tissue.LIVER_VESSEL], rel=0.15)
    if phase == "late_arterial":
        assert s[Tissue.ARTERY] > s[Tissue.KIDNEY] > s[Tissue.LIVER_VESSEL] > 1.5
        assert s[Tissue.PERFUSION] > 1.2
    if phase == "hepatobiliary":
        assert s[Tissue.LIVER_VESSEL] < 0.7
        assert s[Tissue.GALLBLADDER] > 1


# Signal relative to liver at FA 11, TR 4, TE 1.8, calculated elsewhere from the same T1.
PUBLISHED = {
    "late_arterial": {"ARTERY": 3.35, "SPLEEN": 1.96, "KIDNEY": 2.8, "LESION": 0.63},
    "portal_venous": {"ARTERY": 1.51, "SPLEEN": 1.23, "KIDNEY": 1.9, "LESION": 0.68},
    "hepatobiliary": {"ARTERY": 0.44, "SPLEEN": 0.47, "KIDNEY": 0.8, "LESION": 0.44},
}


@pytest.mark.parametrize("phase", PUBLISHED)
def test_ratios_of_the_table(phase):
    found = tissue_signal(Protocol(phase=phase))
    for tissue, ratio in PUBLISHED[phase].items():
        assert found[Tissue[tissue]] == pytest.approx(ratio, rel=0.12), tissue


def test_fat_is_bright_in_phase_and_negative_in_opposed_phase():
    assert tissue_signal(Protocol(phase="pre", fat="in_phase"))[Tissue.FAT] > 1
    assert tissue_signal(Protocol(phase="pre", fat="opposed"))[Tissue.FAT] < -1


def test_a_fatty_liver_loses_signal_in_opposed_phase():
    def spleen(liver_fat, fat):
        patient = Physiology(liver_fat=liver_fat)
        return tissue_signal(Protocol(phase="pre", fat=fat), patient)[Tissue.SPLEEN]

    assert spleen(0.2, "opposed") > 1.3 * spleen(0.0, "opposed")
    assert spleen(0.2, "in_phase") < spleen(0.0, "in_phase")


def test_agent_shortens_and_its_uptake_scales():
    n = len(Tissue)
    before = tissue_t1_ms("pre")
    for phase in CONTRAST:
        assert (tissue_t1_ms(phase) <= before * 1.001).all()
        none = tissue_t1_ms(phase, Physiology(uptake=np.zeros(n)))
        np.testing.assert_allclose(none, before)
    np.testing.assert_allclose(tissue_t1_ms("pre", Physiology(uptake=np.full(n, 9.0))), before)
    delayed, portal = tissue_t1_ms("delayed"), tissue_t1_ms("portal_venous")
    assert ((delayed <= before + 1e-9) & (delayed >= portal - 1e-9)).all()


def test_classes_of_tissues():
    table = class_of_tissue(("background", "liver", "tumour", "spleen", "kidney"))
    assert table[Tissue.LIVER] == table[Tissue.LIVER_VESSEL] == 1
    assert table[Tissue.SPLEEN] == 3
    assert table[Tissue.RENAL_MEDULLA] == 4
    assert table[Tissue.FAT] == 0
    with pytest.raises(KeyError):
        class_of_tissue(("background", "soul"))
