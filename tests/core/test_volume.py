import numpy as np
import pytest

from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, ProbabilityMap, Volume

GRID = Geometry.from_spacing((2, 3, 4), 1)


def test_liver_includes_lesions():
    labels = np.zeros((2, 3, 4), np.uint8)
    labels[0] = 1
    labels[0, 0, 0] = 2
    found = LabelMap(labels, GRID)
    assert found.liver.sum() == 12
    assert found.parenchyma.sum() == 11
    assert found.tumour.sum() == 1


@pytest.mark.parametrize("kind", [Volume, LabelMap])
def test_arrays_are_read_only_and_fit_their_grid(kind):
    value = kind(np.zeros((2, 3, 4), np.uint8), GRID)
    array = value.voxels if kind is Volume else value.labels
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0, 0] = 1
    with pytest.raises(ValueError, match="on a grid of"):
        kind(np.zeros((2, 3, 5), np.uint8), GRID)


@pytest.mark.parametrize("value", [0.5, -1, 256])
def test_labels_are_never_rounded_or_wrapped(value):
    with pytest.raises(ValueError, match="labels are"):
        LabelMap(np.full((2, 3, 4), value), GRID)
    assert LabelMap(np.full((2, 3, 4), 2), GRID).tumour.all()


def test_freezing_leaves_the_callers_array_writeable():
    mine = np.zeros((2, 3, 4), np.float32)
    Volume(mine, GRID)
    mine[0, 0, 0] = 1


def test_argmax_prefers_the_lower_label():
    p = np.full((3, 2, 3, 4), 1 / 3, np.float32)
    p[2, 0, 0, 0] = 0.4
    labels = ProbabilityMap(p, GRID).argmax().labels
    assert labels[0, 0, 0] == 2
    assert labels.sum() == 2
