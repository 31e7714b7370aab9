"""De-identification: forty places where a patient hides, and none of them afterwards."""

from __future__ import annotations

import csv
import gzip
import json
import re
import stat
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import EncapsulatedPDFStorage, SecondaryCaptureImageStorage

from hepatica import io
from hepatica.core.errors import InputError, OutputError
from hepatica.io.dicom import anonymization, conversion, files, leaks, profile
from hepatica.io.dicom.identity import Identity
from hepatica.io.dicom.profile import Options, Profile
from hepatica.io.dicom.pseudonyms import Key
from hepatica.io.dicom.study import scan
from tests import studies
from tests.studies import AXIAL, enhanced, write

#: Words that belong to nobody, and that nothing else contains.
NAME, MIDDLE, DOCTOR = "Quxley", "Zorblatt", "Vrimfeld"
IDENTIFIER, ACCESSION, BORN, SCANNED = "PID7734921", "ACCN553311", "19610417", "20250923"
STREET, TOWN, PHONE, CLINIC = "Grumbelgasse 77", "Oberquark", "+4955512345", "Klinikum Blorf"
SECRETS = (
    *(NAME, MIDDLE, DOCTOR, IDENTIFIER, ACCESSION, BORN, SCANNED, STREET, TOWN, PHONE, CLINIC),
    *("1961-04-17", "23.09.2025", "BLORF3T"),
)

STANDARD = {
    "PatientName": f"{NAME}^{MIDDLE}",
    "PatientID": IDENTIFIER,
    "OtherPatientIDs": [IDENTIFIER, "OLD993311"],
    "IssuerOfPatientID": CLINIC,
    "PatientBirthDate": BORN,
    "PatientBirthTime": "041700",
    "PatientBirthName": f"{NAME}^Nee",
    "PatientMotherBirthName": f"{MIDDLE}^Mother",
    "PatientAddress": f"{STREET}, {TOWN}",
    "PatientTelephoneNumbers": PHONE,
    "CountryOfResidence": TOWN,
    "RegionOfResidence": TOWN,
    "MilitaryRank": f"Captain {NAME}",
    "Occupation": f"Baker {TOWN}",
    "AdditionalPatientHistory": f"{NAME} fell on 23.09.2025 in {STREET}",
    "PatientComments": f"Call {PHONE} and ask for Mrs {NAME}",
    "AccessionNumber": ACCESSION,
    "StudyID": IDENTIFIER,
    "StudyDate": SCANNED,
    "SeriesDate": SCANNED,
    "AcquisitionDate": SCANNED,
    "ContentDate": SCANNED,
    "AcquisitionDateTime": f"{SCANNED}101500.5",
    "ReferringPhysicianName": f"{DOCTOR}^Otto",
    "PerformingPhysicianName": f"{DOCTOR}^Otto",
    "OperatorsName": f"{DOCTOR}^Tech",
    "InstitutionName": CLINIC,
    "InstitutionAddress": f"{STREET}, {TOWN}",
    "InstitutionalDepartmentName": f"Radiology of {CLINIC}",
    "StationName": "BLORF3T",
    "DeviceSerialNumber": "SN88442211",
    "StudyDescription": f"Liver of {NAME}",
    "SeriesDescription": f"T1 portal {NAME}",
    "ProtocolName": f"Abdomen {DOCTOR} special",
    "ImageComments": f"born 1961-04-17, seen by {DOCTOR}",
    "ManufacturerModelName": f"Magnet of {CLINIC}",  # a technical text that tells
}


def sequence(*items: Dataset) -> Sequence:
    return Sequence(items)


def plant(k: int, data: Any) -> None:
    """Everything above, and nested, private, in code strings and in the preamble."""
    for tag, value in STANDARD.items():
        setattr(data, tag, value)
    requested = Dataset()
    requested.RequestedProcedureDescription = f"MRI for {NAME}"
    requested.RequestedProcedureID = ACCESSION
    deeper = Dataset()
    deeper.PersonName, deeper.TextValue = f"{NAME}^Deep", f"{NAME} lives in {STREET}"
    deeper.CodingSchemeDesignator = "99TEST"
    deeper.CodeValue, deeper.CodeMeaning = "77", f"Patient {NAME}"
    requested.ScheduledProtocolCodeSequence = sequence(deeper)
    data.RequestAttributesSequence = sequence(requested)
    source = Dataset()
    source.ReferencedSOPClassUID = data.SOPClassUID
    source.ReferencedSOPInstanceUID = studies.uid("reference")
    source.PurposeOfReferenceCodeSequence = sequence(deeper)
    data.ReferencedImageSequence = sequence(source)
    block = data.private_block(0x0029, f"{CLINIC} HEADER", create=True)
    block.add_new(0x10, "LO", f"{NAME}^{MIDDLE}")
    block.add_new(0x11, "UN", f"{IDENTIFIER} {PHONE}".encode())
    inner = Dataset()
    inner.PatientName = f"{NAME}^Private"
    block.add_new(0x12, "SQ", sequence(inner))
    data.add_new(0x60003000, "OW", b"\1\0")
    data.add_new(0x60000022, "LO", f"Overlay for {NAME}")
    data.ImageType = ["ORIGINAL", "PRIMARY", NAME.upper()]
    data.preamble = f"TIFF of {NAME}".encode().ljust(128, b"\0")


