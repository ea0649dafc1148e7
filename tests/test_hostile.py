"""Texts made to hurt: every plane of Unicode, storms of marks, floods of lines, hashes that were meant to collide."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dedup
from dedup import cluster, pipeline, unicode, versions
from dedup.columns import Column
from dedup.config import Config
from dedup.errors import DedupError
from dedup.jobs import Run, apply, clean, scan
from dedup.kernels import versions as versions_kernels
from dedup.shingle import ShingleSets, StoredSets, shingle_sets
from dedup.signature import permutations, sketch
from dedup.undo import restore
from dedup.verify.run import verify
from tests.corpora import article, sentence, written

ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
"""Characters of every plane, assigned or not."""

BIDI = "\u202e\u202b\u2067\u2066\u2069\u202c\u200f\u061c"
STORM = "\u0301\u0323\u0345\u0327\u0300\u0591\u3099\u094d"

PIECES = st.one_of(
    ANYTHING,
    st.sampled_from(list(BIDI)),
    st.text(st.sampled_from(STORM), max_size=60),
    st.sampled_from(["\0", "\ufeff", "\ufffe", "\U0010ffff", "\r", "\n", "\r\n", "\n\r", "\x85", "\u2028", "\v", "\f"]),
    st.sampled_from(["Ein Satz, der breit genug ist, um zu gehen.", "1.", "z. B.", "„", "“", "(", "3. Dezember 2025"]),
)


@st.composite
def storms(draw: st.DrawFn) -> str:
    """A text of few pieces, said again and again."""
    pieces = draw(st.lists(PIECES, min_size=1, max_size=6))
    return "".join(draw(st.lists(st.sampled_from(pieces), max_size=24)))


@settings(max_examples=300)
@given(st.lists(storms(), min_size=1, max_size=6))
def test_any_texts_are_cleaned_as_promised(texts: list[str]) -> None:
    documents = [{"id": str(number), "text": text} for number, text in enumerate(texts)]
    result = dedup.clean(documents, max_loss=1)
    kept = {document["id"]: document["text"] for document in result.kept}
    drops = {decision.document for decision in result.decisions if decision.action == "drop"}
    assert kept.keys() | drops == {document["id"] for document in documents}
    assert not kept.keys() & drops
    for name, text in kept.items():
        spans = [(d.start, d.end) for d in result.decisions if d.document == name and d.action == "cut"]
        assert text == "".join(
            character
            for at, character in enumerate(texts[int(name)])
            if not any(start <= at < end for start, end in spans)  # type: ignore[operator]
        )


@settings(max_examples=200)
@given(storms())
def test_any_text_is_tiled_by_its_sentences(text: str) -> None:
    spans = dedup.split_sentences(text)
    assert "".join(text[start:end] for start, end in spans) == text
    assert all(end == start for (_, end), (start, _) in itertools.pairwise(spans))


@given(storms(), st.integers(0, 40))
def test_a_lone_surrogate_is_refused_by_name(text: str, at: int) -> None:
    with pytest.raises(DedupError, match="surrogate"):
        dedup.clean([{"text": text[:at] + "\ud800" + text[at:]}])


@settings(max_examples=20)
@given(st.data())
def test_invalid_bytes_at_any_place_are_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Around the ends of chunks and lines, cut inside a character of two, three and four bytes."""
    folder = tmp_path_factory.mktemp("utf8")
    line = '{"text": "äöü漢字😀 und so weiter"}\n'.encode()
    good = line * data.draw(st.integers(1, 400))
    at = data.draw(st.integers(0, len(good) - 1))
    bad = (
        good[:at]
        + data.draw(st.sampled_from([b"\xff", b"\xc3", b"\xe6\xbc", b"\xed\xa0\x80", b"\xf5\x80"]))
        + good[at:]
    )
    (folder / "a.jsonl").write_bytes(bad)
    with pytest.raises(DedupError) as error:
        clean([str(folder / "a.jsonl")], str(folder / "out"), Config(max_loss=1), Run())
    assert error.value.line == good[:at].count(b"\n") + 1


