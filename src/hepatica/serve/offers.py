"""Names of what can be exported here; loads nothing, as the first page asks for them."""

from __future__ import annotations

from importlib.util import find_spec

from hepatica.io.dicom import formats

#: As :data:`hepatica.io.models.EXPORTS` has them, which is slow to load.
MODELS = ("stl", "obj", "ply", "glb", "3mf", "seg-nrrd", "itk-snap", "scene")
PAPERS = ("csv", "json", "report")


def available() -> list[str]:
    """Those whose packages are installed, in the order in which they are offered."""
    names = ["nifti", *MODELS]
    if find_spec("highdicom"):
        names += formats.FORMATS
    names += PAPERS
    return [*names, "pdf"] if find_spec("weasyprint") else names
