"""``report.html``: one patient on one page that a surgeon reads in a minute.

Warnings come first, then the numbers, the model, the lesions and their slices; where it all
comes from stands last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hepatica.core.volume import LabelMap, Volume
from hepatica.results import hypertext
from hepatica.results.hypertext import DASH, millilitres, number, section, table
from hepatica.results.keyslices import black_white, key_slice, overview
from hepatica.results.measure import Finding, Measurements
from hepatica.results.model import Part, build_model
from hepatica.results.preview import telling_point_mm
from hepatica.results.report import Report
from hepatica.results.view3d import LIVER_PITCH_MM, View, picture, ragged

#: Shown up to here, from the largest; the table has them all.
MOST_SLICES, MOST_IN_MODEL = 40, 100

HEAD = (
    "Lesion",
    "Volume, ml",
    "Axial diameters, mm",
    "3D diameter, mm",
    "To liver surface, mm",
    "To next lesion, mm",
    "Sphericity",
    "Signal, of liver's",
    "Slice",
    "Confidence",
    "Remark",
)

RULES = (
    "Volumes are of voxels on the image's own grid. Axial diameters: longest in a slice, and the"
    " longest at a right angle to it there (RECIST 1.1), between voxel corners. Distances are gaps"
    " between surfaces, 0 where a lesion reaches the liver's surface. Sphericity is 1 for a ball."
    " Signal is the lesion's mean over the parenchyma's. Slices are numbered from 0 in the order"
    f" of the file. {DASH} is unknown."
)
#: What the confidence is: with a bundle that was calibrated, and without.
CALIBRATED = (
    " Confidence is the share of findings like this that were lesions in synthetic patients."
)
AS_IT_IS = " Confidence is the mean probability in the lesion and not calibrated."

VIEWS: tuple[tuple[View, str], ...] = (("front", "from the front"), ("below", "from below"))


def case_page(
    report: Report,
    labelmap: LabelMap,
    image: Volume | None = None,
    parts: Sequence[Part] | None = None,
) -> str:
    """The page of one case, as HTML in one file.

    Parameters
    ----------
    report
        What was measured of `labelmap`, and its provenance.
    image
        On the label map's grid; without it there are no slices.
    parts
        The 3D model if there is one already; else it is made, a little coarser, if the liver
        is no sponge: a surface of millions of triangles would show nothing.
    """
    m = report.measurements
    if parts is None and not ragged(labelmap.liver):
        parts = build_model(labelmap, liver_pitch_mm=LIVER_PITCH_MM, most_lesions=MOST_IN_MODEL)
    blocks = [
        hypertext.warnings(report.warnings),
        hypertext.figures(_figures(m)),
        section("3D model", _model(parts, len(m.findings))),
        section("Lesions", _lesions(report)),
    ]
    if image is not None:
        blocks += _slices(m, image, labelmap)
    blocks.append(section("Where this comes from", _origin(report)))
    return hypertext.page(report.case, "\n".join(blocks))


def _figures(m: Measurements) -> Iterator[tuple[str, str]]:
    if not m.liver_ml:
        yield "no liver", "found"
        return
    more = "at least " if m.liver_touches_border else ""
    yield f"{more}{millilitres(m.liver_ml)} ml", "liver, lesions included"
    if not m.findings:
        yield "0", "lesions found"
        return
    yield f"{millilitres(m.tumour_ml)} ml", "all lesions"
    yield f"{number(m.burden_percent)} %", "of the liver is tumour"
    yield str(len(m.findings)), "lesion" if len(m.findings) == 1 else "lesions"
    longest = max(m.findings, key=lambda f: f.diameter_axial_mm)
    yield f"{_diameters(longest)} mm", f"longest: lesion {longest.id}"
    gaps = [f.surface_distance_mm for f in m.findings if f.surface_distance_mm is not None]
    if gaps:
        yield f"{number(min(gaps))} mm", "least distance to the surface"


def _model(parts: Sequence[Part] | None, lesions: int) -> str:
    if parts is None:
        return "<p>The label map is too ragged for a 3D model.</p>"
    if not parts:
        return "<p>There is no liver to show.</p>"
    seen = [hypertext.picture(picture(parts, view), f"Model {words}") for view, words in VIEWS]
    shown = sum(part.kind == "lesion" for part in parts)
    note = f"<p>Of {lesions} lesions, the {shown} largest are shown.</p>" if shown < lesions else ""
    return f'<div class="views">\n{"".join(seen)}\n</div>{note}'


def _lesions(report: Report) -> str:
    findings, plan = report.measurements.findings, report.provenance.plan
    if not findings:
        return "<p>No lesion was found. That is no proof that there is none.</p>"
    calibrated = plan is not None and plan.postprocessing.confidence is not None
    rules = RULES + (CALIBRATED if calibrated else AS_IT_IS)
    return table(HEAD, map(_row, findings), "lesions") + hypertext.rule(rules)


def _row(f: Finding) -> Sequence[str]:
    return (
        str(f.id),
        millilitres(f.volume_ml),
        _diameters(f),
        number(f.diameter_3d_mm),
        number(f.surface_distance_mm),
        number(f.next_lesion_mm),
        number(f.sphericity, 2),
        number(f.mean_signal_ratio, 2),
        DASH if f.slice_longest is None else str(f.slice_longest),
        number(f.confidence, 2),
        "cut by the image's edge" if f.touches_border else "",
    )


def _diameters(f: Finding) -> str:
    return f"{number(f.diameter_axial_mm)} × {number(f.diameter_perpendicular_mm)}"


def _slices(m: Measurements, image: Volume, labelmap: LabelMap) -> Iterator[str]:
    levels = black_white(image, labelmap)
    shown = m.findings[:MOST_SLICES]
    if shown:
        drawn = "\n".join(
            hypertext.picture(key_slice(image, labelmap, f, levels), _caption(f)) for f in shown
        )
        left = len(m.findings) - len(shown)
        note = f"<p>The {left} smallest lesions are in the table alone.</p>" if left else ""
        yield section("Key slices", f'<div class="slices">\n{drawn}\n</div>{note}')
    point_mm = telling_point_mm(image.geometry, labelmap, m)
    axial, coronal = overview(image, labelmap, point_mm, levels)
    what = "the largest lesion" if shown else "the liver" if m.liver_ml else "the middle"
    drawn = hypertext.picture(axial, f"Axial through {what}")
    drawn += hypertext.picture(coronal, f"Coronal through {what}")
    yield section("Overview", f'<div class="views">\n{drawn}\n</div>')


def _caption(f: Finding) -> str:
    at = "" if f.slice_longest is None else f", slice {f.slice_longest}"
    return f"Lesion {f.id}: {_diameters(f)} mm, {millilitres(f.volume_ml)} ml{at}"


def _origin(report: Report) -> str:
    p = report.provenance
    g = p.input.geometry
    spacing = " × ".join(f"{s:.3g}" for s in g.spacing_mm)
    shape = " × ".join(map(str, g.shape))
    grid = f"{shape} voxels of {spacing} mm, {g.axes}"
    given = p.labelmap
    rows = []
    if given is None or given != p.input:
        rows.append(("Image", f"{p.input.name} ({p.input.format}), {grid}"))
        rows.append(("Its SHA-256", p.input.sha256 or DASH))
    else:
        rows.append(("Image", "none was given"))
    if given is not None:
        rows.append(("Label map", f"given: {given.name} ({given.format}), {grid}"))
        rows.append(("Its SHA-256", given.sha256 or DASH))
    elif p.bundle is None:
        rows.append(("Label map", "given"))
    if p.bundle is not None:
        rows.append(("Model", f"{p.bundle.name}, SHA-256 {p.bundle.sha256 or DASH}"))
    if p.engine is not None:
        rows.append(("Engine", f"{p.engine.name}, {p.engine.precision}, {p.engine.device}"))
    rows.append(("Hepatica", report.hepatica))
    rows.append(("Versions", ", ".join(f"{name} {v}" for name, v in p.versions.items())))
    took = sum(report.timing.seconds.values())
    rows.append(("Time", f"{took:.1f} s" if took else DASH))
    return table((), rows, "origin")
