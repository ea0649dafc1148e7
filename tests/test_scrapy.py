"""The item pipeline for Scrapy, in real crawls of pages on this machine."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("scrapy", reason="needs the extra 'scrapy'")
pytest.importorskip("redis", reason="needs the extra 'redis'")
from scrapy.crawler import Crawler
from scrapy.utils.test import get_crawler

import dedup
from dedup.errors import UsageError
from dedup.index import upkeep
from dedup.scrapy import SETTINGS, DedupPipeline
from tests.corpora import article, edited
from tests.redis_server import serving

ROOT = Path(__file__).resolve().parents[1]

SPIDER = """
import dataclasses
import json
import sys

import attrs
import scrapy
from scrapy.crawler import CrawlerProcess


class News(scrapy.Item):
    url, text, duplicate_of = scrapy.Field(), scrapy.Field(), scrapy.Field()


@dataclasses.dataclass
class Page:
    url: str
    text: str
    duplicate_of: dict | None = None


@attrs.define
class Post:
    url: str
    text: str
    duplicate_of: dict | None = None


KINDS = {"dict": dict, "item": News, "dataclass": Page, "attrs": Post}


class Crawl(scrapy.Spider):
    name = "crawl"

    def __init__(self, start, kind):
        self.start_urls, self.kind = [start], KINDS[kind]

    def parse(self, response):
        if response.url.endswith("/"):
            yield from response.follow_all(css="a")
            yield {"image": "a picture without a text"}
        else:
            yield self.kind(url=response.url, text="\\n".join(response.css("p::text").getall()) + "\\n")


start, kind, feed, settings = sys.argv[1:]
process = CrawlerProcess(settings={
    "ITEM_PIPELINES": {"dedup.scrapy.DedupPipeline": 900},
    "FEEDS": {feed: {"format": "jsonlines", "overwrite": False}},
    "TELNETCONSOLE_ENABLED": False, "LOG_LEVEL": "INFO", "DEDUP_ID_FIELD": "url", "RETRY_ENABLED": False,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 8, "DOWNLOAD_DELAY": 0,
} | json.loads(settings))
crawler = process.create_crawler(Crawl)
process.crawl(crawler, start=start, kind=kind)
process.start()
print(json.dumps(crawler.stats.get_stats(), default=str))
"""


class Site:
    """Articles as pages, some of them twice or slightly edited under another address, and a page that links to all.

    Attributes:
        start: The address of that page.
        pages: The text of each page by its path.
        asked: How many times each page was asked for.
        delay_s: After which a page is answered.
    """

    def __init__(self, articles: int) -> None:
        rng = random.Random(1)
        self.pages: dict[str, str] = {}
        for number in range(articles):
            text = article(rng)
            line = text.splitlines()[0]
            self.pages[f"/{number}"] = f"{text}{line}\n"
            self.pages[f"/{number}?ref=home"] = f"{text}{line}\n"
            self.pages[f"/{number}/edited"] = edited(rng, text, 0.005)
        self.articles, self.asked, self.delay_s = articles, Counter[str](), 0.0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.start = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked[self.path] += 1
                paths = random.Random(2).sample(sorted(site.pages), len(site.pages))
                if self.path == "/":
                    body = "".join(f'<a href="{path}">{path}</a>' for path in paths)
                else:
                    time.sleep(site.delay_s)
                    body = "".join(f"<p>{line}</p>" for line in site.pages[self.path].splitlines())
                data = f"<html><body>{body}</body></html>".encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments: Any) -> None:
                pass

        return Handler


@pytest.fixture
def pages() -> Iterator[Site]:
    served = Site(12)
    yield served
    served.close()


def crawling(pages: Site, folder: Path, kind: str = "dict", **settings: Any) -> subprocess.Popen[str]:
    settings.setdefault("DEDUP_INDEX", str(folder / "news"))
    command = [sys.executable, "-c", SPIDER, pages.start, kind, str(folder / "feed.jsonl"), json.dumps(settings)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def stats(crawl: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for the end of a crawl; return what Scrapy's collector holds."""
    out, log = crawl.communicate(timeout=600)
    assert crawl.returncode == 0, log
    assert "Traceback" not in log, log
    assert "Deprecat" not in log, log
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def fed(folder: Path) -> list[dict[str, Any]]:
    """What reached the store, but for what has no text."""
    lines = (folder / "feed.jsonl").read_text("utf-8").splitlines()
    return [record for record in map(json.loads, lines) if "text" in record]


