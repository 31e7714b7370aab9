"""Which volume of a study is the contrast-enhanced T1, judged by how it was acquired.

Tags decide where they are filled; names of series and sequences, in the scanners' own
words, fill the gaps. Every conclusion says what it rests on, and how sure it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hepatica.io.dicom.stacks import Stack

Confidence = Literal["", "low", "medium", "high"]

#: Sequence families by what they are called; the first that matches counts.
_KINDS = {
    "localizer": r"locali[sz]er|\bloc\b|scout|survey|3.?plane|topogram",
    "subtraction": r"\bsub(tr\w*)?\b|subtraction",
    "projection": r"\bmip\b|projection|\bmpr\b",
    "diffusion": r"\bdwi\b|diff|\badc\b|\bep2d|\bb\d{2,4}\b|ivim",
    "T2": r"t2|haste|ss-?fse|sshot|mrcp|trufi|fiesta|b-?tfe|space|blade|propeller|\btse\b",
    "T1": r"t1|vibe|lava|thrive|flash|f?spgr|fgre|dixon|twist|disco|starvibe|quick3d|\btfe\b",
}
_FAT = r"fat.?(sat|sup)|\bfs\b|spair|spir\b|water|\bw\b|\bspecial\b|thrive"
_OPPOSED = r"opp|out.?(of)?.?phase|\bop\b"
_IN_PHASE = r"\bin.?phase|\bip\b|\bin\b"
_FAT_ONLY = r"\bfat\b(?!.?(sat|sup))|\bf\b"
_BEFORE = (
    r"\bpre\b|pre[- ]?(contrast|gd|kontrast)|nativ|unenhanced"
    r"|(?<!with and )without(?! (and|&) with\b)|(?<!mit und )\bohne\b(?! und mit\b)|\bnon.?con"
)
_AFTER = (
    r"post|\bgd\b|gado|[+]c\b|\bc[+]|\bce\b|\bkm\b|contrast|enhanc|\bdyn|multi.?phase"
    r"|primovist|eovist"
)

#: Phases of the liver after a bolus, with their words and their usual seconds after it.
_PHASES = {
    "hepatobiliary": (r"hbp|hepato.?bil|\bhb\b|\b(15|20)\s?min|late.?liver", (600, 7200)),
    "portal venous": (r"port|\bpv\w?\b|\bven\w*|(60|65|70|75|80)\s?s(ec)?\b", (50, 110)),
    "arterial": (r"\bart\w*|\bhap\b|(20|25|30|35)\s?s(ec)?\b", (10, 50)),
    "delayed": (r"delay|\blate\b|equil|transition|\b(2|3|5)\s?min|sp(ä|ae?)t|tardi", (110, 600)),
}
#: How well a phase shows metastases of colorectal cancer, as the portal venous phase is
#: the one that protocols for them are built around.
_WORTH = {"portal venous": 5, "delayed": 4, "hepatobiliary": 3, "arterial": 2, "": 1}

_GRADIENT_TE_MS, _T2_TE_MS = 12.0, 40.0
#: Share of head-foot in the normal of slices that lie across the body.
_ACROSS = 0.7
#: What is written where a contrast agent would be named, and none was given.
NO_AGENT = frozenset({"none", "no", "nein", "0"})
#: Order of a dynamic run of four or more volumes.
ORDER = ("before contrast", "arterial", "portal venous", "delayed")
#: Words of ours that a series may well be called by, too.
VOCABULARY = frozenset(
    {*_KINDS, *_PHASES, *ORDER, "gradient echo", "opposed phase", "fat alone", "fat saturation"}
    | {"contrast agent", "dynamic run", "repetition time", "echo time"}
)


@dataclass(frozen=True)
class Judgement:
    """What a volume is, and why.

    Parameters
    ----------
    kind
        ``"T1"``, ``"T2"``, ``"diffusion"``, ``"localizer"``, ``"projection"``,
        ``"subtraction"`` or ``"unknown"``.
    fat_saturated, enhanced
        None where nothing says so.
    phase
        A phase after contrast, ``"before contrast"``, or empty.
    confidence
        Of the phase: high from its name, medium from the bolus time, low from the order.
    seconds
        Time of acquisition, from midnight; None if not stated.
    reasons
        What the above rests on, in a few words each; nothing of free text.
    unsuitable
        Opposed phase, or fat alone.
    axial
        Whether its slices lie across the body.
    """

    kind: str
    fat_saturated: bool | None
    enhanced: bool | None
    phase: str
    confidence: Confidence
    seconds: float | None
    reasons: tuple[str, ...]
    unsuitable: bool = False
    axial: bool = True

    @property
    def is_t1ce(self) -> bool:
        """Whether it is T1 after contrast, and neither opposed phase nor fat alone."""
        return self.kind == "T1" and self.enhanced is True and not self.unsuitable

    @property
    def worth(self) -> tuple[int, bool, bool]:
        """The larger, the better it suits; for those that are T1CE."""
        return (_WORTH.get(self.phase, 0), self.axial, self.fat_saturated is True)


def best(judgements: Sequence[Judgement]) -> int | None:
    """Index of the one that suits best; None if there is none, or two suit as well."""
    suiting = [n for n, own in enumerate(judgements) if own.is_t1ce]
    if not suiting:
        return None
    suiting.sort(key=lambda n: judgements[n].worth, reverse=True)
    if len(suiting) > 1 and judgements[suiting[0]].worth == judgements[suiting[1]].worth:
        return None
    return suiting[0]


def judge_alone(stack: Stack) -> Judgement:
    """What a volume is, from its own headers."""
    facts, telling = stack.first.facts, stack.first.telling
    text = called(stack)
    image_type = f" {telling['ImageType']} ".upper().replace("\\", " ")
    reasons: list[str] = []
    kind = _kind(stack, text, image_type, reasons)
    fat = _fat_saturated(stack, text, image_type, reasons)
    opposed = bool(
        re.search(_OPPOSED, text)
        or re.search(r" (OP|OPP_PHASE|OUT_PHASE|OPPOSED_PHASE) ", image_type)
    )
    fat_only = bool(re.search(_FAT_ONLY, text) or re.search(r" (F|FAT) ", image_type))
    if opposed or fat_only:
        reasons.append("opposed phase" if opposed else "fat alone")
    seconds = _seconds(stack)
    phase, confidence = _phase(text, seconds, _clock(facts["ContrastBolusStartTime"]), reasons)
    enhanced = _enhanced(stack, text, phase, reasons)
    return Judgement(
        kind=kind,
        fat_saturated=fat,
        enhanced=enhanced,
        phase=phase,
        confidence=confidence,
        seconds=seconds,
        reasons=tuple(reasons),
        unsuitable=opposed or fat_only,
        axial=bool(abs(stack.first.normal[2]) > _ACROSS),
    )


def called(stack: Stack, phases: bool = True) -> str:
    """What people and scanners call it, in lower case, words apart."""
    facts = stack.first.facts
    names = ("SeriesDescription", "ProtocolName", "SequenceName", "PulseSequenceName")
    text = " ".join(facts[n] for n in names).lower()
    text = re.sub(r"[\[\](),;:/_]", " ", text)
    return text if phases else re.sub(r"\d+", "", text)


def _kind(stack: Stack, text: str, image_type: str, reasons: list[str]) -> str:
    facts, telling = stack.first.facts, stack.first.telling
    for word, kind in (
        ("LOCALIZER", "localizer"),
        ("PROJECTION", "projection"),
        ("MIP", "projection"),
        ("SUBTRACTION", "subtraction"),
        ("SUB", "subtraction"),
        ("ADC", "diffusion"),
        ("DIFFUSION", "diffusion"),
    ):
        if f" {word}" in image_type:
            reasons.append(f"image type says {kind}")
            return kind
    if telling["DiffusionBValue"] or "EP" in facts["ScanningSequence"].split("\\"):
        reasons.append("echo-planar or diffusion sequence")
        return "diffusion"
    named = next((k for k, words in _KINDS.items() if re.search(words, text)), "")
    echo, repetition = number(telling["EchoTime"]), number(facts["RepetitionTime"])
    gradient = "GR" in facts["ScanningSequence"].split("\\")
    if named not in ("", "T1", "T2"):
        reasons.append(f"named as {named}")
        return named
    if echo is not None and echo >= _T2_TE_MS:
        reasons.append(f"echo time {echo:g} ms")
        return "T2"
    if gradient and echo is not None and echo < _GRADIENT_TE_MS and named != "T2":
        reasons.append(f"gradient echo, echo time {echo:g} ms")
        return "T1"
    if named:
        reasons.append(f"named as {named}")
        return named
    if echo is not None and echo < _GRADIENT_TE_MS and repetition is not None and repetition < 20:
        reasons.append(f"echo time {echo:g} ms, repetition time {repetition:g} ms")
        return "T1"
    return "unknown"


def _fat_saturated(stack: Stack, text: str, image_type: str, reasons: list[str]) -> bool | None:
    facts = stack.first.facts
    options = facts["ScanOptions"].upper().split("\\")
    if "FAT" in facts["SpectrallySelectedSuppression"] or {"FS", "FAT_SAT", "FATSAT"} & set(
        options
    ):
        reasons.append("fat saturation stated")
        return True
    if re.search(r" (W|WATER) ", image_type) or re.search(_FAT, text):
        reasons.append("water or fat-saturated by its name")
        return True
    if re.search(_IN_PHASE, text) or re.search(_OPPOSED, text):
        return False
    return None


def _phase(
    text: str, seconds: float | None, bolus: float | None, reasons: list[str]
) -> tuple[str, Confidence]:
    if re.search(_BEFORE, text):
        reasons.append("named as before contrast")
        return "before contrast", "high"
    for phase, (words, _) in _PHASES.items():
        if re.search(words, text):
            reasons.append(f"named as {phase}")
            return phase, "high"
    if seconds is not None and bolus is not None:
        after = seconds - bolus
        for phase, (_, (begin, end)) in _PHASES.items():
            if begin <= after < end:
                reasons.append(f"{after:.0f} s after the bolus")
                return phase, "medium"
        if -3600 < after < _PHASES["arterial"][1][0]:
            reasons.append("acquired before the bolus arrived")
            return "before contrast", "medium"
    return "", ""


def _enhanced(stack: Stack, text: str, phase: str, reasons: list[str]) -> bool | None:
    facts = stack.first.facts
    if phase == "before contrast":
        return False
    agent = facts["ContrastBolusAgent"].strip().lower()
    if agent in NO_AGENT:
        reasons.append("no contrast agent, it says")
        return False
    if agent or facts["ContrastBolusAgentSequence"] or facts["ContrastBolusVolume"]:
        reasons.append("contrast agent stated")
        return True
    if phase:
        return True
    if re.search(_AFTER, text):
        reasons.append("named as after contrast")
        return True
    return None


def number(text: str) -> float | None:
    """The first number that an element states; None if there is none."""
    try:
        value = float(text.split("\\")[0])
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _seconds(stack: Stack) -> float | None:
    """When its first slice was acquired, from midnight."""
    times = []
    for frame in (stack.frames[0], stack.frames[-1], stack.frames[len(stack.frames) // 2]):
        whole = frame.facts["AcquisitionDateTime"][8:]
        times.append(_clock(frame.telling["AcquisitionTime"]) or _clock(whole))
    known = [t for t in times if t is not None]
    return min(known) if known else None


def _clock(text: str) -> float | None:
    """Seconds from midnight of a DICOM time (HHMMSS.ffffff); None if it is none."""
    match = re.match(r"(\d{2})(\d{2})(\d{2}(?:\.\d+)?)", text)
    if not match:
        return None
    hours, minutes, seconds = (float(part) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds
