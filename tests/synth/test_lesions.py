import numpy as np
import pytest

from hepatica.core.geometry import Geometry
from hepatica.synth import lesion_kinds, lesions
from hepatica.synth.tissues import Tissue

GRID = Geometry.from_spacing((60, 60, 60), 1.0)
SIGNAL = np.ones(len(Tissue))
SIGNAL[Tissue.LESION] = 0.5


def test_counts_and_volumes_are_the_papers():
    rng = np.random.default_rng(0)
    counts = [lesion_kinds.draw_count(rng) for _ in range(4000)]
    assert np.mean(counts) == pytest.approx(2.8, abs=0.1)
    volumes = lesion_kinds.draw_volumes_ml(rng, 20000)
    assert np.median(volumes) == pytest.approx(1.57, rel=0.08)
    assert volumes.min() >= 0.021
    assert volumes.max() <= 236
    assert lesion_kinds.draw_volumes_ml(rng, 0).size == 0


@pytest.mark.parametrize("volume_ml", [0.5, 4.0, 14.0])
def test_a_lesion_has_about_the_volume_it_was_drawn_with(volume_ml):
    found = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        drawn = lesion_kinds.draw(rng, np.zeros((1, 3)), [volume_ml], SIGNAL)
        image = np.ones(GRID.shape, np.float32)
        found.append(lesions.paint(drawn, GRID, np.ones(GRID.shape, bool), image).sum() / 1000)
    assert np.mean(found) == pytest.approx(volume_ml, rel=0.25)


def test_no_lesion_voxel_outside_the_liver_and_signal_where_the_label_is():
    rng = np.random.default_rng(1)
    liver = np.zeros(GRID.shape, bool)
    liver[:30] = True
    drawn = lesion_kinds.draw(rng, np.zeros((1, 3)), [10.0], SIGNAL)
    image = np.ones(GRID.shape, np.float32)
    tumour = lesions.paint(drawn, GRID, liver, image)
    assert tumour.any()
    assert not (tumour & ~liver).any()
    assert (image[~liver] == 1).all()
    assert image[tumour].mean() < 0.85


def test_look_alikes_are_painted_and_not_labelled():
    rng = np.random.default_rng(2)
    signal = SIGNAL.copy()
    signal[signal == 1] = 3
    drawn = lesion_kinds.draw_look_alikes(rng, np.zeros((4, 3)), signal)
    image = np.ones(GRID.shape, np.float32)
    tumour = lesions.paint(drawn, GRID, np.ones(GRID.shape, bool), image)
    assert not tumour.any()
    assert image.max() > 1.5


def test_a_lesion_outside_the_grid_is_not_there():
    rng = np.random.default_rng(3)
    drawn = lesion_kinds.draw(rng, np.full((1, 3), 500.0), [1.0], SIGNAL)
    image = np.ones(GRID.shape, np.float32)
    assert not lesions.paint(drawn, GRID, np.ones(GRID.shape, bool), image).any()
    assert (image == 1).all()


def test_shape_belongs_to_the_patient_and_not_to_the_grid():
    drawn = lesion_kinds.draw(np.random.default_rng(4), np.zeros((1, 3)), [8.0], SIGNAL)
    volumes = []
    for spacing in (0.8, 1.6):
        n = int(48 / spacing)
        grid = Geometry.from_spacing((n, n, n), spacing)
        image = np.ones(grid.shape, np.float32)
        painted = lesions.paint(drawn, grid, np.ones(grid.shape, bool), image)
        volumes.append(painted.sum() * grid.voxel_ml)
    assert volumes[0] == pytest.approx(volumes[1], rel=0.03)
