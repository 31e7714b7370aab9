import numpy as np
import pytest

from hepatica.synth.signal import PHASES, Sequence, tissue_signal, tissue_t1_ms
from hepatica.synth.tissues import Tissue, class_of_tissue


def test_equation_by_hand():
    # Muscle before contrast at 3 T, relative to liver: PD .80, T1 898 and 809 ms, T2* 25 and 23.
    def s(t1, t2):
        e1 = np.exp(-4 / t1)
        a = np.deg2rad(11)
        return 0.8 * np.sin(a) * (1 - e1) / (1 - np.cos(a) * e1) * np.exp(-1.8 / t2)

    found = tissue_signal("pre", Sequence())[Tissue.MUSCLE]
    assert found == pytest.approx(s(898, 25) / s(809, 23))


@pytest.mark.parametrize("phase", PHASES)
def test_what_a_radiologist_expects(phase):
    s = tissue_signal(phase, Sequence())
    assert s[Tissue.LIVER] == 1
    assert s[Tissue.AIR] == 0
    assert s[Tissue.LESION] < 0.9
    assert s[Tissue.FAT] < 0.5
    if phase in ("portal_venous", "delayed"):
        assert s[Tissue.LIVER_VESSEL] > 1.1
        assert s[Tissue.LESION_RIM] > s[Tissue.LESION] > s[Tissue.NECROSIS]
    if phase == "hepatobiliary":
        assert s[Tissue.LIVER_VESSEL] < 0.7
        assert s[Tissue.GALLBLADDER] > s[Tissue.MUSCLE]


def test_fat_is_bright_without_saturation():
    assert tissue_signal("pre", Sequence(fat_saturation=False))[Tissue.FAT] > 1


def test_delayed_lies_between():
    before, delayed, portal = (tissue_t1_ms(p) for p in ("pre", "delayed", "portal_venous"))
    assert ((delayed <= before + 1e-9) & (delayed >= portal - 1e-9)).all()


def test_classes_of_tissues():
    table = class_of_tissue(("background", "liver", "tumour", "spleen", "kidney"))
    assert table[Tissue.LIVER] == table[Tissue.LIVER_VESSEL] == 1
    assert table[Tissue.SPLEEN] == 3
    assert table[Tissue.RENAL_MEDULLA] == 4
    assert table[Tissue.FAT] == 0
    with pytest.raises(KeyError):
        class_of_tissue(("background", "soul"))
