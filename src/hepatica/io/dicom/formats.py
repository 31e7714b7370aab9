"""What goes out as DICOM, by the names of options and of files; loads nothing."""

from __future__ import annotations

import re
from collections.abc import Collection

SEG, SR, STL = "dicom-seg", "dicom-sr", "dicom-stl"
FORMATS = (SEG, SR, STL)

#: After the name of the case; a surface's number follows it.
SEG_NAME, SR_NAME, STL_NAME = "_seg.dcm", "_report.dcm", "_surface_"


def names(case: str, exports: Collection[str], lesions: int) -> list[str]:
    """The files of a case with so many lesions; a report brings the segmentation with it.

    Names of other exports do not count.
    """
    found = [case + SEG_NAME] if {SEG, SR} & set(exports) else []
    found += [case + SR_NAME] if SR in exports else []
    count = lesions + 1 if STL in exports else 0
    return found + [f"{case}{STL_NAME}{n:02d}.dcm" for n in range(1, count + 1)]


def is_dicom_export(name: str, case: str) -> bool:
    """Whether a file of that name, in a case's folder, is one of these."""
    pattern = rf"({SEG_NAME}|{SR_NAME}|{STL_NAME}\d{{2,}}\.dcm)"
    return name.startswith(case) and re.fullmatch(pattern, name[len(case) :]) is not None
