"""`run_case`: the one door to the pipeline from outside; and the folder that it fills.

The command line, the app's worker, a cluster worker and a DICOM node all call it;
none has a pipeline of its own.
"""

from hepatica.case.folder import (
    CHANCES,
    LABELS,
    LESIONS,
    PAGE,
    PREVIEW,
    PRINTED,
    REPORT,
    Wanted,
    earlier,
)
from hepatica.case.machine import peak_memory_mb, versions
from hepatica.case.run import EXPORTS, Finish, Model, run_case, segment_case
from hepatica.case.several import several
from hepatica.case.table import (
    CASES,
    COHORT,
    done_row,
    failed_row,
    write_cases,
    write_cohort_page,
)

__all__ = [
    "CASES",
    "CHANCES",
    "COHORT",
    "EXPORTS",
    "LABELS",
    "LESIONS",
    "PAGE",
    "PREVIEW",
    "PRINTED",
    "REPORT",
    "Finish",
    "Model",
    "Wanted",
    "done_row",
    "earlier",
    "failed_row",
    "peak_memory_mb",
    "run_case",
    "segment_case",
    "several",
    "versions",
    "write_cases",
    "write_cohort_page",
]
