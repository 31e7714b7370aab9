"""Laws of the generator: what a cohort must be like, whatever makes it so.

The bounds are the paper's, the physics' and the anatomists'. When one fails, the generator
is wrong, not the bound.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage, stats

from hepatica.core import resample
from hepatica.core.geometry import Geometry
from hepatica.io import patients
from hepatica.synth import artefacts, describe, lesion_kinds, lesions, patient, signal
from hepatica.synth.fields import covering
from hepatica.synth.filaments import NO_FILAMENTS
from hepatica.synth.procedural import procedural_anatomy
from hepatica.synth.recipe import COHORT
from hepatica.synth.tissues import LIVER_TISSUES, Tissue

PATIENTS = 300
#: What a test may be wrong by chance, once in a thousand seeds.
CHANCE = 1e-3


@pytest.fixture(scope="module")
def anatomy():
    return procedural_anatomy(np.random.default_rng(5))


@pytest.fixture(scope="module")
def cohort(anatomy):
    return [patients.patient(1, number, [anatomy]) for number in range(1, PATIENTS + 1)]


def metastases(drawn):
    return [lesion for lesion in drawn.lesions if lesion.labelled]


def drawn_ml(lesion):
    """The volume that a lesion was drawn with, from its first lobe."""
    shrunk = 0.92 if len(lesion.lobes) > 1 else 1.0
    return float(4 / 3 * np.pi * np.prod(lesion.lobes[0].radii_mm / shrunk) / 1000)


def agrees(counts, shares):
    """Whether counts may come from shares; what has no share must not be there."""
    names = [name for name in shares if shares[name]]
    if set(counts) - set(names):
        return False
    found = np.array([counts[name] for name in names])
    wanted = np.array([shares[name] for name in names])
    return stats.chisquare(found, wanted / wanted.sum() * found.sum()).pvalue > CHANCE


def test_lesions_are_as_many_as_in_the_paper(cohort):
    counts = np.array([len(metastases(drawn)) for drawn in cohort])
    assert counts.min() >= 1
    assert counts.mean() == pytest.approx(2.8, abs=3 * counts.std() / np.sqrt(PATIENTS))


def test_lesions_are_as_large_as_in_the_paper(cohort):
    volumes = np.array([drawn_ml(lesion) for drawn in cohort for lesion in metastases(drawn)])
    assert volumes.min() >= 0.021 * (1 - 1e-6)
    assert volumes.max() <= 236 * (1 + 1e-6)
    assert (volumes < 0.1).any()
    assert (volumes > 60).any()
    rng = np.random.default_rng(0)
    medians = [np.median(rng.choice(volumes, volumes.size)) for _ in range(2000)]
    low, high = np.percentile(medians, [0.1, 99.9])
    assert low < 1.57 < high
    lowest, highest = np.log(np.array([0.021, 236]) / 1.57) / lesion_kinds.SIGMA
    law = stats.truncnorm(lowest, highest)
    assert stats.kstest(np.log(volumes / 1.57) / lesion_kinds.SIGMA, law.cdf).pvalue > CHANCE


def test_kinds_are_as_frequent_as_the_recipe_says(cohort):
    found = [lesion for drawn in cohort for lesion in drawn.lesions]
    large_ml = np.pi / 6 * lesion_kinds.TARGET_FROM_MM**3 / 1000
    shares = dict(zip(lesions.METASTASES, lesion_kinds.METASTASIS_SHARES, strict=True))
    assert sum(shares.values()) == pytest.approx(1)
    large = Counter(x.kind for x in found if x.labelled and drawn_ml(x) >= large_ml)
    assert agrees(large, shares)
    shares["homogeneous"] += shares.pop("target")  # which a small one never is
    rimmed_ml = np.pi / 6 * lesion_kinds.RIM_FROM_MM**3 / 1000
    small = Counter(x.kind for x in found if x.labelled and rimmed_ml <= drawn_ml(x) < large_ml)
    assert agrees(small, shares)
    shares["homogeneous"] += shares.pop("rim")
    assert agrees(Counter(x.kind for x in found if x.labelled and drawn_ml(x) < rimmed_ml), shares)
    fakes = dict(zip(lesions.LOOK_ALIKES, lesion_kinds.LOOK_ALIKE_SHARES, strict=True))
    assert agrees(Counter(x.kind for x in found if not x.labelled), fakes)


def test_the_rest_is_as_frequent_as_the_recipe_says(cohort):
    recipe = COHORT
    phases = Counter(drawn.protocol.phase for drawn in cohort)
    assert agrees(phases, dict(zip(signal.PHASES, recipe.phases, strict=True)))
    fakes = np.array([len(drawn.lesions) - len(metastases(drawn)) for drawn in cohort])
    having = int((fakes > 0).sum())
    assert stats.binomtest(having, PATIENTS, recipe.look_alikes).pvalue > CHANCE
    assert agrees(Counter(fakes[fakes > 0].tolist()), dict.fromkeys((1, 2, 3, 4), 0.25))


def test_painted_volumes_are_those_that_were_drawn(cohort):
    drawn, painted = [], []
    for one in cohort:
        for lesion in metastases(one):
            reach = max(
                float(np.linalg.norm(lobe.centre_mm - lesion.centre_mm) + lobe.radii_mm.max())
                for lobe in lesion.lobes
            ) * (1 + 2.5 * lesion.roughness)
            if reach > 60 or not surrounded(one, lesion, reach):
                continue
            edge_mm = np.cbrt(drawn_ml(lesion) * 1000) / 24
            n = int(np.ceil(2 * reach / edge_mm))
            grid = Geometry.from_spacing((n, n, n), edge_mm, lesion.centre_mm)
            alone = replace(one, lesions=(lesion,))
            drawn.append(drawn_ml(lesion))
            painted.append(patient.render(alone, grid)[2].tumour.sum() * grid.voxel_ml)
        if len(drawn) >= 30:
            break
    ratios = np.array(painted) / drawn
    assert 0.8 < np.exp(np.log(ratios).mean()) < 1.2
    assert 0.8 < np.median(ratios) < 1.2
    assert (ratios > 0.4).all()
    assert (ratios < 2.5).all()


def surrounded(drawn, lesion, reach_mm):
    """Whether all within that reach of a lesion is liver."""
    around = Geometry.from_spacing((24, 24, 24), reach_mm / 12, lesion.centre_mm)
    return np.isin(patient.tissues(drawn, around), LIVER_TISSUES).all()


@pytest.mark.parametrize(
    ("phase", "fat"),
    [*((phase, "saturated") for phase in signal.PHASES), ("pre", "in_phase"), ("pre", "opposed")],
)
def test_tissues_have_the_signal_of_the_equation(cohort, phase, fat):
    protocol = signal.Protocol(phase, fat, echo_ms=80.0 if phase == "t2" else 1.2)
    table = signal.tissue_signal(protocol)
    scan = cohort[0].scan.regrid((190, 140, 100), 2.0)
    drawn = replace(
        cohort[0],
        scan=scan,
        protocol=protocol,
        brightness=table,
        unsaturated=table,
        fails=False,
        spread=np.zeros(len(Tissue)),
        mottle=(0.0,) * len(patient.MOTTLE_MM),
        softness_mm=0.0,
        vessels=NO_FILAMENTS,
        strands=NO_FILAMENTS,
        lesions=(),
        artefacts=artefacts.NONE,
    )
    found = patient.scan_patient(drawn, fine_mm=2.0)[0].voxels
    tissue = patient.tissues(drawn, scan)
    compared = {}
    for each in Tissue:
        deep = ndimage.binary_erosion(tissue == each, iterations=2)
        if each != Tissue.AIR and deep.sum() > 150:
            compared[each] = float(np.median(found[deep]))
    assert {Tissue.SPLEEN, Tissue.KIDNEY, Tissue.VEIN, Tissue.ARTERY, Tissue.FAT} <= set(compared)
    for each, level in compared.items():
        ratio = level / compared[Tissue.LIVER]
        # The scanner sees the magnitude, rounded to whole numbers.
        assert ratio == pytest.approx(abs(table[each]), rel=0.01, abs=0.005), each.name


def test_labels_lie_in_the_liver_and_no_lesion_is_lost_on_the_scanners_grid(cohort):
    looked_at = 0
    for drawn in cohort[:10]:
        fine = covering(drawn.scan, 1.5)
        _, tissue, labels = patient.render(drawn, fine)
        liver = np.isin(tissue, LIVER_TISSUES)
        assert not (labels.tumour & ~liver).any()
        np.testing.assert_array_equal(labels.liver, liver)
        scanned = resample.onto(labels, drawn.scan)
        spots = drawn.scan.to_patient(np.argwhere(scanned.tumour))
        for lesion in metastases(drawn):
            if lesion.radius_mm < drawn.scan.spacing_mm.max():
                continue
            looked_at += 1
            away = np.linalg.norm(spots - lesion.centre_mm, axis=1)
            assert (away < lesion.lobes[0].radii_mm.max()).any(), (drawn.name, lesion.kind)
    assert looked_at > 10


@pytest.fixture(scope="module")
def organs_ml():
    """Volumes of the organs of twelve procedural anatomies, in ml."""
    found = []
    for number in range(12):
        made = procedural_anatomy(np.random.default_rng([1, number]))
        voxel_ml, tissue = made.geometry.voxel_ml, made.tissue
        kidney = np.isin(tissue, (Tissue.KIDNEY, Tissue.RENAL_MEDULLA))
        middle = int(np.rint(made.geometry.to_index((0, 0, 0))[0]))
        found.append(
            {
                "liver": made.liver.sum() * voxel_ml,
                "spleen": (tissue == Tissue.SPLEEN).sum() * voxel_ml,
                "right kidney": kidney[middle:].sum() * voxel_ml,
                "left kidney": kidney[:middle].sum() * voxel_ml,
            }
        )
    return found


@pytest.mark.parametrize(
    ("organ", "least", "most"),
    [
        ("liver", 800, 3000),
        ("spleen", 60, 600),
        ("right kidney", 80, 300),
        ("left kidney", 80, 300),
    ],
)
def test_procedural_organs_are_an_adults(organs_ml, organ, least, most):
    volumes = [round(float(found[organ])) for found in organs_ml]
    assert [v for v in volumes if not least <= v <= most] == [], volumes


def test_patients_do_not_depend_on_the_order_in_which_they_are_drawn(anatomy, cohort):
    others = [anatomy]
    for number in (7, 3, 5):
        again = patients.patient(1, number, others)
        assert describe.patient(again) == describe.patient(cohort[number - 1])
