"""HTML pages and web archives come in as JSON Lines: one document a page, in the words of the page."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dedup import jobs
from dedup.cli import main
from dedup.config import Config
from dedup.errors import EngineError, InputError
from dedup.undo import restore

pytest.importorskip("trafilatura", reason="needs the extra 'html'")
pytest.importorskip("resiliparse", reason="needs the extra 'html'")
warcwriter = pytest.importorskip("warcio.warcwriter", reason="needs the extra 'warc'")
statusandheaders = pytest.importorskip("warcio.statusandheaders")

from dedup.formats.pages import decode, lines_of, text_of  # noqa: E402

PARAGRAPHS = [
    "Der Gemeinderat von Lindenfurt hat am Montag nach langer Debatte den Bau der neuen Brücke beschlossen.",
    "Die Kosten belaufen sich auf zwölf Millionen Euro, sagte die Bürgermeisterin nach der Sitzung.",
    "Baubeginn ist im Mai, und bis dahin sollen alle Anrainer gehört werden.",
]
COOKIES = "Diese Seite speichert Cookies, um Inhalte zu verbessern."


def page(*paragraphs: str, head: str = "", body: str = "") -> str:
    text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f"<!doctype html><html><head><title>Brücke</title>{head}<script>var Spur = 1</script></head>"
        f"<body><div class=banner>{COOKIES}</div><nav><a href=/>Start</a></nav>"
        f"<article><h1>Brücke beschlossen</h1>{text}{body}</article><footer>Impressum</footer></body></html>"
    )


def archive(*records: tuple[str, str, bytes, list[tuple[str, str]]], zipped: bool = True) -> bytes:
    """A WARC of records: type, URL, body, and the headers of HTTP or, of a conversion, nothing."""
    out = io.BytesIO()
    writer = warcwriter.WARCWriter(out, gzip=zipped)
    for kind, url, body, headers in records:
        http = statusandheaders.StatusAndHeaders("200 OK", headers, protocol="HTTP/1.1") if headers else None
        mime = "" if http else "text/plain"
        writer.write_record(
            writer.create_warc_record(
                url, kind, payload=io.BytesIO(body), http_headers=http, warc_content_type=mime, length=len(body)
            )
        )
    return out.getvalue()


def html_record(url: str, markup: str, *headers: tuple[str, str]) -> tuple[str, str, bytes, list[tuple[str, str]]]:
    return "response", url, markup.encode(), [("Content-Type", "text/html; charset=utf-8"), *headers]


def clean(source: Path, target: Path, **options: Any) -> dict[str, Any]:
    return jobs.clean([str(source)], str(target), Config(**options), jobs.Run())


def records_of(path: Path) -> list[dict[str, Any]]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.splitlines()]


# Pages


def test_the_article_is_taken_and_the_frame_is_not() -> None:
    text, extraction = text_of(page(*PARAGRAPHS), "article")
    assert extraction == "article"
    assert all(paragraph in text for paragraph in PARAGRAPHS)
    assert "Impressum" not in text
    assert "Spur" not in text


def test_lines_are_all_that_is_visible_one_block_a_line() -> None:
    body = "<p hidden>unsichtbar</p><p>eins<br>zwei</p><table><tr><td>A<td>1<tr><td>B<td>2</table>"
    found = lines_of(page(PARAGRAPHS[0], body=body)).splitlines()
    assert found[:4] == [COOKIES, "Start", "Brücke beschlossen", PARAGRAPHS[0]]
    assert {"eins", "zwei", "Impressum"} < set(found)
    assert not any("unsichtbar" in line or "Spur" in line or "Brücke</title>" in line for line in found)


def test_a_page_without_an_article_gives_its_lines() -> None:
    assert text_of("<body><p>Nur ein Satz.", "article") in (
        ("Nur ein Satz.", "article"),
        ("Nur ein Satz.", "lines"),
    )
    assert text_of("<body><nav>Start</nav>", "article") == ("Start", "lines")
    assert text_of("", "article") == ("", "lines")


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        ("Brücke – „gut“".encode(), None),
        ("Brücke – „gut“".encode("utf-16"), None),
        ("Brücke – „gut“".encode("cp1252"), "iso-8859-1"),
        ('<meta charset="windows-1252">Brücke – „gut“'.encode("cp1252"), None),
        ('<meta http-equiv=Content-Type content="text/html; charset=utf-8">Brücke – „gut“'.encode(), None),
        ("Brücke – „gut“".encode(), "no-such-encoding"),
    ],
)
def test_a_page_is_decoded_as_a_browser_would(data: bytes, charset: str | None) -> None:
    assert decode(data, charset).endswith("Brücke – „gut“")


def test_bytes_that_are_no_text_still_give_text() -> None:
    assert decode(bytes(range(256)) * 4)
    assert decode(b"\xff\xfe\xff", None) is not None


# Files and folders


def test_a_folder_of_pages_comes_out_as_json_lines(tmp_path: Path) -> None:
    site = tmp_path / "site" / "stadtbote.example"
    site.mkdir(parents=True)
    (site / "a.html").write_text(page(*PARAGRAPHS), encoding="utf-8")
    (site / "b.HTM").write_text(page(*PARAGRAPHS), encoding="utf-8")
    (site / "c.html.gz").write_bytes(gzip.compress(page("Etwas ganz anderes geschah am Dienstag.").encode()))
    report = clean(tmp_path / "site", tmp_path / "out", extract="lines")
    assert report["documents"] == {"read": 3, "kept": 2, "edited": 0, "dropped": 1, "rejected": 0}
    folder = tmp_path / "out" / "stadtbote.example"
    assert sorted(path.name for path in folder.iterdir()) == ["a.html.jsonl", "b.HTM.jsonl", "c.html.jsonl.gz"]
    kept = records_of(folder / "a.html.jsonl") + records_of(folder / "b.HTM.jsonl")
    (record,) = kept
    assert record["source"] == "stadtbote.example"
    assert record["id"].startswith("stadtbote.example/")
    assert set(PARAGRAPHS) < set(record["text"].splitlines())


def test_restore_gives_what_was_extracted(tmp_path: Path) -> None:
    articles = [page(*PARAGRAPHS), page(*PARAGRAPHS), page("Etwas anderes, das lang genug ist. " * 2)]
    data = archive(*(html_record(f"https://a.example/{i}", text) for i, text in enumerate(articles)))
    (tmp_path / "crawl.warc.gz").write_bytes(data)
    clean(tmp_path / "crawl.warc.gz", tmp_path / "out.jsonl", extract="lines")
    assert len(records_of(tmp_path / "out.jsonl")) == 2
    restore(str(tmp_path / "out.jsonl"), str(tmp_path / "back.jsonl"))
    assert [record["id"] for record in records_of(tmp_path / "back.jsonl")] == [
        f"https://a.example/{i}" for i in range(3)
    ]
    assert (tmp_path / "crawl.warc.gz").read_bytes() == data


def test_two_files_that_would_be_written_to_one_place_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.html").write_text(page(*PARAGRAPHS), encoding="utf-8")
    (tmp_path / "in" / "a.html.jsonl").write_text('{"text": "x"}\n', encoding="utf-8")
    with pytest.raises(Exception, match="would both be called"):
        clean(tmp_path / "in", tmp_path / "out")


# Archives


def test_a_response_is_a_document(tmp_path: Path) -> None:
    (tmp_path / "crawl.warc.gz").write_bytes(
        archive(
            html_record("https://www.A.example/1", page(*PARAGRAPHS)),
            ("response", "https://a.example/logo.png", b"\x89PNG", [("Content-Type", "image/png")]),
            ("response", "https://a.example/robots.txt", "Nur für Menschen".encode(), [("Content-Type", "text/plain")]),
            ("metadata", "https://a.example/1", b"fetchTimeMs: 3", []),
            html_record("https://b.example/2", page("Am Dienstag wurde gewählt, und alle gingen hin.")),
        )
    )
    report = clean(tmp_path / "crawl.warc.gz", tmp_path / "out.jsonl")
    found = records_of(tmp_path / "out.jsonl")
    assert [record["id"] for record in found] == [
        "https://www.A.example/1",
        "https://a.example/robots.txt",
        "https://b.example/2",
    ]
    assert [record["source"] for record in found] == ["a.example", "a.example", "b.example"]
    assert found[0]["status"] == 200
    assert found[0]["date"]
    assert found[1]["text"] == "Nur für Menschen"
    assert report["documents"]["read"] == 3


def test_a_conversion_of_a_wet_file_is_a_document(tmp_path: Path) -> None:
    (tmp_path / "crawl.wet.gz").write_bytes(archive(("conversion", "https://a.example/1", "Über Text".encode(), [])))
    clean(tmp_path / "crawl.wet.gz", tmp_path / "out.jsonl")
    (record,) = records_of(tmp_path / "out.jsonl")
    assert (record["id"], record["source"], record["text"]) == ("https://a.example/1", "a.example", "Über Text")


@pytest.mark.parametrize(
    ("body", "header"),
    [
        (gzip.compress(page(*PARAGRAPHS).encode()), ("Content-Encoding", "gzip")),
        (b"%x\r\n%s\r\n0\r\n\r\n" % (len(page(*PARAGRAPHS).encode()), page(*PARAGRAPHS).encode()),
         ("Transfer-Encoding", "chunked")),
    ],
)  # fmt: skip
def test_a_body_is_decoded_as_its_headers_say(tmp_path: Path, body: bytes, header: tuple[str, str]) -> None:
    record = ("response", "https://a.example/1", body, [("Content-Type", "text/html"), header])
    (tmp_path / "crawl.warc").write_bytes(archive(record, zipped=False))
    clean(tmp_path / "crawl.warc", tmp_path / "out.jsonl")
    assert PARAGRAPHS[1] in records_of(tmp_path / "out.jsonl")[0]["text"]


def test_a_body_that_cannot_be_decoded_is_one_bad_record(tmp_path: Path) -> None:
    bad = ("response", "https://a.example/1", b"no brotli", [("Content-Type", "text/html"), ("Content-Encoding", "br")])
    (tmp_path / "crawl.warc.gz").write_bytes(archive(bad, html_record("https://a.example/2", page(*PARAGRAPHS))))
    with pytest.raises(InputError, match=r"crawl\.warc\.gz:1: no field 'text'.*error"):
        clean(tmp_path / "crawl.warc.gz", tmp_path / "out.jsonl")
    report = jobs.clean(
        [str(tmp_path / "crawl.warc.gz")], str(tmp_path / "out.jsonl"), Config(), jobs.Run(on_error="skip")
    )
    assert report["documents"]["rejected"] == 1
    assert [record["id"] for record in records_of(tmp_path / "out.jsonl")] == ["https://a.example/2"]


@pytest.mark.parametrize("zipped", [True, False])
def test_an_archive_that_ends_too_early_is_an_error_wherever_it_ends(tmp_path: Path, zipped: bool) -> None:
    data = archive(*(html_record(f"https://a.example/{i}", page(*PARAGRAPHS)) for i in range(2)), zipped=zipped)
    half = len(data) // 2
    # An archive that ends behind a member is whole, as far as anybody can see.
    whole = {match.start() for match in re.finditer(b"\x1f\x8b\x08", data)} if zipped else set[int]()
    for end in {*range(1, 60, 7), *range(half - 40, half, 9), *range(half + 1, half + 200, 23), len(data) - 5} - whole:
        path = tmp_path / ("crawl.warc.gz" if zipped else "crawl.warc")
        path.write_bytes(data[:end])
        with pytest.raises(InputError, match=r"[Ff]etch"):
            clean(path, tmp_path / "out.jsonl")
        assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("data", [b"", b"no archive\n", b"\0" * 1000, b"WARC/1.0\r\n\r\n\r\n\r\n"])
def test_what_is_no_archive_is_an_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "crawl.warc").write_bytes(data)
    with pytest.raises(InputError, match=r"crawl\.warc: WARC record 1 is damaged"):
        clean(tmp_path / "crawl.warc", tmp_path / "out.jsonl")


def test_an_archive_is_read_from_standard_input(tmp_path: Path) -> None:
    data = archive(html_record("https://a.example/1", page(*PARAGRAPHS)), zipped=False)
    command = [
        sys.executable,
        "-c",
        "from dedup.cli import main; main()",
        "clean",
        "-q",
        "--format",
        "warc",
        "-",
        "-o",
        "-",
    ]
    done = subprocess.run(command, input=data, capture_output=True, check=True, env=os.environ)
    assert json.loads(done.stdout)["id"] == "https://a.example/1"


# Options


def test_extract_is_an_option_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.html").write_text(page(*PARAGRAPHS), encoding="utf-8")
    for extraction, has_frame in (("article", False), ("lines", True)):
        main(["clean", "-q", "a.html", "-o", f"{extraction}.jsonl", "--extract", extraction], standalone_mode=False)
        (record,) = records_of(Path(f"{extraction}.jsonl"))
        assert record["extraction"] == extraction
        assert ("Impressum" in record["text"]) == has_frame


def test_without_the_library_the_message_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "warcio.archiveiterator", None)
    (tmp_path / "crawl.warc").write_bytes(b"")
    with pytest.raises(EngineError, match=r"warcio.*corpus-dedup\[warc\]"):
        clean(tmp_path / "crawl.warc", tmp_path / "out.jsonl")
