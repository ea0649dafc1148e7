"""What of a line is its caption: all but the photographer's credit at its end, and a label before it.

A page may print one caption as "Der Hafen am Morgen", as "Der Hafen am Morgen (Foto: dpa)", "... | Bild: Reuters",
"... © APA/Muster", and as "Im Bild: Der Hafen am Morgen". Without credit and label they are one.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.columns import Column
from dedup.segment import Segments, segment, tables

if TYPE_CHECKING:
    import regex

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

CREDIT_BYTES = 80
"""Longest credit looked for at the end of a line."""

NARROWEST = 15
"""Columns of the narrowest caption that is looked for without its credit: "Copyright" is none of "Copyright © 2008 Anna
Berg"."""

BEGINNING_LETTERS = 12
"""Letters at the beginning of a caption that another line must share for its end to be looked at, which takes time."""

WIDEST = 400
"""Columns of the widest line that is looked at: no caption is longer."""

AGENCIES = """
afp alamy anp ansa ap apa belga dpa efe epa getty imago istock keystone kyodo lusa ntb pap picture pixabay reuters
ritzau shutterstock tass unsplash wikimedia xinhua тасс риа
"""
"""Whom credits name. Without a label, only behind a bracket, a bar, a slash, a dash or the end of a sentence."""

CREDIT_LABELS = """
agentur archiv archivbild archive archivfoto archivo bild bilder bildquelle bildnachweis bildrechte copyright courtesy
credit credits crédit crédits crédito créditos fonte foto fotocredit fotos fuente fuentes grafik graphic illustration
illustrationen image images imagen imágenes photo photograph photographs photos pic picture pictures pics quelle quellen
source sources sujet symbolbild symbolfoto video zvg фото источник изображение صورة الصورة صور
"""
"""What a credit begins with, one or two of them."""

SPACELESS = (
    "图 图片来源 图片 圖 圖片 摄影 摄 攝影 攝 写真 撮影 提供 사진 新华社 新華社 共同通信 時事通信 연합뉴스 뉴시스"
)
"""Labels and agencies in scripts where words are not set apart."""

PICTURE_LABELS = (
    "Foto", "Fotos", "Bild", "Bilder", "Im Bild", "Auf dem Bild", "Auf dem Foto", "Bildunterschrift", "Bildtext",
    "Symbolbild", "Archivbild", "Photo", "Photos", "Picture", "Pictured", "Image", "Caption", "File photo", "Légende",
    "Imagen", "Foto de archivo", "Nella foto", "Na foto", "Фото", "На фото", "写真", "图", "图片", "사진", "صورة",
)  # fmt: skip
"""What stands before a caption with a colon. Chosen, as the other lists are; a line goes only if its caption, word for
word, stands in the document already, so that a label too many does little harm."""

COLONS = (b":", "：".encode())

NAMES = r"(?=.*\p{L})(?:[^.!?…:：|\d]|\.(?=\S)|(?<=\b\p{L})\.|\(\d\)){2,60}"
"""Whom a credit names: no sentence, and no number but how many pictures are whose."""

AGENCY = rf"(?i:\b(?:{'|'.join(AGENCIES.split())})\b)"
LABEL = rf"(?:(?i:\b(?:{'|'.join(CREDIT_LABELS.split())})\b)|{'|'.join(SPACELESS.split())})"
INSIDE = r"[^()\[\]（）【】]*"
CREDIT = (
    rf"(?<!\])[(\[（【](?=\s*{LABEL}|{INSIDE}(?:{LABEL}\s?[:：©]|{AGENCY}|©))(?!\w+://){INSIDE}[)\]）】]"
    rf"|(?<=[\s|.!?…。！？]|^)(?:©|ⓒ|\(c\)(?=\s*[\p{{Lu}}\d]))\s*(?:(?:19|20)\d\d\s+)?{NAMES}"
    rf"|(?<=[\s|/.!?…。！？–—]|^){LABEL}(?:\s{LABEL})?\s?[:：=©]\s*{NAMES}"
    rf"|(?:(?<=\s)[|/–—-]|(?<=[.!?…][\"”“»]?)\s)\s*(?:{NAMES}\W)??{AGENCY}(?:\W{NAMES})?"
)
ENDING = rf"\s*(?:[|/·•–—-]\s*)?(?:{CREDIT})\.?\s*$"
"""A credit at the end of a text, with what sets it off."""

WORDS = re.compile(r"[a-zß-öø-ÿ]+")
OTHER_SIGNS = re.compile(r"[^\x00-\u024f\u2010-\u203a]|[©İıſ]")
KEYWORDS = frozenset([*AGENCIES.split(), *CREDIT_LABELS.split(), "c"])
"""One of them stands in every credit that is Latin and has no ©; looking for them first saves most of the time."""


