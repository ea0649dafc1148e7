"""Markdown: told by its signs, parsed whatever it holds, and nothing of it but paragraphs is a unit."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import numpy as np
import pyromark
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import dedup
from dedup.cli import main
from dedup.columns import Column
from dedup.kernels import markdown as kernels
from dedup.kernels.markdown import FIRM, PLAIN, SUBTLE
from dedup.markdown import find_markup
from dedup.segment import TERMINATED, Segments, segment
from tests import reference_markdown as reference
from tests.corpora import hostile_texts
from tests.gate_corpus import PLACES

PIECES = (
    *("#", "# ", "## ", "#######", "```", "~~~", "`", "|", "|-", "---", "===", "--", ":", "=", "[", "]", "](", "]:"),
    *("(", "<!--", "<!-", "-->", "x", "Der Rat tagt", "Der Rat tagt.", ' "', "\t", " ", "   ", "    ", "\n", "\n"),
    *("\n\n", "\r\n", "\r", "\ufeff", "+++", "...", "title: x", "x = 1", "- ", "1. ", "> ", "日本", "\x00", "\u2028"),
)
texts = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
    st.lists(st.sampled_from([*PIECES, "---\n", "+++\n", "title: x\n", "x = 1\n", "a\n", "\n"]), max_size=12).map(
        "\n".join
    ),
    hostile_texts(),
)
CASES = settings(max_examples=300, deadline=None, derandomize=True, database=None)


def segmented(*pages: str) -> tuple[Column, Segments]:
    column = Column.of(pages)
    return column, segment(column)


def signs(*pages: str) -> list[int]:
    column, segments = segmented(*pages)
    found = np.zeros(len(pages), np.uint8)
    kernels.find_markdown(
        column.data, segments.line_offsets, segments.line_start, segments.line_text_end, segments.line_width,
        segments.line_flags, found,
    )  # fmt: skip
    return [int(sign) for sign in found]


def units(page: str) -> list[str]:
    """The lines with words of a page that are units."""
    column, segments = segmented(page)
    markup = find_markup(column, segments)
    bounds = zip(segments.line_start, segments.line_text_end, segments.line_k0, markup, strict=True)
    return [column.data[start:end].tobytes().decode().strip() for start, end, key, apart in bounds if key and not apart]


# What looks like Markdown


@CASES
@given(st.lists(texts, max_size=4))
def test_signs_are_those_of_the_twin(pages: list[str]) -> None:
    column, segments = segmented(*pages)
    expected = []
    for first, last in itertools.pairwise(segments.line_offsets):
        rows = range(first, last)
        expected.append(
            reference.sign(
                [
                    reference.Line(
                        column.data[segments.line_start[row] : segments.line_text_end[row]].tobytes().decode(),
                        int(segments.line_width[row]),
                        bool(segments.line_flags[row] & TERMINATED),
                    )
                    for row in rows
                ]
            )
        )
    assert signs(*pages) == expected


@pytest.mark.parametrize(
    ("page", "sign"),
    [
        ("Der Rat tagt am Montag.\n\n- Haushalt\n- Brücke\n", PLAIN),
        ("1. FC Mooskalten gewinnt in Lindenfurt\n2. Bundesliga: der Rest\n", PLAIN),
        ("Heute bleibt es trocken.\n#wetter #lindenfurt\n", PLAIN),
        ("Der Rat tagt am Montag.\n---\nDer Markt fällt aus.\n", PLAIN),
        ("-- \nStadtbote Lindenfurt\n", PLAIN),
        ("[Anzeige]\nDer Rat tagt (am Montag).\n[Frage]: Warum erst jetzt?\n", PLAIN),
        ("a < b und a <! b\n", PLAIN),
        ("", PLAIN),
        ("## § 1 Geltung\n", FIRM),
        ("```sh\nmake\n```\n", FIRM),
        ("Der Hafen\n=========\n", FIRM),
        ("| Ort | Grad |\n|:---|---:|\n", FIRM),
        ("---\ntitle: Hafen\n---\n", FIRM),
        ("\ufeff+++\ntitle = 'Hafen'\n+++\n", FIRM),
        ("Mehr [im Heft](heft.md).\n", SUBTLE),
        ("Text\n<!-- intern -->\n", SUBTLE),
        ('[1]: heft.md "Heft"\n', SUBTLE),
    ],
)
def test_signs(page: str, sign: int) -> None:
    assert signs(page, page + "x" * 100, "x" * 100) == [sign, sign, PLAIN]


# What are units

FRONT = "---\ntitle: Die Fähre\n\ndescription: Wie die Fähre nach Wattholm fährt.\n---\n"


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("# Fähre\n\nSie fährt wieder.\n\nNach Wattholm\n", ["Sie fährt wieder.", "Nach Wattholm"]),
        (FRONT + "\nSie fährt wieder.\n", ["Sie fährt wieder."]),
        ("\ufeff" + FRONT + "\nSie fährt wieder.\n", ["Sie fährt wieder."]),
        ("+++\ntitle = 'Fähre'\n+++\nSie fährt wieder.\n", ["Sie fährt wieder."]),
        ("---\ntitle: Fähre\n...\nSie fährt wieder.\n", ["Sie fährt wieder."]),
        (FRONT.replace("\n", "\r\n") + "Sie fährt wieder.\r\n", ["Sie fährt wieder."]),
        ("Die Fähre\n===\n\nDer Plan\n---\n\nSie fährt.\n", ["Sie fährt."]),
        ("# F\n\n- Eins\n\n  Mehr zu eins.\n- Zwei\nund weiter.\n\n1) Drei\n\nEnde.\n", ["Ende."]),
        ("# F\n\n```\nDie Fähre fährt.\n\nUm acht.\n```\nEnde.\n", ["Ende."]),
        ("# F\n\n    Die Fähre fährt.\n\n\tUm acht.\n\nEnde.\n", ["Ende."]),
        ("<!-- Nur intern.\n\nNicht zeigen. -->\n\nEnde.\n", ["Ende."]),
        ("# F\n\n![Die Fähre](a.png)\n\n[![Stand](b.svg)](c) [Plan][p] **[Karte](k)**\n\nEnde.\n\n[p]: plan.md\n",
         ["Ende."]),
        ("# F\n\n<https://a.example/x> https://b.example\n\n{{< karte nr=3 >}}\n\n{% include fuss.html %}\n\nEnde.\n",
         ["Ende."]),
        ("# F\n\nMehr [im Plan](plan.md).\n", ["Mehr [im Plan](plan.md)."]),
        ("| Ort | Grad |\n|---|---|\n| Veitl | 12 |\n\nEnde.\n", ["Ende."]),
        ("# F\n\n> Sie fährt wieder.\n\nEnde.\n\n* * *\n", ["Ende."]),
        ("# F\n\nSiehe unten.[^1]\n\n[^1]: Nur im Sommer.\n", ["Siehe unten.[^1]"]),
        ("# F\n\nDie Fähre fährt wieder von Nordersiel\nnach Wattholm.\n", []),
        ("# F\n\nSie wartet in der Hauptstr.\nBitte läuten\n", []),
        ("# F\nSie fährt wieder.\nDer Preis bleibt.\n", ["Sie fährt wieder.", "Der Preis bleibt."]),
        ("# F\n\nDer Plan:\n\nSo geht es\n\n- Eins\n\nSo ist es.\n\n- Zwei\n", ["So ist es."]),
        ("# F\n\nEnde\n\n# G\n\nNoch ein Ende\n", ["Ende", "Noch ein Ende"]),
        ("Mehr [im Plan](plan.md).\n\nEnde.\n\n- Eins\n", ["Ende."]),
        ("Sie fährt.\n\n- Eins\n- Zwei\n", ["Sie fährt.", "- Eins", "- Zwei"]),
    ],
)  # fmt: skip
def test_units(page: str, expected: list[str]) -> None:
    assert units(page) == expected


def test_a_text_is_read_alike_whatever_stands_around_it() -> None:
    pages = [FRONT + "\nSie fährt wieder.\n", "", "Ohne alles.\n- x\n", "# F\n\n- Eins\n\nEnde.\n", "x" * 70]
    column, segments = segmented(*pages)
    alone = [find_markup(*segmented(page)).tolist() for page in pages]
    assert find_markup(column, segments).tolist() == list(itertools.chain.from_iterable(alone))


# Whatever it holds


@CASES
@given(texts, texts)
def test_no_text_fails(page: str, other: str) -> None:
    column, segments = segmented(page, "# F\n\n" + other)
    assert len(find_markup(column, segments)) == len(segments.line_start)


@pytest.mark.parametrize(
    "piece",
    ["[", "[a](", "![", ">", "> ", "`", "~", "*a **b ", "*a _b ", "<!--", "<", "- ", "1. ", "|a", "\\", "&a", "\0",
     "{{", "{%", "\t", "# a\n", "> > a\n", "- a\n  ", "[a]: b\n", "|a|b|\n", "```\n", "a\n==\n", "[^1]: a\n\n"],
)  # fmt: skip
def test_time_is_bounded(piece: str) -> None:
    """A megabyte of anything takes a second or two; in time that grows with the square it would take hours."""
    column, segments = segmented("# F\n\n|a|b|\n|-|-|\n\n" + piece * (1_000_000 // len(piece)) + "\n\nEnde.\n")
    start = time.process_time()
    find_markup(column, segments)
    assert time.process_time() - start < 20


class PanicException(BaseException):
    """What a panic in Rust is called in Python."""


@pytest.mark.parametrize("error", [ValueError, PanicException])
def test_where_the_parser_fails_nothing_is_a_unit(error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(pyromark, "events_with_range", fail)
    assert units("# F\n\nEnde.\n") == []
    assert units("Ende.\n") == ["Ende."]


def test_an_interruption_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pyromark, "events_with_range", stop)
    with pytest.raises(KeyboardInterrupt):
        units("# F\n\nEnde.\n")


# What it is for

YAML = "---\ntitle: {title}\ndescription: Alles, was man zu diesem Thema wissen muss.\nlayout: guide\n---\n\n"
TOML = "+++\ntitle = '{title}'\ndescription = 'Alles, was man zu diesem Thema wissen muss.'\nlayout = 'guide'\n+++\n\n"
PAGE = """# {title}

