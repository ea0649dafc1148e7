"""Sources: what fields, addresses, folders and files say, and how the report tells where they came from."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import dedup
from dedup import jobs
from dedup.cli import main
from dedup.columns import Column
from dedup.config import Config
from dedup.formats.sites import NOWHERE, Site, Way, folder_host, named, named_all, site_of_file, source_of
from dedup.readers import open_corpus
from dedup.verify.run import verify
from tests import corpora

NOTICE = "Diese Seite speichert Cookies, damit der Kahn nicht kentert."
MENU = "Häfen, Fähren und Kähne"
WARNING = "name no source, so that boilerplate is counted by the folder or file they are in"


def article(number: int) -> str:
    """A page of a site: a notice that all have, and lines of its own."""
    return f"{NOTICE}\n{MENU}\n{corpora.article(random.Random(number))}"


def sources(folder: Path, *inputs: Path, config: Config | None = None) -> list[Site]:
    """Read inputs; return what their documents have for a source."""
    work = folder / ".work"
    work.mkdir(exist_ok=True)
    corpus = open_corpus([str(path) for path in inputs], config or Config(), work=work)
    return [
        Site(name, Way(way))
        for batch in corpus.batches()
        for name, way in zip(batch.sources, batch.ways.tolist(), strict=True)
    ]


def write(path: Path, text: str = "Text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def as_jsonl(path: Path, records: list[dict[str, Any]]) -> Path:
    return write(path, "".join(f"{json.dumps(record)}\n" for record in records))


def as_csv(path: Path, records: list[dict[str, Any]]) -> Path:
    names = list(records[0])
    rows = [names, *([str(record[name]) for name in names] for record in records)]
    return write(path, "".join(f"{','.join(row)}\n" for row in rows))


def as_parquet(path: Path, records: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(records), path)
    return path


FORMATS = {"jsonl": as_jsonl, "csv": as_csv, "parquet": as_parquet}


# Names


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("https://www.stadtbote.example/2025/11/05/a.html?b#c", "stadtbote.example"),
        ("HTTP://Stadtbote.Example:8080", "stadtbote.example"),
        ("www.stadtbote.example", "stadtbote.example"),
        ("WWW.Stadtbote.example:80", "stadtbote.example"),
        ("Stadtbote.example", "Stadtbote.example"),
        ("www. Zeitung", "www. Zeitung"),
        ("http://", "http://"),
        ("httpd", "httpd"),
        ("s3://www.stadtbote.example/a", "s3://www.stadtbote.example/a"),
        ("Stadtbote", "Stadtbote"),
        ("w", "w"),
        ("", ""),
    ],
)
def test_a_field_names_a_source_or_its_address(value: str, source: str) -> None:
    assert named(value) == source
    column = Column.of(["xx", value, "www.a.example", "yy"])
    for first, last, expected in ((1, 3, [source, "a.example"]), (1, 2, [source]), (1, 1, [])):
        assert list(named_all(Column(column.data, column.offsets[first : last + 1]))) == expected


@pytest.mark.parametrize(
    ("folder", "host"),
    [
        ("www.stadtbote.example", "stadtbote.example"),
        ("Stadtbote.Example", "stadtbote.example"),
        ("stadtbote.example:8080", "stadtbote.example"),
        ("stadtbote.example+8080", "stadtbote.example"),
        ("bücher.example", "bücher.example"),
        ("xn--bcher-kva.xn--p1ai", "xn--bcher-kva.xn--p1ai"),
        ("v1.2", ""),
        ("2025.11", ""),
        ("stadtbote", ""),
        ("a..example", ""),
        (".example", ""),
        ("example.", ""),
        ("a b.example", ""),
        ("node.d", ""),
        ("", ""),
    ],
)
def test_a_folder_is_called_like_a_host_or_not(folder: str, host: str) -> None:
    assert folder_host(folder) == host


@pytest.mark.parametrize(
    ("name", "root", "is_document", "site"),
    [
        ("www.a.example/2025/11/05/slug/index.html", "mirror", True, Site("a.example", Way.HOST)),
        ("mirror/a.example/x/b.example/y.txt", "c.example", True, Site("a.example", Way.HOST)),
        ("2025/a.txt", "www.a.example", True, Site("a.example", Way.HOST)),
        ("a.txt", "www.a.example", True, Site("a.example", Way.HOST)),
        ("notes.md", "texts", True, Site("", Way.FOLDER)),
        ("v1.2/notes.md", "texts", True, Site("v1.2", Way.FOLDER)),
        ("a.example", "texts", True, Site("", Way.FOLDER)),
        ("a.example/part.jsonl", "crawl", False, Site("a.example", Way.HOST)),
        ("deep/part.jsonl", "my.corpus", False, Site("deep", Way.FILE)),
        ("part.jsonl", "my.corpus", False, Site("part.jsonl", Way.FILE)),
    ],
)
def test_where_a_file_is_says_the_source(name: str, root: str, is_document: bool, site: Site) -> None:
    assert site_of_file(name, name.rpartition("/")[0], root, is_document=is_document) == site


def test_what_is_said_first_counts() -> None:
    assert source_of(["", None, "a"], "https://www.b.example/", NOWHERE) == Site("a", Way.FIELD)
    assert source_of(["", None], "https://www.b.example/", NOWHERE) == Site("b.example", Way.URL)
    assert source_of([], 5, NOWHERE) == NOWHERE


# Files


@pytest.mark.parametrize("kind", FORMATS)
def test_documents_that_name_no_source_are_those_of_their_file(kind: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        FORMATS[kind](tmp_path / f"{name}.{kind}", [{"text": "eins", "n": 1}])
    expected = [Site(f"{name}.{kind}", Way.FILE) for name in ("a", "b")]
    assert sources(tmp_path, tmp_path) == expected
    assert sources(tmp_path, tmp_path / f"b.{kind}") == expected[1:]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("field", ["source", "domain", "link"])
def test_a_source_that_is_an_address_is_its_host(field: str, kind: str, tmp_path: Path) -> None:
    records = [{"text": "eins", field: "https://www.a.example/1"}, {"text": "zwei", field: "http://a.example/2"}]
    path = FORMATS[kind](tmp_path / f"a.{kind}", records)
    config = Config(source_field="link" if field == "link" else None)
    assert sources(tmp_path, path, config=config) == [Site("a.example", Way.FIELD)] * 2


@pytest.mark.parametrize("kind", FORMATS)
def test_the_host_of_an_address_has_no_www(kind: str, tmp_path: Path) -> None:
    path = FORMATS[kind](tmp_path / f"a.{kind}", [{"text": "eins", "url": "https://WWW.A.example:443/1"}])
    assert sources(tmp_path, path) == [Site("a.example", Way.URL)]


def test_a_mirror_is_one_source(tmp_path: Path) -> None:
    for number in range(6):
        write(tmp_path / "mirror" / "www.a.example" / "2025" / f"{number:02}" / "slug" / "index.txt", article(number))
    report = jobs.clean([str(tmp_path / "mirror")], str(tmp_path / "out"), Config(), jobs.Run())
    assert list(report["sources"]) == ["a.example"]
    assert report["sources_from"] == {"host": 6}
    assert {template["text"] for template in report["templates"]} == {NOTICE, MENU}
    inner = tmp_path / "mirror" / "www.a.example"
    report = jobs.clean([str(inner)], str(tmp_path / "inner"), Config(), jobs.Run())
    assert (list(report["sources"]), report["sources_from"]) == (["a.example"], {"host": 6})


def test_folders_that_are_named_are_told_apart(tmp_path: Path) -> None:
    paths = [write(tmp_path / folder / "a.txt") for folder in ("eins", "zwei")]
    assert sources(tmp_path, paths[0].parent) == [Site("", Way.FOLDER)]
    expected = [Site(name, Way.FOLDER) for name in ("eins", "zwei")]
    assert sources(tmp_path, paths[0].parent, paths[1].parent) == expected


# Web pages


PAGE = "<html><head><title>t</title>{}</head><body><p>{}</p></body></html>"
CANONICAL = '<link href="https://www.A.example/1" rel="Canonical nofollow">'
OG_URL = '<meta content="https://b.example/1" property="og:url">'
BASE = '<base href="https://c.example/">'


@pytest.mark.parametrize(
    ("head", "site"),
    [
        (BASE + OG_URL + CANONICAL, Site("a.example", Way.CANONICAL)),
        (BASE + OG_URL, Site("b.example", Way.OG_URL)),
        (BASE, Site("c.example", Way.BASE)),
        ('<link rel="canonical" href="/1">' + BASE, Site("c.example", Way.BASE)),
        ('<link rel="canonical"><meta property="og:url"><base target="_blank">', Site("deep", Way.FOLDER)),
        ("<!-- " + CANONICAL + " -->", Site("deep", Way.FOLDER)),
        ('<link rel="canonical" href="ftp://a.example/1">', Site("deep", Way.FOLDER)),
    ],
)
def test_a_page_says_its_own_address(head: str, site: Site, tmp_path: Path) -> None:
    pytest.importorskip("resiliparse", reason="needs the extra 'html'")
    write(tmp_path / "in" / "deep" / "a.html", PAGE.format(head, "Die Fähre liegt im Hafen."))
    config = Config(extract="lines")
    assert sources(tmp_path, tmp_path / "in", config=config) == [site]
    report = jobs.clean([str(tmp_path / "in")], str(tmp_path / "out"), config, jobs.Run())
    assert report["sources_from"] == {site.way.told: 1}
    (record,) = map(json.loads, (tmp_path / "out" / "deep" / "a.html.jsonl").read_bytes().splitlines())
    assert (record["source"], record["source_from"]) == (site.name, site.way.told)
    assert verify([str(tmp_path / "in")], str(tmp_path / "out")).violations == []


def test_an_address_in_the_body_is_none_of_the_page(tmp_path: Path) -> None:
    pytest.importorskip("resiliparse", reason="needs the extra 'html'")
    write(tmp_path / "deep" / "a.html", PAGE.format("", f"Im Text: {CANONICAL}"))
    assert sources(tmp_path, tmp_path, config=Config(extract="lines")) == [Site("deep", Way.FOLDER)]


def test_a_field_that_is_prescribed_is_no_way_of_the_page(tmp_path: Path) -> None:
    pytest.importorskip("resiliparse", reason="needs the extra 'html'")
    write(tmp_path / "a.html", PAGE.format(CANONICAL, "Die Fähre liegt im Hafen."))
    config = Config(extract="lines", source_field="id")
    assert sources(tmp_path, tmp_path, config=config) == [Site("a.html", Way.FIELD)]


def test_a_page_of_an_archive_says_its_own_address(tmp_path: Path) -> None:
    pytest.importorskip("resiliparse", reason="needs the extra 'html'")
    pytest.importorskip("warcio", reason="needs the extra 'warc'")
    heads = {"https://www.x.example/1": CANONICAL, "https://www.y.example/2": "", "http:///3": ""}
    archive = b"".join(_response(url, PAGE.format(head, "Hafen")) for url, head in heads.items())
    (tmp_path / "crawl.warc").write_bytes(archive)
    assert sources(tmp_path, tmp_path / "crawl.warc", config=Config(extract="lines")) == [
        Site("a.example", Way.CANONICAL),
        Site("y.example", Way.URL),
        Site("crawl.warc", Way.FILE),
    ]


def _response(url: str, page: str) -> bytes:
    body = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{page}".encode()
    head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body + b"\r\n\r\n"


# Articles one by one


def test_an_index_knows_sources_by_the_same_names(tmp_path: Path) -> None:
    with dedup.open_index(tmp_path / "news.index") as index:
        for number in range(6):
            index.add({"url": f"https://www.a.example/{number}", "text": article(number)})
        index.commit()
        named = [{"source": "http://a.example/x"}, {"domain": "www.a.example"}, {"source": "b.example"}]
        texts = [index.judge({"text": article(7)} | record).text for record in named]
    assert [NOTICE in text for text in texts] == [False, False, True]


# What is told of it


def test_the_report_counts_the_ways(tmp_path: Path) -> None:
    records = [{"source": "a"}, {"domain": "www.a.example"}, {"url": "https://a.example"}, {}, {"url": "?"}]
    path = as_jsonl(tmp_path / "a.jsonl", [{"text": article(n)} | record for n, record in enumerate(records)])
    report = jobs.clean([str(path)], str(tmp_path / "out.jsonl"), Config(), jobs.Run())
    assert report["sources_from"] == {"field": 2, "url": 1, "file": 2}
    assert sorted(report["sources"]) == ["a", "a.example", "a.jsonl"]
    assert verify([str(path)], str(tmp_path / "out.jsonl")).violations == []


def test_a_count_of_ways_that_was_changed_is_found(tmp_path: Path) -> None:
    path = as_jsonl(tmp_path / "a.jsonl", [{"text": article(1)}])
    jobs.clean([str(path)], str(tmp_path / "out.jsonl"), Config(), jobs.Run())
    told = tmp_path / "out.jsonl.dedup" / "report.json"
    report = json.loads(told.read_bytes())
    told.write_text(json.dumps(report | {"sources_from": {"url": 1}}), encoding="utf-8")
    found = [str(violation) for violation in verify([str(path)], str(tmp_path / "out.jsonl")).violations]
    for name, values in (("file", "None, but the decisions make it 1"), ("url", "1, but the decisions make it None")):
        assert any(f"sources_from.{name} is {values}" in line for line in found)


@pytest.mark.parametrize(
    ("records", "options", "is_warned"),
    [
        ([{}], [], True),
        ([{"source": "a"}], [], False),
        ([{"url": "https://a.example"}], [], False),
        ([{"site": "a"}], ["--source-field", "site"], False),
        ([{}], ["--only", "repeats,articles"], False),
        ([{}], ["-q"], False),
    ],
)
def test_a_warning_says_that_no_source_was_found(
    records: list[dict[str, Any]], options: list[str], is_warned: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    as_jsonl(Path("a.jsonl"), [{"text": article(number)} | records[0] for number in range(3)])
    done = CliRunner().invoke(main, ["clean", "a.jsonl", "-o", "out.jsonl", *options])
    assert done.exit_code == 0
    said = " ".join(done.stderr.split())
    assert (f"3 documents {WARNING}" in said) is is_warned
    assert ("--source-field" in said) is is_warned


def test_texts_in_memory_are_of_one_source_that_has_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    result = dedup.clean([article(number) for number in range(6)])
    assert (list(result.report["sources"]), result.report["sources_from"]) == ([""], {"none": 6})
    assert {template["text"] for template in result.report["templates"]} == {NOTICE, MENU}
    assert capsys.readouterr() == ("", "")


def test_boilerplate_of_one_file_is_not_that_of_another(tmp_path: Path) -> None:
    for name, first in (("a", 0), ("b", 4)):
        as_jsonl(tmp_path / "in" / f"{name}.jsonl", [{"text": article(first + number)} for number in range(4)])
    report = jobs.clean([str(tmp_path / "in")], str(tmp_path / "out"), Config(), jobs.Run())
    assert report["reasons"]["boilerplate"]["spans"] == 0
    assert sorted(report["sources"]) == ["a.jsonl", "b.jsonl"]


def test_a_copy_with_www_before_its_host_is_of_one_source() -> None:
    hosts = ["www.a.example", "a.example"]
    documents = [{"source": hosts[number % 2], "text": article(number)} for number in range(6)]
    documents += [{"url": f"https://{host}/", "text": article(0)} for host in hosts]
    result = dedup.clean(documents)
    assert list(result.report["sources"]) == ["a.example"]
    assert result.report["reasons"]["exact-duplicate"]["documents"] == 2
    assert result.report["reasons"]["boilerplate"]["documents"] == 6


def test_ways_are_counted_of_rows_that_are_left(tmp_path: Path) -> None:
    (batch,) = open_corpus(
        [str(as_jsonl(tmp_path / "a.jsonl", [{"text": "eins"}, {"n": 1}, {"text": "zwei", "source": "b"}]))],
        Config(), work=tmp_path, on_error="skip",
    ).batches()  # fmt: skip
    assert batch.ways.dtype == np.uint8
    assert batch.ways.tolist() == [Way.FILE, Way.FIELD]