@functools.cache
def _ending() -> regex.Pattern[str]:
    """Compile the pattern when it is needed first: that takes as long as importing all of this package's kernels."""
    import regex

    return regex.compile(ENDING)


class Captions(NamedTuple):
    """Which part of each line is the caption.

    Attributes:
        starts: int64[lines], its first byte.
        ends: int64[lines], behind its last byte; -1 for a line with neither label nor credit.
    """

    starts: Ints
    ends: Ints


def find_captions(texts: Column, segments: Segments) -> Captions:
    r"""Find the lines with a credit or a label of pictures, and the caption in them.

    Credits of captions that no other line begins like are left alone.

    >>> texts = Column.of(["Der Hafen am Morgen | Bild: Reuters\nDer Hafen am Morgen"])
    >>> found = find_captions(texts, segment(texts))
    >>> texts[0][found.starts[0] : found.ends[0]], int(found.ends[1])
    ('Der Hafen am Morgen', -1)
    """
    from dedup.kernels import repeats as kernels
    from dedup.kernels.slots import SECRET

    signs = np.empty(len(segments.line_start), np.bool_)
    kernels.find_signs(
        texts.data, segments.line_start, segments.line_text_end, segments.line_width, WIDEST, CREDIT_BYTES, signs
    )
    starts, ends = segments.line_start.copy(), np.full(len(signs), -1)
    labelled = np.flatnonzero((segments.line_label != 0) & np.isin(segments.line_label, _picture_labels()))
    ends[labelled] = segments.line_text_end[labelled]
    starts[labelled] = [_behind_colon(texts, segments, line) for line in labelled.tolist()]
    with np.errstate(over="ignore"):
        kernels.spare_lone_beginnings(
            texts.data, segments.line_offsets, starts, segments.line_text_end, segments.line_k0, tables()[0],
            BEGINNING_LETTERS, SECRET, signs,
        )  # fmt: skip
    for line in np.flatnonzero(signs).tolist():
        end = int(segments.line_text_end[line])
        credit = _credit(texts, int(starts[line]), end)
        if credit:
            ends[line] = end - len(credit.encode())
    return Captions(starts, ends)


def with_credit(texts: Column, segments: Segments, captions: Captions, lines: Ints) -> Bools:
    """Say which lines are captions with a label of pictures before or a credit behind them: bool[lines].

    Credits are looked for here also where no other line begins like a caption, copies aside.
    """
    from dedup.kernels import repeats as kernels

    found = captions.ends[lines] > captions.starts[lines]
    signs = np.empty(len(lines), np.bool_)
    starts, ends, widths = (
        column[lines] for column in (segments.line_start, segments.line_text_end, segments.line_width)
    )
    kernels.find_signs(texts.data, starts, ends, widths, WIDEST, CREDIT_BYTES, signs)
    for number in np.flatnonzero(signs & ~found).tolist():
        start, end = int(starts[number]), int(ends[number])
        credit = _credit(texts, start, end)
        found[number] = 0 < len(credit.encode()) < end - start
    return found


def _credit(texts: Column, start: int, end: int) -> str:
    """Return the credit at the end of a line, empty where there is none."""
    # The first character may be cut in two; no credit begins in its middle.
    tail = texts.data[max(start, end - CREDIT_BYTES) : end].tobytes().decode(errors="ignore")
    if not OTHER_SIGNS.search(tail) and KEYWORDS.isdisjoint(WORDS.findall(tail.lower())):
        return ""
    found = _ending().search(tail)
    return tail[found.start() :] if found else ""


def caption_keys(texts: Column, segments: Segments, captions: Captions) -> Keys:
    """Return the keys of the captions, 0 for lines without label and credit, and for captions too narrow to be sure."""
    keys = np.zeros(len(captions.ends), np.uint64)
    lines = np.flatnonzero(captions.ends >= 0)
    if len(lines):
        spans = zip(captions.starts[lines].tolist(), captions.ends[lines].tolist(), strict=True)
        # A line is one line still, and a caption without words has the key 0.
        found = segment(Column.join([texts.data[start:end].tobytes() or b" " for start, end in spans]))
        keys[lines] = np.where(found.line_width >= NARROWEST, found.line_k0, 0)
    return keys


def _behind_colon(texts: Column, segments: Segments, line: int) -> int:
    """Return where the label of a line has ended."""
    start = int(segments.line_start[line])
    text = texts.data[start : segments.line_text_end[line]].tobytes()
    return start + min(text.find(colon) + len(colon) for colon in COLONS if colon in text)


@functools.cache
def _picture_labels() -> Keys:
    return segment(Column.of(PICTURE_LABELS)).line_k0