<!-- Bitte nur in der Vorlage ändern. -->

In {place} gibt es den Punkt {number}, und {word} steht gleich daneben am Weg {number}.

## Was man braucht

- Ein Konto im Netz der Fähre
- Eine Karte mit Guthaben

```sh
faehre buchen --nach {word}
```

![Der Plan der Fähre](plan.png)

Siehe auch
----------

| Ort | Preis in Euro |
|---|---|
| Wattholm | 12 |
"""


def write_docs(front: str, count: int, more: str = "") -> None:
    folder = Path("docs")
    folder.mkdir()
    for number in range(count):
        title, place = f"Seite {number}", PLACES[number % len(PLACES)]
        page = (front + PAGE).format(title=title, place=place, number=number, word=f"steg{number}")
        (folder / f"seite-{number:02}.md").write_text(page + more, encoding="utf-8")


def check(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["check", "docs", *arguments], prog_name="dedup")
    return result.exit_code, result.output


@pytest.mark.parametrize("front", [YAML, TOML], ids=["YAML", "TOML"])
def test_check_passes_pages_that_share_all_but_their_paragraphs(
    front: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_docs(front, 40)
    code, output = check()
    assert (code, "boilerplate: 0 " in output) == (0, True), output


def test_check_still_finds_paragraphs_and_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    foot = "\nFragen beantwortet die Redaktion der Fährdocks gern auch am Telefon.\n\nWir danken für jeden Hinweis.\n"
    write_docs(YAML, 40, foot)
    page = Path("docs/seite-07.md").read_text(encoding="utf-8")
    Path("docs/seite-99.md").write_text(page, encoding="utf-8")
    code, output = check()
    assert code == 1
    assert "seite-99.md:1: has the text of docs/seite-07.md" in output
    boilerplate = [line for line in output.splitlines() if "is boilerplate of" in line]
    assert any("“Fragen beantwortet die Redaktion" in line for line in boilerplate)


def test_cleaning_twice_changes_nothing_where_the_only_link_is_in_a_copy() -> None:
    page = "Die Fähre nach Wattholm fährt wieder.\n\nDie [Fähre]() nach Wattholm fährt wieder.\n\n"
    once = dedup.clean([page + "- Ein Punkt der Liste von gestern\n\n" * 2]).kept
    assert dedup.clean(once).kept == once
