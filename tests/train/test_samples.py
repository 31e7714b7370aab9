from contextlib import closing
from functools import partial

import msgspec
import numpy as np
import pytest
from scipy import ndimage

from hepatica.core.components import bounding_box
from hepatica.core.errors import InputError
from hepatica.core.volume import Label, Volume
from hepatica.pipeline.preprocess import network_grid, preprocess, widen
from hepatica.train.augment import augment
from hepatica.train.cohort import Cohort, Labelled
from hepatica.train.samples import TRAINING as TRAINING_PURPOSE
from hepatica.train.samples import VALIDATION, Samples, view
from hepatica.train.synthetic import Synthetic
from tests.phantom import GRID, phantom
from tests.train.conftest import PLAN, TRAINING

PLAIN = msgspec.structs.replace(TRAINING, curve=0.0, implant=0.0, box_jitter_mm=0.0)


def same(one, two):
    return np.array_equal(one.image, two.image) and np.array_equal(one.target, two.target)


def read(shade):
    volume, labels = phantom(GRID)
    return Volume(volume.voxels * shade, volume.geometry), labels


def labelled(*shades, knows_tumour=True):
    return [Labelled(f"p{s}", partial(read, s), knows_tumour) for s in shades]


def cohort(training=PLAIN, stage=0, n=3, knows_tumour=True):
    cases = labelled(*range(1, n + 1), knows_tumour=knows_tumour)
    return Cohort(training, PLAN, stage, cases, cases[:1])


def test_a_sample_depends_on_its_number_alone(patients):
    one, again, other = patients.sample(4), patients.sample(4), patients.sample(5)
    assert same(one, again)
    assert not same(one, other)
    assert not same(one, patients.sample(4, VALIDATION))


def test_workers_make_the_same_samples(samples):
    seen = []
    for workers in (1, 2):
        with closing(samples.stream(4, 3, workers)) as stream:
            seen.append([next(stream) for _ in range(3)])
    assert all(same(a, b) for a, b in zip(*seen, strict=True))
    assert same(seen[0][1], samples.sample(7))


def test_streams_are_mixed_by_their_shares():
    class Numbered:
        def __init__(self, name):
            self.name = name

        def sample(self, rng, number, purpose):
            return self.name

    mix = Samples(1, 0, (Numbered("a"), Numbered("b")), (0.25, 0.75))
    drawn = [mix.sample(n) for n in range(400)]
    assert 60 < drawn.count("a") < 140
    assert {mix.sample(n, VALIDATION) for n in range(20)} == {"b"}


def test_every_case_comes_once_before_any_comes_twice():
    asked = []

    def noted(shade):
        asked.append(shade)
        return read(shade)

    cases = [Labelled(f"p{n}", partial(noted, n)) for n in range(1, 5)]
    stream = Cohort(PLAIN, PLAN, 0, cases, cases[:1])
    stream._read = lambda case: case.read()  # nothing is kept, so that each reading shows
    turns = []
    for turn in range(4):
        asked.clear()
        for place in range(4):
            stream.sample(np.random.default_rng(0), 4 * turn + place, TRAINING_PURPOSE)
        assert sorted(asked) == [1, 2, 3, 4]
        turns.append(tuple(asked))
    assert len(set(turns)) > 1  # in another order each time


def test_no_case_is_validated_on_twice():
    """Else a mean would count it twice, and a table would have cases that are not there."""
    two = Cohort(PLAIN, PLAN, 0, labelled(1), labelled(1, 2))
    both = Samples(1, 0, (Synthetic(TRAINING, PLAN, 0, []), two), (0.5, 0.5))
    assert [both.different(most) for most in (1, 2, 10)] == [1, 2, 2]
    assert Samples(1, 0, (Synthetic(TRAINING, PLAN, 0, []),), (1.0,)).different(10) == 10


def test_a_cohort_needs_cases_to_learn_from_and_to_validate_on():
    with pytest.raises(InputError, match="validate"):
        Cohort(PLAIN, PLAN, 0, labelled(1), [])
    with pytest.raises(InputError, match="learn"):
        Cohort(PLAIN, PLAN, 0, [], labelled(1))


def test_what_the_network_sees_of_a_real_case():
    sample = Samples(1, 0, (cohort(),), (1.0,)).sample(0)
    stage = PLAN.stages[0]
    assert sample.image.shape == sample.target.shape == stage.size
    volume, labels = phantom(GRID)
    liver_ml = labels.liver.sum() * volume.geometry.voxel_ml
    voxel_ml = network_grid(volume.geometry, stage).voxel_ml
    assert (sample.target > 0).sum() * voxel_ml == pytest.approx(liver_ml, rel=0.05)
    assert sample.counts_as == (0, 1, 2)


