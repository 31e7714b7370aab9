"""What was corrected, by hand."""

import numpy as np
import pytest

from hepatica.core import resample
from hepatica.core.errors import InputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap
from hepatica.evaluate.corrections import THIRDS, change, read_minutes, share_by_third
from tests.orientations import ORIENTATIONS, stored

GRID = Geometry.from_spacing((12, 10, 10), (2.0, 2.0, 2.5))  # 0.01 ml a voxel


def pair():
    """A corrected liver of 9 x 6 x 6 voxels: its right third was missing, a lesion was not."""
    corrected = np.zeros(GRID.shape, np.uint8)
    corrected[1:10, 2:8, 2:8] = 1
    corrected[2:4, 3:5, 3:5] = 2
    predicted = corrected.copy()
    predicted[7:10] = 0  # index and patient run to the right
    predicted[2, 3, 3:5] = 1  # two voxels of the lesion were liver
    predicted[11, 9, 9] = 2  # and one lesion was far off
    return LabelMap(predicted, GRID), LabelMap(corrected, GRID)


def test_by_hand():
    found = change(*pair())
    assert found.liver_added_ml == pytest.approx(3 * 36 * 0.01)
    assert found.liver_removed_ml == pytest.approx(0.01)
    assert found.tumour_added_ml == pytest.approx(0.02)
    assert found.tumour_removed_ml == pytest.approx(0.01)
    thirds = dict(zip(THIRDS, found.thirds_ml, strict=True))
    assert thirds["left"] == pytest.approx(0.02)
    assert thirds["middle, left to right"] == 0
    assert thirds["right"] == pytest.approx(1.08 + 0.01)
    assert found.changed_ml == pytest.approx(1.11)
    for first in (0, 3, 6):
        assert sum(found.thirds_ml[first : first + 3]) == pytest.approx(1.11)


def test_right_is_the_patients_right_however_it_is_stored():
    wanted = change(*pair())
    for axes, flips in ORIENTATIONS[::7]:
        grid = stored(GRID, axes, flips)
        found = change(*(resample.onto(labels, grid) for labels in pair()))
        assert found.thirds_ml == pytest.approx(wanted.thirds_ml)


def test_nothing_changed_and_nothing_there():
    _, corrected = pair()
    same = change(corrected, corrected)
    assert same.changed_ml == 0
    assert share_by_third([same]) is None
    empty = LabelMap(np.zeros(GRID.shape, np.uint8), GRID)
    assert change(empty, empty).changed_ml == 0
    assert change(corrected, empty).liver_removed_ml == pytest.approx(3.24)


def test_shares_add_up_along_each_axis():
    shares = share_by_third([change(*pair()), change(*pair())])
    assert shares["right"] == pytest.approx(1.09 / 1.11)
    assert sum(shares[name] for name in THIRDS[3:6]) == pytest.approx(1)


def test_minutes(tmp_path):
    table = tmp_path / "minutes.csv"
    table.write_bytes(b"\xef\xbb\xbfcase,minutes,reader\np1,12.5,A\np2,0,B\n")
    assert read_minutes(table) == {"p1": 12.5, "p2": 0}
    table.write_text("case;minutes;reader\np1;12,5;A\np2;;B\n\np3;3;\n")
    assert read_minutes(table) == {"p1": 12.5, "p3": 3}
    for wrong in ("case,minutes\n,4\n", 'case,minutes\np1,"1,5"\n', "case;minutes\np1;1;2\np1;2\n"):
        table.write_text(wrong)
        with pytest.raises(InputError, match="Line"):
            read_minutes(table)
    for wrong in ("case,minutes\np1,-1\n", "case,minutes\np1,soon\n", "case,minutes\np1,1\np1,2\n"):
        table.write_text(wrong)
        with pytest.raises(InputError, match="Line"):
            read_minutes(table)
    for wrong in ("patient,minutes\np1,1\n", ""):
        table.write_text(wrong)
        with pytest.raises(InputError, match="lacks"):
            read_minutes(table)
    with pytest.raises(InputError, match="cannot be read"):
        read_minutes(tmp_path / "nowhere.csv")