def number_of(record: dict[str, Any]) -> int:
    return int(record["url"].split("/")[3].partition("?")[0])


@pytest.mark.parametrize("kind", ["dict", "item", "dataclass", "attrs"])
def test_a_crawl_stores_each_article_once(pages: Site, tmp_path: Path, kind: str) -> None:
    found = stats(crawling(pages, tmp_path, kind))
    stored = fed(tmp_path)
    assert sorted(map(number_of, stored)) == list(range(pages.articles))
    assert found["dedup/new"] == found["item_scraped_count"] - 1 == pages.articles
    assert found["dedup/duplicates"] == found["item_dropped_count"] == 2 * pages.articles
    assert found["dedup/without_text"] == 1
    # The line that is repeated at the end of a page goes.
    assert all(len(set(lines)) == len(lines) for lines in (record["text"].splitlines() for record in stored))
    read = sum(len(pages.pages[path_of(pages, record)]) for record in stored)
    assert found["dedup/characters_cut"] == read - sum(len(record["text"]) for record in stored)
    assert sorted(row["id"] for row in upkeep.documents(tmp_path / "news")) == sorted(r["url"] for r in stored)


def path_of(pages: Site, record: dict[str, Any]) -> str:
    return "/" + record["url"].removeprefix(pages.start)


@pytest.mark.parametrize("kind", ["dict", "item"])
def test_duplicates_can_be_tagged(pages: Site, tmp_path: Path, kind: str) -> None:
    found = stats(crawling(pages, tmp_path, kind, DEDUP_ON_DUPLICATE="tag"))
    stored = {record["url"]: record for record in fed(tmp_path)}
    assert len(stored) == 3 * pages.articles
    tagged = [record for record in stored.values() if record.get("duplicate_of")]
    assert len(tagged) == found["dedup/duplicates"] == 2 * pages.articles
    for record in tagged:
        keeper = stored[record["duplicate_of"]["id"]]
        assert number_of(keeper) == number_of(record)
        assert record["duplicate_of"]["similarity"] == dedup.jaccard(keeper["text"], record["text"]) >= 0.8


def test_duplicates_can_be_passed(pages: Site, tmp_path: Path) -> None:
    found = stats(crawling(pages, tmp_path, DEDUP_ON_DUPLICATE="pass"))
    assert len(fed(tmp_path)) == 3 * pages.articles
    assert found["dedup/duplicates"] == 2 * pages.articles


@pytest.mark.parametrize("store", ["folder", "redis"])
@pytest.mark.parametrize("stop", ["SIGINT", "CLOSESPIDER_ITEMCOUNT"])
def test_a_crawl_that_is_stopped_and_resumed_stores_each_article_once(
    pages: Site, tmp_path: Path, store: str, stop: str
) -> None:
    with serving(tmp_path) if store == "redis" else nullcontext(str(tmp_path / "news")) as address:
        # Long enough that the signal comes before the last page does.
        pages.delay_s = 0.5
        settings: dict[str, Any] = {
            "DEDUP_INDEX": address, "JOBDIR": str(tmp_path / "job"), "DEDUP_COMMIT_EVERY": 5,
            # One page after the other, each when the one before was judged, however long its kernels take to load: a
            # crawl that stops still finishes what it has begun.
            "CONCURRENT_REQUESTS": 1, "SCRAPER_SLOT_MAX_ACTIVE_SIZE": 1,
        }  # fmt: skip
        if stop == "SIGINT":
            crawl = crawling(pages, tmp_path, **settings)
            while pages.asked.total() < 8:
                assert crawl.poll() is None
                time.sleep(0.01)
            crawl.send_signal(signal.SIGINT)
        else:
            crawl = crawling(pages, tmp_path, **settings, CLOSESPIDER_ITEMCOUNT=4)
        found = [stats(crawl)]
        assert found[0]["finish_reason"] == ("shutdown" if stop == "SIGINT" else "closespider_itemcount")
        assert len(fed(tmp_path)) < pages.articles
        pages.delay_s = 0.0
        found.append(stats(crawling(pages, tmp_path, **settings)))
        assert found[1]["finish_reason"] == "finished"
        assert sorted(map(number_of, fed(tmp_path))) == list(range(pages.articles))
        assert sum(each["dedup/new"] for each in found) == pages.articles
        # Once more from the beginning: all is known.
        again = stats(crawling(pages, tmp_path, **settings | {"JOBDIR": str(tmp_path / "another")}))
        assert (again.get("dedup/new", 0), again["dedup/duplicates"]) == (0, 3 * pages.articles)
        with dedup.open_index(address, is_reading=True) as index:
            assert len(index) == pages.articles


