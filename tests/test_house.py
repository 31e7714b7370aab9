"""Rules of the house that no linter knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def test_openvino_is_imported_in_one_place():
    users = [
        p.name for p in SOURCES if re.search(r"^\s*(import|from) openvino", p.read_text(), re.M)
    ]
    assert users == ["quiet_openvino.py"]


@pytest.mark.parametrize("word", ["import pickle", "torch.load(", "allow_pickle=True"])
def test_nothing_loads_pickles(word):
    assert [p.name for p in SOURCES if word in p.read_text()] == []


def test_modules_stay_small():
    assert [p.name for p in SOURCES if len(p.read_text().splitlines()) > 450] == []


def test_no_room_for_odds_and_ends():
    banned = {"utils.py", "helpers.py", "common.py", "misc.py", "manager.py"}
    assert banned.isdisjoint(p.name for p in SOURCES)


def test_nothing_large_or_of_a_patient_is_kept():
    kept = [p for p in (ROOT / "src").rglob("*") if p.is_file()]
    assert all(p.stat().st_size < 25e6 for p in kept)
    images = (".nii", ".gz", ".dcm", ".nrrd", ".mha", ".npz", ".pt", ".pth", ".pkl")
    assert [p.name for p in kept if p.suffix in images] == []
