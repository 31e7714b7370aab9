"""Everything that goes out of a label map for planning and printing, by the names of options."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from hepatica.core.errors import ConfigError
from hepatica.core.volume import LabelMap, Volume
from hepatica.io import meshes, scene, segments
from hepatica.results.decimation import decimated
from hepatica.results.model import Finish, Part, build_model, meshes_csv
from hepatica.results.printable import LEAST_WALL_MM, build_printable

#: What can be written beside the label map: surfaces, and files for viewers.
EXPORTS = (*meshes.FORMATS, "seg-nrrd", "itk-snap", "scene")

#: Names of files and of the folder of a scene.
CHECKS, SCENE, SEGMENTATION, LABEL_NAMES = (
    "meshes.csv",
    "scene",
    ".seg.nrrd",
    "itksnap_labels.txt",
)
#: Margins further out than a liver is wide are a mistake.
MOST_MARGIN_MM = 100.0


@dataclass(frozen=True)
class ModelOptions:
    """How surfaces are made.

    Parameters
    ----------
    margins_mm
        Further surfaces at these distances around each lesion.
    decimate_mm
        How far fewer triangles may be off; None keeps all of them.
    printable
        Whether parts for a printer are made as well, ...
    wall_mm
        ... and how thick the wall of a hollow liver is; None prints it solid.

    Raises
    ------
    ConfigError
        If a number makes no sense.
    """

    margins_mm: tuple[float, ...] = ()
    decimate_mm: float | None = None
    printable: bool = False
    wall_mm: float | None = None

    def __post_init__(self) -> None:
        for margin in self.margins_mm:
            if not 0 < margin <= MOST_MARGIN_MM:
                raise ConfigError(f"A margin of {margin:g} mm is not between 0 and 100 mm.")
        if self.decimate_mm is not None and not self.decimate_mm > 0:
            raise ConfigError(f"A tolerance of {self.decimate_mm:g} mm is not above 0.")
        if self.wall_mm is not None and not self.wall_mm >= LEAST_WALL_MM:
            raise ConfigError(
                f"A wall of {self.wall_mm:g} mm breaks; it needs {LEAST_WALL_MM:g} mm or more."
            )


#: Surfaces as they are.
PLAIN = ModelOptions()


_SURFACES = re.compile(
    r"(liver|lesion_\d+(_margin_\d+(p\d+)?mm)?|print_liver_(front|back)|print_lesion_\d+)\.(stl|ply)"
)


def is_model_file(name: str, case: str) -> bool:
    """Whether a file of that name is one that is written here.

    Parameters
    ----------
    name
        Its path from the case's folder, with slashes.
    """
    folder, slash, inside = name.partition("/")
    if slash:
        return folder == SCENE and (
            inside in scene.FILES or _SURFACES.fullmatch(inside) is not None
        )
    own = {CHECKS, f"{case}{SEGMENTATION}", LABEL_NAMES}
    own |= {f"{meshes.MODEL}{end}" for end in (".obj", ".mtl", ".glb", ".3mf")}
    return name in own or _SURFACES.fullmatch(name) is not None


def expected(case: str, exports: Collection[str], liver: bool) -> list[str]:
    """A file that each export leaves at the least, in a case with or without a liver."""
    kinds = {
        "seg-nrrd": f"{case}{SEGMENTATION}",
        "itk-snap": LABEL_NAMES,
        "scene": f"{SCENE}/{scene.SCENE}",
    }
    if liver:
        kinds |= {kind: f"{meshes.MODEL}.{kind}" for kind in ("obj", "glb", "3mf")}
        kinds |= {kind: f"liver.{kind}" for kind in ("stl", "ply")}
    return [kinds[name] for name in exports if name in kinds]


def require_exports(names: Collection[str], known: Sequence[str] = EXPORTS) -> tuple[str, ...]:
    """The names in order, each once.

    Raises
    ------
    ConfigError
        For one that is not known.
    """
    for name in names:
        if name not in known:
            raise ConfigError(f"{name!r} cannot be exported.", f"Choose from {', '.join(known)}.")
    return tuple(dict.fromkeys(names))


def write_models(
    folder: Path,
    case: str,
    labelmap: LabelMap,
    exports: Sequence[str],
    *,
    image: Volume | None = None,
    options: ModelOptions = PLAIN,
) -> tuple[Part, ...]:
    """Write what `exports` names into `folder`, which exists; all parts that it made.

    ``meshes.csv`` tells of every surface in every file whether it is closed, oriented and
    manifold, and how far its volume is from that of the voxels. Without a liver there are
    no surfaces.

    Parameters
    ----------
    image
        For the scene; on any grid.

    Raises
    ------
    ConfigError
        For an unknown export.
    ResourceError
        If decimation is asked for and its package missing.
    OSError
        If the disk refuses.
    """
    exports = require_exports(exports)
    formats = [name for name in exports if name in meshes.FORMATS]
    parts: tuple[Part, ...] = ()
    if formats or "scene" in exports:
        parts = build_model(labelmap, margins_mm=options.margins_mm, finish=_finish(options))
    printed: tuple[Part, ...] = ()
    if exports:
        files = meshes.write(folder, parts, formats)
        if options.printable:
            printed = build_printable(labelmap, options.wall_mm, finish=_finish(options))
            files += meshes.write(folder, printed, ["stl"])
        (folder / CHECKS).write_text(meshes_csv(files), encoding="utf-8")
    if "seg-nrrd" in exports:
        segments.write_seg_nrrd(folder / f"{case}{SEGMENTATION}", labelmap)
    if "itk-snap" in exports:
        _, named = segments.segments(labelmap)
        (folder / LABEL_NAMES).write_text(segments.itksnap_labels(named), encoding="utf-8")
    if "scene" in exports:
        (folder / SCENE).mkdir()
        scene.write_scene(folder / SCENE, case, labelmap, parts, image)
    return parts + printed


def unsound(parts: Sequence[Part]) -> tuple[str, ...]:
    """A sentence for each part that a printer or a planning tool should not be given."""
    return tuple(
        f"The surface of {part.title.lower()} is not closed and two-sided: look at meshes.csv."
        for part in parts
        if not part.soundness.sound
    )


def _finish(options: ModelOptions) -> Finish:
    tolerance = options.decimate_mm
    if tolerance is None:
        return lambda surface: surface
    return lambda surface: decimated(surface, tolerance)