# Time


MILLION = 1_000_000

FLOODS: dict[str, Callable[[int], str]] = {
    "lines of one character": lambda size: "a\n" * (size // 2),
    "lines of different characters": lambda size: "\n".join(
        map(chr, itertools.islice(itertools.cycle(range(0x4E00, 0x9F00)), size // 2))
    ),
    "copies of a line": lambda size: "Die Fähre liegt mit Motorschaden im Hafen.\n" * (size // 43),
    "different lines": lambda size: "".join(
        f"Zeile {number} ist eine von sehr vielen Zeilen.\n" for number in range(size // 46)
    ),
    "copies of a sentence": lambda size: "Die Fähre liegt mit Motorschaden im Hafen. " * (size // 43),
    "one word": lambda size: "a" * size,
    "words in pairs": lambda size: "ab ba " * (size // 6),
    "one letter with all its marks": lambda size: "a" + "\u0301\u0323" * (size // 2),
    "marks in the wrong order": lambda size: ("a" + "\u0301\u0323" * 20 + " ") * (size // 42),
    "every combining class": lambda size: (
        "a" + "".join(reversed([chr(c) for c in range(0x300, 0x370)])) * (size // 112)
    ),
    "full stops": lambda size: "." * size,
    "abbreviations": lambda size: "z. B. " * (size // 6),
    "ordinals": lambda size: "3. " * (size // 3),
    "opened quotes": lambda size: "„" * size,
    "quotes and full stops": lambda size: "„A.“ " * (size // 5),
    "brackets": lambda size: "(" * (size // 2) + ")" * (size // 2),
    "captions": lambda size: "Ein Bild, das breit genug ist (Foto: dpa)\n" * (size // 42),
    "labels": lambda size: "".join(f"Foto: {number}\n" for number in range(size // 12)),
    "dates": lambda size: "3. Dezember 2025 " * (size // 17),
    "U+FDFA": lambda size: "\ufdfa" * size,
    "half a surrogate pair's neighbours": lambda size: "\ud7ff\ue000" * (size // 2),
    "ideographs": lambda size: "漢" * size,
    "Thai": lambda size: "สภาเมืองอนุมัติการก่อสร้าง" * (size // 26),
    "right to left": lambda size: "\u202eabc\u202c" * (size // 5),
    "spaces": lambda size: " " * size,
    "line ends": lambda size: "\r\n\n\r" * (size // 4),
    "NULs": lambda size: "\0" * size,
    "table": lambda size: "a | b | c | 1 | 2 | 3\n" * (size // 22),
    "code": lambda size: "    if (x) { return y; }\n" * (size // 25),
    "list": lambda size: "- Ein Punkt der Liste\n" * (size // 22),
}


def seconds(text: str, workers: int = 1) -> float:
    start = time.process_time()
    dedup.clean([{"id": "a", "text": text}, {"id": "b", "text": "Etwas anderes."}], max_loss=1)
    return time.process_time() - start


@pytest.mark.parametrize("kind", FLOODS)
def test_time_is_linear(kind: str) -> None:
    """Eight times the text, twelve times the time at most, a quarter of a second aside; the best of three tries."""
    make = FLOODS[kind]
    seconds(make(1000))
    small = min(seconds(make(MILLION // 8)) for _ in range(2))
    large = make(MILLION)
    assert any(seconds(large) <= 12 * small + 0.25 for _ in range(3))


# Collisions


MIX = 0x9E3779B97F4A7C15


def test_words_that_used_to_collide_do_not() -> None:
    """A word hash that is a product is solved for a word of gibberish: this pair had one hash until 0.1."""
    first, second = product_collision()
    assert first != second
    sets = shingle_sets(Column.of([first, second]))
    assert sets.hashes[0] != sets.hashes[1]
    keys = sketch(Column.of([first, second]), permutations(16, 1)).keys
    assert keys[0] != keys[1]


def product_collision() -> tuple[str, str]:
    """Two words of letters that (h ^ group) * MIX, group after group of eight, takes to the same value."""
    rng = random.Random(1)
    inverse = pow(MIX, -1, 2**64)
    target = int.from_bytes(b"ferry", "little")
    while True:
        tail = bytes(rng.randrange(97, 123) for _ in range(7))
        head = ((int.from_bytes(tail, "little") ^ target) * inverse % 2**64).to_bytes(8, "little")
        if all(byte in range(97, 123) or byte in range(48, 58) for byte in head):
            return (head + tail).decode(), "ferry"


def test_texts_that_share_all_bands_are_compared_in_full() -> None:
    """Whoever knows the seed can write texts that meet; they are still compared shingle by shingle."""
    rng = random.Random(4)
    drawn = permutations(128, 1)
    shared = min(
        (article(rng, 1, 1) for _ in range(200)),
        key=lambda text: int(sketch(Column.of([text]), drawn).signatures[0].min()),
    )
    texts = [shared + article(rng) for _ in range(40)]
    result = dedup.clean([{"id": str(number), "text": text} for number, text in enumerate(texts)], max_loss=1)
    assert len(result.kept) == 40


def band_flood(documents: int, words: int = 200) -> list[str]:
    """Articles about different things with one paragraph in common whose shingles are the least in the first band."""
    rng, drawn, shape = random.Random(6), permutations(128, 1), pipeline.bands_of(Config())
    assert shape is not None

    def first_band(texts: list[str]) -> npt.NDArray[np.uint32]:
        return sketch(Column.of(texts), drawn).signatures[:, : shape.rows]

    lines = [article(rng, 1, 1).strip() for _ in range(4000)]
    common = " ".join({lines[row]: None for row in first_band(lines).argmin(axis=0).tolist()})
    pages = [f"{common}\n" + " ".join(f"w{rng.getrandbits(40)}" for _ in range(words)) for _ in range(2 * documents)]
    meets = (first_band(pages) == first_band([common])).all(axis=1)
    return [pages[row] for row in np.flatnonzero(meets)[:documents].tolist()]


def compared(documents: int) -> int:
    texts = [{"id": str(number), "text": text} for number, text in enumerate(band_flood(documents))]
    result = dedup.clean(texts, max_loss=1, only=("articles",))
    assert len(result.kept) == documents
    return int(result.report["lsh"]["verified"])


def test_a_flood_of_one_band_drops_nobody() -> None:
    assert compared(300) == 300 * 299 / 2


def test_a_flood_of_one_band_takes_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "REACH", 20)
    # The first 20 are compared with fewer.
    assert compared(400) - compared(100) == 300 * 20


def test_a_document_lost_in_a_flood_stays_and_is_flagged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "REACH", 20)
    texts = [{"id": str(number), "text": text} for number, text in enumerate(band_flood(60))]
    result = dedup.clean(texts, max_loss=1, only=("articles",), keep="first")
    flagged = [decision for decision in result.decisions if decision.why is not None]
    assert [decision.document for decision in flagged] == [str(number) for number in range(21, 60)]
    assert {(d.action, d.reason, d.keeper) for d in flagged} == {("flag", "near-duplicate", None)}
    assert result.report["flags"]["crowded"] == 39


def test_what_is_flagged_in_a_flood_is_counted_by_all_who_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "REACH", 20)
    corpus = [written(tmp_path, [{"id": str(number), "text": text} for number, text in enumerate(band_flood(60))])]
    config, decided = Config(max_loss=1, only=("articles",)), str(tmp_path / "decisions.jsonl")
    reports = [clean(corpus, str(tmp_path / "out.jsonl"), config, Run())]
    scan(corpus, decided, config, Run())
    reports.append(apply(decided, corpus, str(tmp_path / "applied.jsonl"), config, Run()))
    assert [report["flags"]["crowded"] for report in reports] == [39, 39]
    assert verify(corpus, str(tmp_path / "out.jsonl")).violations == []


def test_a_flood_hides_no_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A true near-duplicate meets its keeper in other bands, too, which the flood does not fill."""
    monkeypatch.setattr(cluster, "REACH", 20)
    flood = band_flood(200)
    copies = [text + " Nachtrag." for text in flood[:20]]
    texts = [{"id": str(number), "text": text} for number, text in enumerate(flood + copies)]
    result = dedup.clean(texts, max_loss=1, only=("articles",), keep="first")
    gone = {(d.document, d.keeper) for d in result.decisions if d.action == "drop"}
    assert gone == {(str(200 + number), str(number)) for number in range(20)}


def seconds_to_group(documents: int) -> float:
    """Group documents that share a sentence that is not common, and are no versions of each other."""
    one, widths = np.full(documents, 500), np.full(1, 30, np.int32)
    start = time.process_time()
    versions_kernels.group_versions(
        np.arange(documents), np.arange(documents + 1), np.zeros(documents, np.int32), widths, np.zeros(1, np.bool_),
        np.zeros(1, np.bool_), np.zeros(1, np.bool_), np.zeros(documents, np.int64), one, one, versions.LEAST_RESIDUAL,
        versions.LEAST_RESIDUAL_SHARE, versions.OWN_SHARE, versions.VERSION_SHARE, versions.VERSION_COLUMNS,
        versions.VERSION_COLUMNS_SHARE, versions.VERSION_REACH, versions.VERSION_MOST, np.empty(documents, np.int64),
    )  # fmt: skip
    return time.process_time() - start


def test_sentences_that_many_share_are_grouped_in_linear_time() -> None:
    seconds_to_group(10)
    assert seconds_to_group(64_000) <= 20 * seconds_to_group(8_000) + 0.25


def test_a_long_page_that_holds_many_short_ones_is_loaded_once() -> None:
    """Each was once compared with it anew, at the cost of the long one."""
    rng = random.Random(8)
    lines = [sentence(rng, 12) for _ in range(300)]
    texts = ["\n".join(lines), *("\n".join(lines[at : at + 2]) for at in range(0, 300, 2))]
    loaded = []
    load = StoredSets.load

    def counted(sets: StoredSets, rows: npt.NDArray[np.int64]) -> ShingleSets:
        found = load(sets, rows)
        loaded.append(len(found.hashes))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StoredSets, "load", counted)
        result = dedup.clean([{"id": str(number), "text": text} for number, text in enumerate(texts)], max_loss=1)
    assert result.report["flags"]["contained"] == 150
    assert sum(loaded) < 4 * max(loaded)


# Large


def test_a_line_of_100_megabytes_goes_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"Anfang\n" + b"abc defg. " * 10_000_000 + b"\nEnde\n")
    clean([str(path)], str(tmp_path / "out"), Config(max_loss=1), Run())
    restore(str(tmp_path / "out"), str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


# Memory


def test_no_kernel_reaches_past_its_arrays(tmp_path: Path) -> None:
    """Once more over the worst texts with every index checked; the kernels are compiled anew for it."""
    script = (
        "import dedup\n"
        "from tests.corpora import HOSTILE, SENTENCES\n"
        "from tests.test_hostile import FLOODS\n"
        "texts = [*HOSTILE, *SENTENCES, *(make(700) for make in FLOODS.values())]\n"
        "texts += [text[:-1] for text in texts] + [text + chr(0x10FFFF) for text in texts]\n"
        "documents = [{'id': str(n), 'text': text * 3, 'source': str(n % 3)} for n, text in enumerate(texts * 2)]\n"
        "assert dedup.clean(documents, max_loss=1, drop_contained=0.9).decisions\n"
    )
    environment = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    root = Path(__file__).resolve().parents[1]
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env=environment,
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, "")


def test_every_code_point_is_cleaned() -> None:
    """Each once inside a line, in batches of a plane, and again as a copy."""
    letters = unicode.load().packed
    assert len(letters) == 0x110000
    for plane in range(0, 0x110000, 0x10000):
        points = [chr(point) for point in range(plane, plane + 0x10000) if not 0xD800 <= point < 0xE000]
        text = "".join(f"a{point}b{point}\n" for point in points)
        assert dedup.clean_text(text).text is not None
        assert dedup.jaccard(text, text) == 1.0
