"""Texts and corpora that tests draw from: real-looking, hostile, and made to a wanted similarity."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from dedup.model import Wanted
from dedup.readers import Corpus

Document = dict[str, Any]

SENTENCES = (
    "Die Brücke über den Fluss wurde am Samstag feierlich eröffnet.",
    "Am 3. Dezember 2025 kamen rund 400 Menschen in die Messehalle.",
    "The council voted 7 to 5 against the motion late on Monday night.",
    "Городской совет вчера утвердил бюджет на следующий год без поправок.",
    "市议会星期一批准了新大桥的建设计划。",
    "市議会は月曜日に新しい橋の建設を承認しました。",
    "시의회는 월요일에 새 다리 건설을 승인했습니다.",
    "وافق مجلس المدينة يوم الاثنين على بناء الجسر الجديد فوق النهر.",
    "สภาเมืองอนุมัติการก่อสร้างสะพานใหม่เมื่อวันจันทร์",
    "नगर परिषद ने सोमवार को नए पुल के निर्माण को मंज़ूरी दी।",
    "Η πόλη γιόρτασε χθες το βράδυ την επέτειο της με μεγάλη συναυλία.",
    "Hội đồng thành phố đã phê duyệt việc xây cầu mới vào thứ hai.",
)
"""One claim a script: Latin, Cyrillic, Han, kana, Hangul, Arabic, Thai, Devanagari, Greek, Vietnamese."""

HOSTILE = (
    *(
        "",
        " ",
        "\n",
        "\r\n",
        "\n\n",
        "\t",
        "a",
        "Ja",
        "5",
        "5 %",
        "-5",
        "½",
        "™",
        "ﬁ",
        "ſt",
        "ß",
        "ẞ",
        "İ",
        "ǆ",
        "Å",
        "Ω",
    ),
    *(
        "e\u0301",
        "e\u0323\u0301",
        "e\u0301\u0323",
        "\u0301",
        "\u0301\u0323",
        "\u0323a",
        "漢\u0301字",
        "か\u3099",
        "が",
        "ｶﾞ",
    ),
    *(
        "\u00ad",
        "\u200b",
        "\u200d",
        "\ufeff",
        "\u034f",
        "\ufe0f",
        "👩\u200d👩\u200d👧",
        "🇦🇹",
        "①",
        "㍿",
        "ﷺ",
        "１２３",
        "x\u20dd",
    ),
    *(
        "€",
        "+",
        "<b>",
        "a|b",
        "a~b",
        "_",
        "a_b",
        "it's",
        "l’été",
        "\x00",
        "\x85",
        "\u2028",
        "\U0001d400",
        "각",
        "각",
    ),
    "Z" + "\u0301\u0300\u0323\u0316" * 8,
)
"""What breaks tokenisers: nothing, ligatures, marks in and out of order, invisible characters, symbols."""

SYLLABLES = [
    "ba",
    "de",
    "fi",
    "go",
    "lu",
    "ma",
    "ne",
    "po",
    "ri",
    "sa",
    "ta",
    "wu",
    "kel",
    "mer",
    "tin",
    "zau",
]


def word(rng: random.Random) -> str:
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 4)))


def sentence(rng: random.Random, words: int = 9) -> str:
    """Return a sentence that no other call returns again, for all practical purposes."""
    return " ".join(word(rng) for _ in range(words)).capitalize() + "."


def article(rng: random.Random, lines: int = 4, sentences: int = 3) -> str:
    return "".join(" ".join(sentence(rng) for _ in range(sentences)) + "\n" for _ in range(lines))


def edited(rng: random.Random, text: str, share: float) -> str:
    """Return a text with about this share of its words replaced, line breaks untouched."""
    parts = text.split(" ")
    for place in rng.sample(range(len(parts)), round(share * len(parts))):
        head, line_end, tail = parts[place].partition("\n")
        parts[place] = word(rng) + line_end + (tail if head else word(rng))
    return " ".join(parts)


HEADS = (
    *("Wir verwenden Cookies, um Inhalte und Anzeigen zu verbessern.", "Veröffentlicht am {day}.12.2025", "Startseite"),
    *("Politik und Wirtschaft", "Kultur", "Hafenpost bestellen"),
)
FEET = (
    *("Teilen", "Drucken", "Merken", "Lesen Sie auch: {title}", "Zur Startseite", "Impressum und Datenschutz"),
    "© 2025 Hafenpost Verlag. Alle Rechte vorbehalten.",
)
ODD = ("", " ", "\n", "Ja.", "Ja", "Ja!\n", "5", "5 %", "…", "\u200b", "½ ™", "Kurze Meldung ohne Text")


def site(rng: random.Random, source: str, articles: int, prefix: str = "") -> list[Document]:
    """Return articles of one source, each different, each in the same boilerplate."""

    def dressed(number: int) -> str:
        fill = {"day": number + 1, "title": sentence(rng, 4).rstrip(".")}
        head, foot = ("".join(f"{line}\n" for line in lines).format(**fill) for lines in (HEADS, FEET))
        return f"{sentence(rng, 5).rstrip('.')}\n{head}{article(rng)}{foot}"

    return [
        {"id": f"{prefix}{source}/{number}", "source": source, "text": dressed(number)} for number in range(articles)
    ]


LISTED = tuple(f"Hinweis {number}: {sentence(random.Random(number), 12)}" for number in range(12))
"""Lines that the user lists as boilerplate."""


def unevenly_cut(seed: int) -> list[Document]:
    """Documents of which what is stored is equal, or what came, or neither, with `LISTED` as known boilerplate."""
    rng = random.Random(seed)
    # So many lines recur that they go from one site, and not from its copies elsewhere.
    foot = "".join(f"{sentence(rng, 12)}\n" for _ in range(4))
    pages = [article(rng) + foot for _ in range(8)]
    found = [{"source": "www.stadtbote.example", "text": page} for page in pages]
    found += [{"source": "stadtbote.example", "text": page} for page in pages[:2]]
    found.append({"source": "spiegelung.example", "text": pages[1].upper().replace("\n", "\n\n")})
    found += [{"source": "www.stadtbote.example", "text": edited(rng, page, 0.01)} for page in pages[1:3]]
    found.append({"source": "stadtbote.example", "text": pages[2]})
    # The same is left, but little of what they said; then most of it; then nothing that could be compared.
    core, short = article(rng), "Ja, gerne."
    for text, lines in ((core, LISTED[:6]), (core, LISTED[6:]), (core, LISTED[6:7]), (core, LISTED[6:7]),
                        (short, LISTED[:1]), (short, LISTED[1:2]), (short, LISTED[:1]), (short, ())):  # fmt: skip
        found.append({"source": "archiv.example", "text": "\n".join([text.strip(), *lines])})
    return [{"id": f"{number}", **document} for number, document in enumerate(found)]


def framed(seed: int) -> list[Document]:
    """Twelve pages of a site that lose their frame, and two of another one that is too small to have any.

    `l0` is `m0` with a word changed; `l1` shares no more than the frame.
    """
    rng = random.Random(seed)
    frame = [f"{sentence(rng, 6)}\n" for _ in range(8)]
    texts = [article(rng, 6) for _ in range(13)]
    parts = texts[0].split(" ")
    parts[40] = "Umgehungsstraße"
    pages = [("mooskalten.example", f"m{n}", text) for n, text in enumerate(texts[:12])]
    pages += [("lindenfurt.example", "l0", " ".join(parts)), ("lindenfurt.example", "l1", texts[12])]
    return [
        {"id": name, "source": source, "text": "".join([*frame[:4], text, *frame[4:]])} for source, name, text in pages
    ]


@st.composite
def hostile_texts(draw: st.DrawFn) -> str:
    """Any mixture of the above and of arbitrary characters that were assigned long ago."""
    pieces = st.one_of(
        st.sampled_from(HOSTILE),
        st.sampled_from(SENTENCES),
        st.sampled_from(SENTENCES).map(lambda text: text[len(text) // 3 : len(text) // 2]),
        st.text(st.characters(max_codepoint=0x33FF, exclude_categories=["Cs", "Cn"]), max_size=6),
    )
    joint = draw(st.sampled_from(["", " ", "\n"]))
    return joint.join(draw(st.lists(pieces, max_size=8)))


@st.composite
def corpora(draw: st.DrawFn) -> list[Document]:
    """A few documents of two sources that share lines, sentences and articles, with odd ones in between."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    documents = site(rng, "a.example", draw(st.integers(0, 8))) + site(rng, "b.example", draw(st.integers(0, 3)))
    originals = len(documents)
    for number in range(draw(st.integers(0, 6))):
        how = draw(st.sampled_from(["copy", "case", "edit", "grow", "shrink"]))
        if not originals:
            break
        original = documents[draw(st.integers(0, originals - 1))]
        text = original["text"]
        text = {
            "copy": text,
            "case": text.upper().replace("\n", "\r\n"),
            "edit": edited(rng, text, draw(st.sampled_from([0.01, 0.03, 0.1]))),
            "grow": text + sentence(rng) + "\n",
            "shrink": text[: 3 * len(text) // 4],
        }[how]
        documents.append({"id": f"again/{number}", "source": original["source"], "text": text})
    for number, text in enumerate(draw(st.lists(st.sampled_from(ODD), max_size=5))):
        documents.append({"id": f"odd/{number}", "source": "a.example", "text": text})
    for document in documents:
        if draw(st.integers(0, 3)) == 0:
            document["text"] = repeating(draw, document["text"])
        if draw(st.integers(0, 7)) == 0:
            document["text"] += draw(repetitive_texts())
    if not documents:
        documents.append({"id": "only", "source": "", "text": draw(hostile_texts())})
    return draw(st.permutations(documents))


PHRASES = (
    "Die Brücke wurde am Samstag eröffnet.",
    "Hunderte kamen trotz des Regens ans Ufer!",
    "DIE BRÜCKE WURDE AM SAMSTAG ERÖFFNET",
    "„Das war höchste Zeit“, sagte der Fährmann.",
    "Die Lage am Montag",
    "Rund 400 Gäste feierten bis Mitternacht",
    "Ja.",
    "市议会星期一批准了新大桥的建设计划。",
    "\u00a0",
)
"""Wide ones, one that only follows its copy as a repeat, one that is never one."""

CREDITS = ("", "", "", " (Foto: dpa)", " [Bild: apa].", " (62)", " ( )")
CREDIT_WORDS = {"foto", "dpa", "bild", "apa"}
JOINTS = (" ", "\n", "\n", "\n\n", "\r\n", " \n", "\u2028", "\t")


@st.composite
def repetitive_texts(draw: st.DrawFn) -> str:
    """A text of few phrases, in lines and in paragraphs, with and without credits."""
    parts = st.tuples(st.sampled_from(PHRASES), st.sampled_from(CREDITS), st.sampled_from(JOINTS))
    return "".join("".join(part) for part in draw(st.lists(parts, max_size=14)))


def repeating(draw: st.DrawFn, text: str) -> str:
    """Say a line or two of a text again."""
    lines = text.splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 2))):
        if lines:
            lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(lines)))
    return "".join(lines)


def written(folder: Path, documents: list[Document]) -> str:
    """Write documents as JSON Lines and return the path."""
    lines = [json.dumps(document, ensure_ascii=False) + "\n" for document in documents]
    (folder / "news.jsonl").write_text("".join(lines), encoding="utf-8")
    return str(folder / "news.jsonl")


def rows(corpus: Corpus, wanted: Wanted | None = None) -> list[tuple[object, ...]]:
    """What a corpus yields of its documents, all of them or the wanted ones."""
    return [
        row
        for batch in corpus.batches(wanted)
        for row in zip(
            batch.records.tolist(), batch.texts, batch.ids, batch.sources, batch.digests.tolist(), strict=True
        )
    ]