def test_two_crawlers_share_an_index(pages: Site, tmp_path: Path) -> None:
    with serving(tmp_path) as address:
        folders = [tmp_path / name for name in ("a", "b")]
        for folder in folders:
            folder.mkdir()
        crawls = [crawling(pages, folder, DEDUP_INDEX=f"{address}#news") for folder in folders]
        assert sum(stats(crawl).get("dedup/new", 0) for crawl in crawls) == pages.articles
        stored = [number_of(record) for folder in folders for record in fed(folder)]
        assert sorted(stored) == list(range(pages.articles))


def crawler(**settings: Any) -> Crawler:
    return get_crawler(settings_dict=settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "DEDUP_INDEX is not set"),
        ({"DEDUP_ON_DUPLICATE": "keep"}, "DEDUP_ON_DUPLICATE is 'keep'. Use drop, tag, pass"),
        ({"DEDUP_COMMIT_EVERY": 0}, "DEDUP_COMMIT_EVERY is 0"),
        ({"DEDUP_TRESHOLD": 0.7}, "there is no setting DEDUP_TRESHOLD. There are DEDUP_INDEX, "),
        ({"DEDUP_THRESHOLD": "high"}, "DEDUP_THRESHOLD is 'high'. Usual is 0.8."),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    index = {"DEDUP_INDEX": str(tmp_path / "news")} if settings else {}
    with pytest.raises(UsageError, match=message):
        DedupPipeline.from_crawler(crawler(**index | settings))


def test_settings_reach_the_index(tmp_path: Path) -> None:
    given = {"DEDUP_INDEX": str(tmp_path / "news"), "DEDUP_THRESHOLD": "0.6", "DEDUP_ONLY": "repeats,articles",
             "DEDUP_TEXT_FIELD": "body.text", "DEDUP_HASHES": "64", "DEDUP_PROTECT": ["Foto"]}  # fmt: skip
    pipeline = DedupPipeline.from_crawler(crawler(**given))
    pipeline.open_spider()
    pipeline._exit.close()
    with dedup.open_index(tmp_path / "news") as index:
        config = index.config
    assert (config.threshold, config.only, config.text_field, config.hashes, config.protect) == (
        0.6, ("repeats", "articles"), "body.text", 64, ("Foto",),
    )  # fmt: skip


@dataclass
class Nested:
    body: dict[str, str] = field(default_factory=dict)


def test_a_nested_text_is_replaced(tmp_path: Path) -> None:
    text = article(random.Random(3))
    line = text.splitlines(keepends=True)[0]
    pipeline = DedupPipeline.from_crawler(
        crawler(DEDUP_INDEX=str(tmp_path / "news"), DEDUP_TEXT_FIELD="body.text", DEDUP_ON_DUPLICATE="tag")
    )
    pipeline.open_spider()
    item = Nested({"text": f"{line}{text}"})
    pipeline._replace_text(item, text)
    assert item.body["text"] == text
    verdicts = [pipeline._index.add({"body": {"text": text}}) for _ in range(2)]
    with pytest.raises(UsageError, match="Nested has no field 'duplicate_of'"):
        pipeline._mark(item, verdicts[1])
    pipeline._exit.close()


def test_the_readme_names_every_setting() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in SETTINGS if f"`{name}`" not in readme] == []