def test_unknown_lesions_count_as_liver_and_unknown_organs_as_background():
    classes = ("background", "liver", "tumour", "spleen", "kidney")
    stages = tuple(msgspec.structs.replace(s, classes=classes) for s in PLAN.stages)
    plan = msgspec.structs.replace(PLAN, stages=(stages[0], stages[1]))
    for knows, expected in ((True, (0, 1, 2, 0, 0)), (False, (0, 1, 1, 0, 0))):
        cases = labelled(1, knows_tumour=knows)
        one = Samples(1, 0, (Cohort(PLAIN, plan, 0, cases, cases),), (1.0,)).sample(0)
        assert one.counts_as == expected


def test_stage_2_sees_the_liver_with_the_papers_margin():
    paper = msgspec.structs.replace(PLAIN, box_margin_voxels=3)
    volume, labels = phantom(GRID)
    box = bounding_box(labels.liver)
    seen = view(np.random.default_rng(0), box, volume.geometry, PLAN, paper)
    for side, true, n in zip(seen, box, volume.geometry.shape, strict=True):
        assert (side.start, side.stop) == (max(0, true.start - 3), min(n, true.stop + 3))
    jittered = msgspec.structs.replace(paper, box_jitter_mm=12.0)
    boxes = {
        str(view(np.random.default_rng(s), box, volume.geometry, PLAN, jittered)) for s in range(8)
    }
    assert len(boxes) > 4


def test_validation_adds_no_chance_of_its_own():
    wild = msgspec.structs.replace(
        TRAINING, curve=1.0, implant=1.0, augment=1.0, box_jitter_mm=30.0
    )
    calm = Samples(1, 1, (cohort(PLAIN, stage=1),), (1.0,))
    assert same(
        Samples(1, 1, (cohort(wild, stage=1),), (1.0,)).sample(0, VALIDATION),
        calm.sample(0, VALIDATION),
    )


def test_lesions_are_put_into_real_volumes():
    implanted = msgspec.structs.replace(PLAIN, implant=1.0)
    before = Samples(1, 0, (cohort(),), (1.0,)).sample(0)
    more = [Samples(s, 0, (cohort(implanted, n=1),), (1.0,)).sample(0) for s in range(6)]
    assert any((m.target == 2).sum() > (before.target == 2).sum() for m in more)
    for m in more:
        np.testing.assert_array_equal(m.target > 0, before.target > 0)


def test_no_lesions_are_put_among_unknown_ones():
    """They would be asked for by their label where the labels cannot say what a lesion is."""
    implanted = msgspec.structs.replace(PLAIN, implant=1.0)
    for seed in range(4):
        stream = cohort(implanted, n=1, knows_tumour=False)
        sample = Samples(seed, 0, (stream,), (1.0,)).sample(0)
        before = Samples(seed, 0, (cohort(n=1),), (1.0,)).sample(0)
        np.testing.assert_array_equal(sample.target, before.target)


def test_random_curves_change_intensities_and_nothing_else():
    bent = msgspec.structs.replace(PLAIN, curve=1.0)
    plain, other = (Samples(1, 0, (cohort(t, n=1),), (1.0,)).sample(0) for t in (PLAIN, bent))
    np.testing.assert_array_equal(plain.target, other.target)
    assert not np.allclose(plain.image, other.image)


def test_augmentation_moves_image_and_labels_alike():
    z = np.zeros((48, 48, 48), np.float32)
    z[12:30, 14:34, 10:26] = 1
    target = z.astype(np.uint8)
    changed = 0
    for seed in range(12):
        image, labels = augment(np.random.default_rng(seed), z, target, 1.0)
        again, _ = augment(np.random.default_rng(seed), z, target, 1.0)
        np.testing.assert_array_equal(image, again)
        assert set(np.unique(labels)) <= {0, 1}
        middle = ndimage.center_of_mass(labels)
        bright = ndimage.center_of_mass(np.clip(image, 0, 1) > 0.5)
        assert np.linalg.norm(np.subtract(middle, bright)) < 1.5
        changed += not np.array_equal(labels, target)
    assert changed > 8
    image, labels = augment(np.random.default_rng(0), z, target, 0.0)
    np.testing.assert_array_equal(image, z)
    np.testing.assert_array_equal(labels, target)


def test_augmentation_comes_with_the_chance_that_is_asked_for():
    z = np.random.default_rng(0).random((12, 12, 12)).astype(np.float32)
    target = np.ones(z.shape, np.uint8)
    same_ = sum(
        np.array_equal(augment(np.random.default_rng(s), z, target, 0.2)[0], z) for s in range(150)
    )
    assert pytest.approx(same_, abs=20) == 0.8**4 * 150  # none of the four


