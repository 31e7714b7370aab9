"""Methods side by side: by hand, and against scipy."""

import numpy as np
import pytest
from scipy import stats

from hepatica.core.errors import InputError
from hepatica.evaluate import methods
from hepatica.evaluate.lesions import Lesions, PredictedLesion, ReferenceLesion
from hepatica.evaluate.overlap import Overlap
from hepatica.evaluate.published import PUBLISHED, VALIDATION
from hepatica.evaluate.scores import REGIONS, CaseScores, RegionScores
from hepatica.evaluate.study import Study


def study(dice, names=None):
    """A study whose cases have these Dice scores in every region; None is undefined."""
    cases = []
    for n, value in enumerate(dice):
        hit = 0 if value is None else round(1000 * value)
        overlap = Overlap(hit, 0, 0) if value is None else Overlap(hit, 1000 - hit, 1000 - hit)
        regions = tuple(RegionScores(region, overlap, 1.0, 1.0) for region in REGIONS)
        cases.append(CaseScores(names[n] if names else f"p{n}", regions, None))
    return Study(tuple(cases))


A = [0.5, 0.6, 0.7, 0.8, 0.9, 0.75, 0.65, 0.85]
B = [0.45, 0.52, 0.66, 0.71, 0.86, 0.74, 0.6, None]


def rows_of(**studies):
    return methods.compare(studies, scores=("dice",), regions=("liver", "tumour"))


def test_each_method_is_tested_against_the_first():
    rows = rows_of(ours=study(A), theirs=study(B), same=study(A))
    by = {(r.method, r.region): r for r in rows}
    assert by["ours", "liver"].p is None
    assert by["ours", "liver"].summary.mean == pytest.approx(np.mean(A))
    wanted = stats.wilcoxon([b - a for a, b in zip(A, B, strict=True) if b is not None]).pvalue
    assert by["theirs", "liver"].p == pytest.approx(wanted)
    assert by["theirs", "liver"].summary.undefined == 1
    assert by["same", "tumour"].p == 1
    # Four tests, of which two have this p: corrected by four.
    assert by["theirs", "liver"].p_holm == pytest.approx(min(1, 4 * wanted))


def test_only_cases_that_all_have_are_compared():
    cut, left_out = methods.shared(
        {"a": study([0.5, 0.6], ["x", "y"]), "b": study([0.7, 0.9], ["y", "z"])}
    )
    assert [c.case for c in cut["a"].cases] == [c.case for c in cut["b"].cases] == ["y"]
    assert left_out == ["x", "z"]
    with pytest.raises(InputError, match="no case in common"):
        methods.shared({"a": study([0.5], ["x"]), "b": study([0.7], ["z"])})


def test_tables():
    rows = rows_of(ours=study(A), theirs=study(B))
    text = methods.markdown(rows, published=True)
    head, _, liver, tumour = text.splitlines()
    assert head == "|  | ours | theirs | paper, test set #1 | paper, test set #2 |"
    assert liver.startswith(
        "| liver, dice | 0.719 ± 0.133 | 0.649 ± 0.139, n = 7 (Holm p = 0.031) |"
    )
    assert liver.endswith("| 0.944 ± 0.009 | 0.994 ± 0.003 |")
    assert tumour.endswith("| 0.780 ± 0.119 | 0.709 ± 0.171 |")
    lines = methods.csv(rows).splitlines()
    assert lines[0].startswith("method,region,score,mean,sd")
    assert len(lines) == 5
    assert lines[1].endswith(",8,,")


def lesions(hits, false):
    """Reference lesions of 12 mm with these shares of voxels hit, and false predicted ones."""
    there = tuple(
        ReferenceLesion(n, 1.0, 12.0, hit, hit, hit if hit >= 0.5 else None)
        for n, hit in enumerate(hits, 1)
    )
    matched = tuple(
        PredictedLesion(n, 1.0, 12.0, False, 0.9) for n, h in enumerate(hits) if h > 0.5
    )
    return Lesions(there, matched + (PredictedLesion(9, 1.0, 4.0, True, None),) * false)


def test_lesions_of_methods():
    studies = {
        "ours": Study(
            tuple(
                CaseScores(name, (), found)
                for name, found in (("a", lesions([0.9, 0.2], 1)), ("b", lesions([0.8], 0)))
            )
        ),
        "undrawn": Study((CaseScores("a", (), None),)),
    }
    found = methods.detection(studies)
    lines = methods.detection_csv(found).splitlines()
    row = dict(zip(methods.DETECTION, lines[1].replace('"', "").split(","), strict=True))
    assert row["method"] == "ours"
    assert [row[c] for c in ("cases", "reference", "found", "missed", "false")] == list("23211")
    # Two pairs of three lesions and three predicted ones.
    assert float(row["f1"]) == pytest.approx(2 / 3, abs=1e-5)
    assert row["found, 10 to 20 mm"] + row["reference, 10 to 20 mm"] == "23"
    text = methods.detection_markdown(found)
    assert "| ours | 2 of 3 | 1 | 1 (0.50 a case) | 0.667 |" in text
    assert f"| undrawn | {' | '.join('–' * 8)} |" in text


def test_all_is_written(tmp_path):
    studies = {"ours": study(A), "theirs": study(B)}
    found = methods.detection(studies)
    methods.write(tmp_path, methods.compare(studies), found, ["x"], published=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(methods.FILES)
    text = (tmp_path / "methods.md").read_text(encoding="utf-8")
    assert "| highresnet, full method | 0.988 ± 0.008 |" in text
    assert "Not with all methods: x" in text
    methods.write(tmp_path, methods.compare(studies), found, [], published=False)
    assert "full method" not in (tmp_path / "methods.md").read_text(encoding="utf-8")


def test_what_the_paper_reports():
    assert VALIDATION["highresnet", "Full method"]["tumour", "dice"] == (0.626, 0.134)
    assert VALIDATION["unet", "Stage 1"]["tumour", "sensitivity"] == (0, 0)
    assert len(VALIDATION) == 8
    assert all(len(reported) == 6 for reported in [*VALIDATION.values(), *PUBLISHED.values()])
