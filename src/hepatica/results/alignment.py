"""Bringing the liver of one date onto that of another: rigid first, then bending.

Only the livers' forms are used, as signed distances, so that dates of different sequences,
contrast phases or scanners can be compared. What is inside follows smoothly: a free-form
deformation of coarse control points (D. Rueckert et al., IEEE TMI 18(8), 1999) cannot move
single lesions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from hepatica.core.components import bounding_box
from hepatica.core.errors import InputError
from hepatica.core.geometry import Geometry
from hepatica.core.resample import onto
from hepatica.core.volume import LabelMap

#: Edge of the voxels that livers are aligned on, and room around them.
PITCH_MM, ROOM_MM = 4.0, 24.0
#: Far outside, distances say nothing of the form.
FAR_MM = 16.0
#: Distance between control points of the deformation.
CONTROL_MM = 60.0
#: Later steps follow the voxels' noise.
BENDING_STEPS = 15


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where the points of the earlier date are on the later one.

    Parameters
    ----------
    transform
        Between RAS+ mm.
    dice
        Overlap of both livers after it: how far it can be trusted.
    """

    transform: Any
    dice: float

    def __call__(self, points_mm: ArrayLike) -> NDArray[np.float64]:
        """Points (n, 3) of the earlier date, RAS+ mm, on the later one."""
        points = np.asarray(points_mm, float).reshape(-1, 3).tolist()
        return np.array([self.transform.TransformPoint(p) for p in points]).reshape(-1, 3)


def align(earlier: LabelMap, later: LabelMap, *, deformable: bool = True) -> Alignment:
    """Align the livers of two dates.

    Parameters
    ----------
    earlier, later
        On any grids.
    deformable
        Bend as well, after turning and shifting.

    Raises
    ------
    InputError
        If one of them has no liver.
    """
    fixed, moving = (_distance(labels) for labels in (earlier, later))
    centres = [_centre_mm(labels) for labels in (earlier, later)]
    transform: Any = sitk.Euler3DTransform()
    transform.SetCenter(centres[0].tolist())
    transform.SetTranslation((centres[1] - centres[0]).tolist())
    transform = _rigid(fixed, moving, transform)
    if deformable:
        transform = _bent(fixed, moving, transform)
    return Alignment(transform, _dice(fixed, moving, transform))


def _centre_mm(labels: LabelMap) -> NDArray[np.float64]:
    return labels.geometry.to_patient(np.argwhere(labels.liver).mean(axis=0))


def _distance(labels: LabelMap) -> sitk.Image:
    """Distance to the liver's surface, positive inside, on cubes along the patient's axes."""
    box = bounding_box(labels.liver)
    if box is None:
        raise InputError("A date without a liver cannot be compared with another.")
    part = LabelMap(labels.liver[box].astype(np.uint8), labels.geometry.crop(box))
    faces = [(s.start - 0.5, s.stop - 0.5) for s in box]
    corners = labels.geometry.to_patient(np.stack(np.meshgrid(*faces), -1).reshape(-1, 3))
    low, high = corners.min(axis=0) - ROOM_MM, corners.max(axis=0) + ROOM_MM
    i, j, k = (int(n) for n in np.ceil((high - low) / PITCH_MM))
    grid = Geometry.from_spacing((i, j, k), PITCH_MM, (low + high) / 2)
    mask = onto(part, grid).liver
    inside, outside = (ndimage.distance_transform_edt(m) for m in (mask, ~mask))
    distance = np.clip((inside - outside) * PITCH_MM, -FAR_MM, None).astype(np.float32)
    image = sitk.GetImageFromArray(np.ascontiguousarray(distance.T))
    image.SetSpacing((PITCH_MM,) * 3)
    image.SetOrigin(grid.affine[:3, 3].tolist())
    return image


def _registration() -> Any:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetInterpolator(sitk.sitkLinear)
    # Distances are smooth: every second voxel says as much, eight times as fast.
    method.SetShrinkFactorsPerLevel([2])
    method.SetSmoothingSigmasPerLevel([1])
    return method


def _rigid(fixed: sitk.Image, moving: sitk.Image, start: sitk.Transform) -> sitk.Transform:
    method = _registration()
    # Steps of a voxel at the most: longer ones can leave the liver that they look for.
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 0.01, 200)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(start, inPlace=False)
    return method.Execute(fixed, moving)


def _bent(fixed: sitk.Image, moving: sitk.Image, rigid: sitk.Transform) -> sitk.Transform:
    extent = np.array(fixed.GetSize()) * PITCH_MM
    mesh = [max(2, round(float(e) / CONTROL_MM)) for e in extent]
    free = sitk.BSplineTransformInitializer(fixed, mesh)
    method = _registration()
    method.SetOptimizerAsLBFGSB(numberOfIterations=BENDING_STEPS)
    method.SetMovingInitialTransform(rigid)
    method.SetInitialTransform(free, inPlace=True)
    bent = method.Execute(fixed, moving)
    # The last that is added is the first that is applied: bending in the earlier date's space.
    return sitk.CompositeTransform([rigid, bent])


def _dice(fixed: sitk.Image, moving: sitk.Image, transform: sitk.Transform) -> float:
    brought = sitk.Resample(moving, fixed, transform, sitk.sitkLinear, -FAR_MM)
    a, b = (sitk.GetArrayViewFromImage(image) > 0 for image in (fixed, brought))
    sizes = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 2 * int(np.count_nonzero(a & b)) / max(sizes, 1)