def test_a_synthetic_case_for_validation_is_a_whole_scan():
    stream = Synthetic(TRAINING, PLAN, 0, [])
    case = stream.case(0)
    assert case.volume.geometry.matches(case.labels.geometry)
    assert case.labels.liver.any()
    assert set(np.unique(case.labels.labels)) <= {0, 1, 2}
    assert np.array_equal(stream.case(0).volume.voxels, case.volume.voxels)


class Chance:
    """A stream whose samples are the next random number."""

    def sample(self, rng, number, purpose):
        return rng.random()


def test_seed_and_stage_change_the_samples():
    drawn = {
        Samples(seed, stage, (Chance(),), (1.0,)).sample(3) for seed in (1, 2) for stage in (0, 1)
    }
    assert len(drawn) == 4


def test_crops_take_the_plans_margin_and_are_off_by_millimetres():
    _, labels = phantom(GRID)
    box, spacing = bounding_box(labels.liver), GRID.spacing_mm
    plain = view(np.random.default_rng(0), box, GRID, PLAN, PLAIN)
    assert plain == widen(box, GRID, PLAN.margin)
    assert plain != box
    jittered = msgspec.structs.replace(PLAIN, box_jitter_mm=12.0)
    off = np.array(
        [
            [(a.start - b.start, a.stop - b.stop) for a, b in zip(seen, plain, strict=True)]
            for seen in (
                view(np.random.default_rng(s), box, GRID, PLAN, jittered) for s in range(60)
            )
        ]
    )
    most = np.abs(off).max(axis=(0, 2)) * spacing
    assert (most <= 12 + spacing / 2).all()
    assert (most > 8).all()


def test_a_crop_never_vanishes():
    tiny = (slice(30, 31), slice(30, 31), slice(20, 21))
    wild = msgspec.structs.replace(PLAIN, box_margin_voxels=0, box_jitter_mm=500.0)
    for seed in range(20):
        seen = view(np.random.default_rng(seed), tiny, GRID, PLAN, wild)
        assert all(
            0 <= s.start <= s.stop - 8 and s.stop <= n
            for s, n in zip(seen, GRID.shape, strict=True)
        )


def test_stage_2_learns_from_the_livers_crop():
    sample = Samples(1, 1, (cohort(stage=1, n=1),), (1.0,)).sample(0)
    volume, labels = phantom(GRID)
    margin = view(np.random.default_rng(0), bounding_box(labels.liver), GRID, PLAN, PLAIN)
    expected = preprocess(volume.crop(margin), PLAN.stages[1])
    np.testing.assert_array_equal(sample.image, expected.voxels)


def test_a_cohort_is_augmented_where_that_is_asked_for():
    plain = Samples(1, 0, (cohort(n=1),), (1.0,)).sample(0)
    changed = msgspec.structs.replace(PLAIN, augment=1.0)
    assert not same(Samples(1, 0, (cohort(changed, n=1),), (1.0,)).sample(0), plain)


def test_every_case_is_validated_on():
    cases = labelled(1, 2, 3)
    stream = Samples(1, 0, (Cohort(PLAIN, PLAN, 0, cases[:1], cases),), (1.0,))
    assert [stream.case(n).name for n in range(4)] == ["p1", "p2", "p3", "p1"]
    asked = []
    inner = stream.streams[0]
    inner._read = lambda case: asked.append(case.name) or case.read()
    for number in range(3):
        stream.sample(number, VALIDATION)
    assert asked == ["p1", "p2", "p3"]


def test_another_seed_is_another_order_of_cases():
    def order(seed):
        cases = labelled(*range(1, 9))
        stream = Cohort(msgspec.structs.replace(PLAIN, seed=seed), PLAN, 0, cases, cases)
        asked = []
        stream._read = lambda case: asked.append(case.name) or case.read()
        for number in range(8):
            stream.sample(np.random.default_rng(0), number, TRAINING_PURPOSE)
        return asked

    assert order(1) == order(1) != order(2)


def test_stage_1_is_shown_scans_without_a_liver_and_stage_2_is_not(patients):
    (stream,) = patients.streams
    shown = [stream.sample(np.random.default_rng([8, n]), n, 0).target for n in range(40)]
    without = np.mean([not (t == Label.PARENCHYMA).any() for t in shown])
    assert 0 < without < 0.4
    second = Synthetic(PLAIN, PLAN, 1, ())
    for n in range(12):
        target = second.sample(np.random.default_rng([8, n]), n, 0).target
        assert (target == Label.PARENCHYMA).any()