@pytest.fixture
def planted(voxels: Any, tmp_path: Path) -> Path:
    folder = write(tmp_path / f"{NAME}_{IDENTIFIER}", voxels, AXIAL, plant)
    for n, file in enumerate(sorted(folder.iterdir())):
        file.rename(folder / f"{NAME}-{MIDDLE}-{BORN}-{n}.dcm")
    return folder


def grep(folder: Path, secrets: Any = SECRETS) -> list[str]:
    """What a person with an editor would find, in contents and names."""
    found = []
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        if content[:2] == b"\x1f\x8b":
            content += gzip.decompress(content)
        content += str(path.relative_to(folder)).encode()
        for secret in secrets:
            if re.search(re.escape(secret.encode()), content, re.IGNORECASE):
                found.append(f"{secret} in {path.name}")
    return found


def test_there_are_forty_places(planted: Path) -> None:
    data = pydicom.dcmread(next(planted.iterdir()))
    places = len(STANDARD) + sum(1 for e in data.iterall() if e.VR == "UI") + 12
    assert places >= 40
    assert len(grep(planted)) > len(SECRETS), "the search finds what was planted"


@pytest.mark.parametrize(
    "options", [Options(), Options(True, True, True)], ids=["basic", "all options"]
)
def test_nothing_is_left_of_the_patient(
    options: Options, planted: Path, voxels: Any, dciodvfy: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    uids = {
        str(e.value)
        for path in planted.iterdir()
        for e in pydicom.dcmread(path).iterall()
        if e.VR == "UI" and not str(e.value).startswith("1.2.840.10008.")
    }
    made = anonymization.run(planted, out, options=options)
    assert made.report.leaks == ()
    assert made.report.files_written == voxels.shape[2]
    secrets = [s for s in SECRETS if not (options.retain_device and s == "BLORF3T")]
    assert grep(out, [*secrets, *uids]) == []
    files = sorted(out.rglob("*.dcm"))
    for path in files:
        assert path.read_bytes()[:132] == bytes(128) + b"DICM"
    data = pydicom.dcmread(files[0])
    assert not any(e.tag.is_private for e in data.iterall())
    assert data.PatientIdentityRemoved == "YES"
    assert "2026c" in data.DeidentificationMethod[0]
    codes = [c.CodeValue for c in data.DeidentificationMethodCodeSequence]
    wanted = ["113100", "113107", "113108", "113109"] if options.shift_dates else ["113100"]
    assert codes == wanted
    assert data.LongitudinalTemporalInformationModified in ("REMOVED", "MODIFIED")
    assert dciodvfy(files[0]) == []
    volume = io.read(next(out.glob("P-*")))
    np.testing.assert_array_equal(volume.voxels, voxels)
    np.testing.assert_allclose(volume.geometry.affine, AXIAL, atol=1e-4)
    # The key leads back to every UID, and to the patient; nobody else may read it.
    key = json.loads(made.key.read_text())
    assert {str(e.value) for p in files for e in pydicom.dcmread(p).iterall() if e.VR == "UI"} <= {
        *key["uids"],
        *(u for u in pydicom.uid.UID_dictionary),
    }
    assert uids - {*key["uids"].values()} == set()
    (patient,) = key["patients"].values()
    assert patient["id"] == IDENTIFIER
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600


def test_the_audit_says_what_was_done(planted: Path, tmp_path: Path) -> None:
    anonymization.run(planted, tmp_path / "out")
    told = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert told["edition"] == "2026c"
    assert told["codes"] == {"113100": "Basic Application Confidentiality Profile"}
    assert told["searched_for"]["names, numbers and texts"] > 20
    assert "not anonymous" in told["caution"]
    with (tmp_path / "out" / "audit.csv").open(newline="") as stream:
        rows = {(r["attribute"], r["action"]): r for r in csv.DictReader(stream)}
    assert rows["PatientName", "replaced by the pseudonym"]["code"] == "Z"
    assert rows["PatientBirthDate", "emptied"]["count"] == "11"
    assert rows["PatientComments", "removed"]["code"] == "X"
    assert ("ManufacturerModelName", "replaced: it repeated an identifier") in rows
    assert ("SOPClassUID", "kept: it is of the standard") in rows


def test_options_keep_what_they_say(planted: Path, tmp_path: Path) -> None:
    def change(k: int, data: Any) -> None:
        plant(k, data)
        data.PatientAge, data.PatientSex, data.PatientWeight = "064Y", "F", "71.5"

    source = write(tmp_path / "more", np.zeros((9, 10, 11), np.int16), AXIAL, change)
    kept = {}
    for name, options in {
        "basic": Options(),
        "device": Options(retain_device=True),
        "patient": Options(retain_patient=True),
        "dates": Options(shift_dates=True),
    }.items():
        key = tmp_path / "one.json"
        anonymization.run(source, tmp_path / name, options=options, key=key)
        kept[name] = pydicom.dcmread(next((tmp_path / name).rglob("*.dcm")))
    assert kept["device"].StationName == "BLORF3T"
    assert kept["basic"].StationName == "REMOVED"
    assert (kept["patient"].PatientAge, kept["patient"].PatientSex) == ("064Y", "F")
    assert "PatientAge" not in kept["basic"]
    assert not kept["basic"].PatientSex
    assert not kept["basic"].StudyDate
    days = next(iter(Key.load(tmp_path / "one.json").patients.values())).days
    moved = kept["dates"].StudyDate
    shift = date(int(moved[:4]), int(moved[4:6]), int(moved[6:])) - date(2025, 9, 23)
    assert shift.days == days < 0
    assert kept["dates"].AcquisitionDateTime == f"{moved}101500.5"
    assert kept["dates"].StudyTime == "101500"
    assert not kept["dates"].PatientBirthDate
    assert len({data.SOPInstanceUID for data in kept.values()}) == 1, "one key, one UID"


def test_references_stay_whole(voxels: Any, tmp_path: Path) -> None:
    """A reference to an image in the same source leads to that image's new UID."""

    def refer(k: int, data: Any) -> None:
        item = Dataset()
        item.ReferencedSOPClassUID = data.SOPClassUID
        item.ReferencedSOPInstanceUID = studies.uid("previous", max(k - 1, 0))
        data.SOPInstanceUID = studies.uid("previous", k)
        data.ReferencedImageSequence = sequence(item)

    source = write(tmp_path / "in", voxels, AXIAL, refer)
    anonymization.run(source, tmp_path / "out")
    written = [pydicom.dcmread(p) for p in (tmp_path / "out").rglob("*.dcm")]
    here = {data.SOPInstanceUID for data in written}
    assert all(data.ReferencedImageSequence[0].ReferencedSOPInstanceUID in here for data in written)
    assert len({data.StudyInstanceUID for data in written}) == 1


def test_numbers_stay_what_they_are(voxels: Any, tmp_path: Path) -> None:
    """A place, size or time that equals somebody's number is not that number."""

    def change(k: int, data: Any) -> None:
        data.SliceLocation = data.ImagePositionPatient[2]
        data.PatientID, data.StudyID, data.RepetitionTime = "1000", "80.0", "1000"
        data.AccessionNumber = "-40.0"

    source = write(tmp_path / "in", voxels, AXIAL, change)
    report = anonymization.run(source, tmp_path / "out").report
    assert report.files_written == voxels.shape[2]
    volume = io.read(tmp_path / "out")
    np.testing.assert_allclose(volume.geometry.affine, io.read(source).geometry.affine)
    written = pydicom.dcmread(next((tmp_path / "out").rglob("*.dcm")))
    assert written.RepetitionTime == 1000


def test_private_texts_that_repeat_technical_ones_tell_nothing(voxels: Any, tmp_path: Path) -> None:
    """Makers write the image type and their name into private elements again."""

    def change(k: int, data: Any) -> None:
        data.Manufacturer, data.ImageType = "Imagemakers", ["ORIGINAL", "PRIMARY", "M_FFE"]
        block = data.private_block(0x2005, "IMAGEMAKERS MR", create=True)
        block.add_new(0x11, "CS", "M_FFE")
        block.add_new(0x12, "LO", "Imagemakers")

    anonymization.run(write(tmp_path / "in", voxels, AXIAL, change), tmp_path / "out")
    written = pydicom.dcmread(next((tmp_path / "out").rglob("*.dcm")))
    assert written.Manufacturer == "Imagemakers"
    assert list(written.ImageType) == ["ORIGINAL", "PRIMARY", "M_FFE"]


@pytest.mark.parametrize("agent", ["", "NONE"])
def test_no_agent_is_none_afterwards(agent: str, voxels: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "study", voxels, ContrastBolusAgent=agent)
    anonymization.run(source, tmp_path / "out")
    for path in (tmp_path / "out").rglob("*.dcm"):
        assert pydicom.dcmread(path).ContrastBolusAgent == ""
    with files.opened(tmp_path / "out") as opened:
        assert scan("out", opened).volumes[0].judgement.enhanced is None


def test_nothing_hides_behind_the_pixels(voxels: Any, tmp_path: Path) -> None:
    def append(k: int, data: Any) -> None:
        data.PixelData += b"Unheard^Of"

    source = write(tmp_path / "study", voxels, change=append)
    report = anonymization.run(source, tmp_path / "out").report
    assert report.files_written == voxels.shape[2]
    assert not grep(tmp_path / "out", ["Unheard"])
    np.testing.assert_array_equal(io.read(tmp_path / "out").voxels, voxels)


def test_an_overlay_in_the_pixels_is_left_out(voxels: Any, tmp_path: Path) -> None:
    def drawn(k: int, data: Any) -> None:
        data.add_new(0x60020100, "US", 16)
        data.add_new(0x60020102, "US", 15 if k == 0 else 0)

    source = write(tmp_path / "study", voxels, change=drawn)
    (left,) = anonymization.run(source, tmp_path / "out").report.files_left_out
    assert "overlay" in left.reason


def test_ideographic_names_of_two_characters(voxels: Any, tmp_path: Path) -> None:
    name = "\u5c71\u7530"
    tags = {"PatientName": f"Yamada^Tarou={name}^\u592a\u90ce", "ReceiveCoilName": f"C {name}"}
    report = anonymization.run(write(tmp_path / "study", voxels, **tags), tmp_path / "out").report
    assert report.files_written == voxels.shape[2]
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or name.encode() not in path.read_bytes()


@pytest.mark.data
def test_real_slices(data: Path, tmp_path: Path) -> None:
    source = data / "mri_t1_chaos" / "chaos_10" / "dicom" / "InPhase"
    report = anonymization.run(source, tmp_path / "out").report
    assert (report.files_written, report.leaks) == (50, ())
    written = pydicom.dcmread(next((tmp_path / "out").rglob("*.dcm")))
    assert list(written.ImageType) == ["ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"]
    np.testing.assert_array_equal(io.read(tmp_path / "out").voxels, io.read(source).voxels)
    assert grep(tmp_path / "out", ["CHAOS", "MR_SET_10", "1.3.46.670589"]) == []


def test_two_patients_and_two_keys(voxels: Any, tmp_path: Path) -> None:
    for n in "ab":
        write(tmp_path / "in" / n, voxels, study=n, PatientID=f"PATIENT{n}")
    anonymization.run(tmp_path / "in", tmp_path / "one")
    anonymization.run(tmp_path / "in", tmp_path / "two")
    one, two = ({p.name for p in (tmp_path / n).glob("P-*")} for n in ("one", "two"))
    assert len(one) == len(two) == 2
    assert one.isdisjoint(two), "without the key nobody can tell who is who"
    shifts = {p.days for p in Key.load(tmp_path / "one.key.json").patients.values()}
    assert len(shifts) == 2


def test_enhanced(voxels: Any, tmp_path: Path) -> None:
    path = enhanced(tmp_path / "in" / "one", [voxels, voxels + 1], echoes=(1.2, 2.4))
    anonymization.run(path.parent, tmp_path / "out")
    np.testing.assert_array_equal(
        io.read(tmp_path / "out", series="5-2").voxels, (voxels + 1) * 2 - 3
    )
    assert grep(tmp_path / "out", ["Doe", "4711", "20260102", "ACC77"]) == []


def test_what_cannot_be_cleaned_is_left_out(voxels: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "in", voxels)
    for n, (kind, modality) in enumerate(
        {SecondaryCaptureImageStorage: "OT", EncapsulatedPDFStorage: "DOC"}.items()
    ):
        data = next(studies.slices(voxels))
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = kind
        data.SOPInstanceUID, data.Modality = studies.uid("left", n), modality
        data.save_as(source / f"x{n}", enforce_file_format=True)
    (source / "y").write_bytes((source / "IM0005").read_bytes()[:-20])
    burned = pydicom.dcmread(source / "IM0004")
    burned.BurnedInAnnotation = "YES"
    burned.save_as(source / "IM0004")
    report = anonymization.run(source, tmp_path / "out").report
    assert report.files_written == 11, "but not the one that is cut short"
    reasons = " / ".join(left.reason for left in report.files_left_out)
    assert "screenshot" in reasons
    assert "no image" in reasons
    assert "damaged" in reasons
    assert report.warnings == ("1 files: it says that text is burned into its pixels; look at it",)


def test_a_leak_is_found_and_held_back(
    planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the table let a name through, the scan would not."""
    rule = Profile.rule

    def careless(self: Profile, tag: Any, vr: str) -> Any:
        if tag == Tag("PatientComments"):
            return profile.Rule("K", "K: a fault")
        return rule(self, tag, vr)

    monkeypatch.setattr(Profile, "rule", careless)
    monkeypatch.setattr(anonymization, "repeater", lambda identity: lambda text: False)
    report = anonymization.run(planted, tmp_path / "out").report
    assert report.files_written == 0
    assert {leak.kind for leak in report.leaks} == {"a name, number or text"}
    assert not list((tmp_path / "out").rglob("*.dcm"))
    assert grep(tmp_path / "out") == []


def test_a_uid_that_only_begins_like_the_standards_is_replaced(voxels: Any, tmp_path: Path) -> None:
    """Anybody can write a patient's number behind the standard's root."""
    hidden = f"1.2.840.10008.{IDENTIFIER.removeprefix('PID')}"

    def plant_uid(k: int, data: Any) -> None:
        data.StudyInstanceUID = hidden

    made = anonymization.run(write(tmp_path / "in", voxels, AXIAL, plant_uid), tmp_path / "out")
    assert made.report.leaks == ()
    assert grep(tmp_path / "out", [hidden]) == []
    data = pydicom.dcmread(next((tmp_path / "out").rglob("*.dcm")))
    assert data.SOPClassUID == pydicom.uid.MRImageStorage
    identity = Identity()
    with_it = Dataset()
    with_it.StudyInstanceUID, with_it.SOPClassUID = hidden, data.SOPClassUID
    identity.add(with_it)
    assert identity.uids == {hidden}


def test_one_patient_under_two_issuers_is_told(voxels: Any, tmp_path: Path) -> None:
    def half(k: int, data: Any) -> None:
        data.PatientID = IDENTIFIER
        if k < 5:
            data.IssuerOfPatientID = CLINIC

    report = anonymization.run(write(tmp_path / "in", voxels, AXIAL, half), tmp_path / "out").report
    assert report.warnings == (
        f"{voxels.shape[2]} files: their patient number has several pseudonyms, as its issuer"
        " differs; look at the key",
    )


PIXELS = b"\xe0\x7f\x10\x00OW\0\0"


@pytest.mark.parametrize(
    ("before", "mark"),
    [
        (b"", PIXELS + (4000).to_bytes(4, "little")),
        (b"", b"\x7f\xe0\x00\x10OW\0\0" + (4000).to_bytes(4, "big")),
        (b"", PIXELS[:4] + (4000).to_bytes(4, "little")),
        (b"", PIXELS + b"\xff" * 4),
        # Early, and by chance: it says another length than what follows has.
        (PIXELS + (8).to_bytes(4, "little") + b"x" * 40, PIXELS + (4000).to_bytes(4, "little")),
        (PIXELS[:4] + b"abcd", PIXELS + (4000).to_bytes(4, "little")),
    ],
)
def test_short_words_are_looked_for_before_the_pixels_and_long_ones_among_them(
    before: bytes, mark: bytes, tmp_path: Path
) -> None:
    identity = Identity({"quux", "quxley^zorblatt"})
    file = tmp_path / "a.dcm"

    def found(head: bytes, pixels: bytes) -> bool:
        file.write_bytes(before + head + mark + pixels.ljust(4000, b"\1"))
        return bool(leaks.scan(tmp_path, identity))

    assert found(b" quux ", b"")
    assert not found(b"", b" quux ")
    assert found(b"", b" quxley^zorblatt ")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"xx Quxley yy", "a name, number or text"),
        (b"QUXLEY^ZORBLATT", "a name, number or text"),
        (b"on 1961-04-17.", "a date"),
        (b"id 47115,", "a name, number or text"),
        ("Bjørnø".encode("latin-1"), "a name, number or text"),
        (b"\0\x001.3.46.670589.11.7\0", "a UID"),
    ],
)
def test_the_scan_finds(content: bytes, kind: str, tmp_path: Path) -> None:
    identity = Identity(
        {"quxley", "quxley^zorblatt", "47115", "bjørnø"}, {"19610417"}, {"1.3.46.670589.11.7"}
    )
    (tmp_path / "a").write_bytes(content)
    assert {leak.kind for leak in leaks.scan(tmp_path, identity)} == {kind}
    (tmp_path / "a").write_bytes(b"1.47115 147115 1.3.46.670589.11.71 19610418 Quxle")
    assert leaks.scan(tmp_path, identity) == []
    (tmp_path / "quxley.txt").touch()
    (leak,) = leaks.scan(tmp_path, identity)
    assert leak.kind.endswith("in its name")


def test_conversion_to_nifti_tells_nothing(planted: Path, voxels: Any, tmp_path: Path) -> None:
    made = conversion.run(planted, tmp_path / "out", anonymize=True)
    assert made.written == 1
    assert grep(tmp_path / "out") == []
    assert json.loads((tmp_path / "out" / "audit.json").read_text())["leaks"] == []
    volume = io.read(tmp_path / "out" / "5.nii.gz")
    np.testing.assert_array_equal(volume.voxels, voxels)
    header = volume.source.header
    assert bytes(header["db_name"]).strip(b"\0") == b""
    assert bytes(header["aux_file"]).strip(b"\0") == b""
    with (tmp_path / "out" / "index.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert Key.load(tmp_path / "out.key.json").patients[row["patient"]].id == IDENTIFIER


def test_conversion_that_would_tell_is_not_written(
    planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion.convert, "_NOTE", f"of {NAME}")
    with pytest.raises(OutputError, match="tells a name, number or text"):
        conversion.run(planted, tmp_path / "out", anonymize=True)
    assert not (tmp_path / "out").exists()


def test_keys(tmp_path: Path) -> None:
    key = Key.new()
    new = key.uid("1.2.3")
    assert pydicom.uid.UID(new).is_valid
    assert key.uid("1.2.3") == new != key.uid("1.2.4")
    path = tmp_path / "key.json"
    key.save(path)
    again = Key.load(path)
    assert again.uid("1.2.3") == new
    assert "Doe" not in repr(again)
    path.chmod(0o644)
    with pytest.raises(InputError, match="may be read by others"):
        Key.load(path)
    path.chmod(0o600)
    path.write_text("{}")
    with pytest.raises(InputError, match="no key of Hepatica"):
        Key.load(path)
    with pytest.raises(OutputError, match="beside the data"):
        anonymization.key_beside(tmp_path, tmp_path / "inside.json")


@pytest.mark.parametrize("vr", ["DA", "DT", "CS", "UI", "SQ", "US", "UN"])
def test_private_attributes_go_under_all_options(vr: str) -> None:
    for options in (Options(), Options(True, True, True)):
        assert Profile(options).rule(Tag(0x0009, 0x1010), vr).action == "X"


def test_the_table() -> None:
    """Attributes whose actions anybody can look up in PS3.15."""
    basic = Profile(Options())
    assert basic.table.edition == "2026c"
    for keyword, vr, action in (
        ("PatientName", "PN", "Z"),
        ("PatientID", "LO", "D"),
        ("StudyInstanceUID", "UI", "U"),
        ("PatientComments", "LT", "X"),
        ("AccessionNumber", "SH", "Z"),
        ("SeriesDescription", "LO", "X"),
        ("RequestAttributesSequence", "SQ", "X"),
        ("ReferencedImageSequence", "SQ", "C"),
        ("PixelSpacing", "DS", "K"),
        ("PixelData", "OW", "K"),
        ("ICCProfile", "OB", "X"),
    ):
        assert basic.rule(Tag(keyword), vr).action == action, keyword
    assert basic.rule(Tag(0x60023000), "OW").action == "X"
    assert basic.rule(Tag(0x00291010), "LO").action == "X"
    listed = sum(len(lines.split()) for tags in basic.table.actions.values() for lines in tags)
    assert listed > 600
