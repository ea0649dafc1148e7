"""The page of `dedup stats --html`: what is in it, and what a real browser makes of it."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dedup import jobs
from dedup.cli import main
from dedup.config import Config
from dedup.page.compare import MOST_COMPARED, SIDE_BYTES, compare

CRAWL = Path(__file__).resolve().parents[1] / "fixtures" / "crawl"
MOST_BYTES = 3_000_000
WORDS = ("Rat", "Brücke", "Hafen", "Fähre", "Wahl", "Markt", "Regen", "Straße", "Schule", "Turm", "Fest", "Bahn")

HOSTILE = (
    "<script>window.ran=1</script>",
    "</script><script>window.ran=1</script>",
    '<img src=x onerror="window.ran=1">',
    "javascript:window.ran=1",
    "{{ 7*7 }}{% for x in y %}{# no #}",
    "\u202eabc\u2066",
    "\x1b[31mrot\x00",
    "&lt;b&gt; &amp;amp;",
    "\"'><svg onload=window.ran=1>",
    "]]><!--",
    "</style><style>body{display:none}</style>",
    "</title></html>",
    "\ufffe\uffff\u2028",
)
"""What a scraped text may hold that a page must not act upon."""

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    result = CliRunner().invoke(main, arguments, prog_name="dedup")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    return path


def make_page(folder: Path, records: list[dict[str, Any]], name: str = "page", **options: Any) -> Path:
    """Write the page of some records."""
    page = folder / f"{name}.html"
    inputs = [str(write(folder / f"{name}.jsonl", records))]
    jobs.statistics(
        inputs, Config(**options), jobs.Run(page=page), is_swept="articles" in options.get("only", "articles")
    )
    return page


def article(seed: int, words: int = 120) -> list[str]:
    draw = random.Random(seed)
    return [draw.choice(WORDS) + str(draw.randrange(50)) for _ in range(words)]


def hostile_records() -> list[dict[str, Any]]:
    """A source whose ids, name and texts are hostile, with boilerplate, repeats and copies."""
    source = HOSTILE[1]
    records = []
    for number in range(40):
        evil = HOSTILE[number // 2 % len(HOSTILE)]
        words = article(number // 2)
        if number % 2:
            words[5:6] = [f"anders {evil}"]
        body = " ".join([*words[:60], evil, *words[60:]])
        caption = f"Ein Bild von {evil} und vom Hafen der Stadt am Abend {number // 2}."
        lines = [f"Cookies: {HOSTILE[0]} {HOSTILE[5]} bitte.", body + ".", caption, caption, f"Absatz {number // 2}."]
        lines.append(f"{HOSTILE[3]} {HOSTILE[10]} mehr von uns")
        records.append({"id": f"{evil}/{number}", "source": source, "text": "\n".join(lines)})
    return records


class Elements(HTMLParser):
    """Counts the elements of a page and keeps the attributes."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_page(tmp_path_factory.mktemp("hostile"), hostile_records(), repeats="full")


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("crawl") / "page.html"
    jobs.statistics([str(CRAWL)], Config(), jobs.Run(page=page), is_swept=True)
    return page


# The file


def test_it_is_the_same_every_time(crawl: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    jobs.statistics([str(CRAWL)], Config(), jobs.Run(page=page, workers=3), is_swept=True)
    assert page.read_bytes() == crawl.read_bytes()


def test_clean_writes_the_same_page(tmp_path: Path) -> None:
    for arguments in (["stats", "--html"], ["clean", "-o", str(tmp_path / "cleaned"), "--report"]):
        page = tmp_path / f"{arguments[0]}.html"
        result = run(arguments[0], str(CRAWL), "-q", *arguments[1:], str(page))
        assert result.exit_code == 0, result.stderr
    assert (tmp_path / "clean.html").read_bytes() == (tmp_path / "stats.html").read_bytes()


def test_nothing_of_a_hostile_corpus_becomes_an_element(hostile: Path) -> None:
    text = hostile.read_text("utf-8")
    found = Elements(text)
    assert [found.tags.count(tag) for tag in ("script", "style", "html", "title", "img", "svg")][:3] == [1, 1, 1]
    assert "img" not in found.tags
    assert {name for name, _ in found.attributes if name.startswith("on")} == set()
    assert {value for name, value in found.attributes if name in ("href", "src")} == {
        f"#{section}" for section in ("where", "threshold", "clusters", "boilerplate", "frames", "repeats", "settings")
    }
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069\ufffe\uffff]", text)
    assert "{{ 7*7 }}{% for x in y %}{# no #}" in text


def test_every_part_of_the_hostile_corpus_is_shown(hostile: Path) -> None:
    tags = Elements(hostile.read_text("utf-8")).tags
    assert tags.count("figure") == 4
    assert min(tags.count(tag) for tag in ("ins", "del", "mark", "details")) > 3


@pytest.mark.parametrize("character", ["&", "\u202e", "'", "語", "a "])
def test_it_stays_small_whatever_the_corpus(character: str, tmp_path: Path) -> None:
    """Many sources with long names, long texts without an end of a sentence, pairs near the threshold, many repeats."""
    records = []
    for number in range(400):
        words = article(number // 4, 80)
        words[number % 4 * 3] = "neu"
        texts = [f"{word}{character * 150}" for word in words]
        line = f"Die Zeile {'abcde'[number % 5] * 9} {character * 900} steht überall."
        caption = f"{words[0]} {words[1]} {character * 500} und so weiter, noch einmal."
        records.append(
            {
                "id": f"{number}{character * 5000}",
                "source": f"{number % 300 if number % 2 else 'alle'}{character * 300}",
                "text": "\n".join([line, " ".join(texts), caption, words[3], caption, words[4], caption]),
            }
        )
    page = make_page(tmp_path, records)
    assert 50_000 < page.stat().st_size < MOST_BYTES


@pytest.mark.parametrize(
    ("records", "options"),
    [
        ([{"text": ""}], {}),
        ([{"text": "Ein Satz."}, {"text": "Ein Satz."}], {"only": ("repeats",)}),
        ([{"text": "Ein Satz."}, {"text": "Ein Satz."}], {"threshold": 1.0}),
        ([{"text": " ".join(article(1, 9))}] * 3, {"drop_contained": 0.9, "only": ("repeats", "boilerplate")}),
    ],
)
def test_a_corpus_with_little_to_tell_has_a_page(
    records: list[dict[str, Any]], options: dict[str, Any], tmp_path: Path
) -> None:
    assert "There are none." in make_page(tmp_path, records, **options).read_text("utf-8")


def test_a_corpus_without_a_readable_record_has_a_page(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("{\n", encoding="utf-8")
    page = tmp_path / "page.html"
    result = run("stats", str(tmp_path / "bad.jsonl"), "--on-error", "skip", "--html", str(page), "--threshold-sweep")
    assert result.exit_code == 0, result.stderr
    assert "1 unreadable records were set aside" in page.read_text("utf-8")


def test_a_pair_just_below_the_threshold_is_shown_as_staying(tmp_path: Path) -> None:
    words = article(1, 100)
    records = [{"id": "lang", "text": " ".join(words)}, {"id": "kurz", "text": " ".join(words[:80])}]
    text = make_page(tmp_path, records).read_text("utf-8")
    near = text[text.index('id="threshold"') : text.index('id="clusters"')]
    assert "<b>0.792</b> <span>stays</span>" in near
    assert f"<ins> {' '.join(words[80:83])}" in near


def test_articles_that_an_index_holds_are_named_but_not_shown(tmp_path: Path) -> None:
    stored, new = " ".join(article(1)), " ".join(article(2))
    for name, texts in (("first", [stored]), ("second", [f"{stored} Neues.", new, new])):
        pages = write(tmp_path / f"{name}.jsonl", [{"id": name, "text": text} for text in texts])
        result = run(
            *("clean", str(pages), "-o", str(tmp_path / f"{name}.out.jsonl"), "--index", str(tmp_path / "index")),
            *("--report", str(tmp_path / f"{name}.html")),
        )
        assert result.exit_code == 0, result.stderr
    text = (tmp_path / "second.html").read_text("utf-8")
    assert "Of the largest, 1 went in favour of articles that the index holds" in text
    assert text.count('class="diff"') == 1


def test_a_page_is_not_put_over_anything(tmp_path: Path) -> None:
    pages = write(tmp_path / "pages.jsonl", [{"text": "Ein Satz."}])
    before = pages.read_bytes()
    for target, message in (
        (pages, "is the input"),
        (tmp_path / "no" / "page.html", "has no folder to be in"),
        (tmp_path / "there.html", "exists already"),
    ):
        (tmp_path / "there.html").touch()
        result = run("stats", str(pages), "--html", str(target))
        assert (result.exit_code, message in result.stderr) == (2, True), result.stderr
    for target in ("out.jsonl", "out.jsonl.dedup/page.html"):
        result = run("clean", str(pages), "-o", str(tmp_path / "out.jsonl"), "--report", str(tmp_path / target))
        assert (result.exit_code, "is where the output goes" in result.stderr) == (2, True), result.stderr
    assert run("stats", str(pages), "-q", "--html", str(tmp_path / "there.html"), "--force").exit_code == 0
    assert pages.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"pages.jsonl", "there.html"}


def test_a_run_that_the_breaker_stops_leaves_no_page(tmp_path: Path) -> None:
    words = article(1)
    texts = [" ".join([*words[:number], "neu", *words[number:]]) for number in range(30)]
    pages = write(tmp_path / "pages.jsonl", [{"text": text} for text in texts])
    result = run("clean", str(pages), "-o", str(tmp_path / "out.jsonl"), "--report", str(tmp_path / "page.html"))
    assert result.exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["pages.jsonl"]


# Comparisons


def shown(left: str, right: str) -> list[tuple[str, str, int]]:
    """Return each row with its differing words in brackets."""
    return [
        (*("".join(f"[{text}]" if mark != "same" else text for mark, text in side) for side in row[:2]), row.skipped)
        for row in compare(left, right)
    ]


def test_sentences_that_are_equal_far_from_a_difference_are_left_out() -> None:
    same = [f"Satz {number} ist gleich." for number in range(9)]
    left, right = [*same[:5], "Hier war es Montag.", *same[5:]], [*same[:5], "Hier war es Freitag.", *same[5:]]
    assert shown("\n".join(left), "\n".join(right)) == [
        ("", "", 4),
        (same[4], same[4], 0),
        ("Hier war es [Montag].", "Hier war es [Freitag].", 0),
        (same[5], same[5], 0),
        ("", "", 3),
    ]


def test_what_only_one_has_stands_alone() -> None:
    assert shown("Eins steht da.\nZwei auch.", "Eins steht da.") == [
        ("Eins steht da.", "Eins steht da.", 0),
        ("[Zwei auch.]", "", 0),
    ]


@pytest.mark.parametrize("text", ["", " \n", "Ein Satz."])
def test_equal_texts_have_no_difference(text: str) -> None:
    assert [row.left == row.right for row in compare(text, text)] == [True] * bool(text.strip())


def test_texts_that_differ_throughout_are_compared_in_reasonable_time_and_room() -> None:
    left = "\n".join(f"Zeile {number} von hier." for number in range(4 * MOST_COMPARED))
    right = "\n".join(f"Zeile {number} von dort." for number in range(4 * MOST_COMPARED))
    rows = compare(left, right)
    assert sum(piece.size_bytes for row in rows for piece in row.left) <= SIDE_BYTES
    assert len(rows) - 1 + rows[-1].skipped == 4 * MOST_COMPARED


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium; in continuous integration it must be there."""
    missing = pytest.fail if os.environ.get("CI") else pytest.skip
    chromium = shutil.which("chromium")
    if chromium is None:
        missing("there is no chromium here: apt-get install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed: pip install -e '.[browser]'")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


class Opened:
    """A page in the browser, and what it did: requests, messages on the console, errors."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.events: list[str] = []
        self.page.on("console", lambda message: self.events.append(message.text))
        self.page.on("pageerror", lambda error: self.events.append(str(error)))
        self.page.on("dialog", lambda dialog: self.events.append(dialog.message))
        self.context.on("request", lambda request: self.events.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_load_state("networkidle")

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def column(self, table: int, number: int) -> list[str]:
        """Return the visible cells of a column of a sortable table."""
        rows = self.page.locator("table.sortable").nth(table).locator("tbody tr:visible")
        return [row.locator("th, td").nth(number).inner_text() for row in rows.all()]


@pytest.mark.browser
@pytest.mark.parametrize("name", ["crawl", "hostile"])
def test_it_opens_from_disk_without_asking_for_anything(
    browser: Any, name: str, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(name)
    with Opened(browser, path) as opened:
        assert opened.events == [path.as_uri()]
        assert opened.page.locator("figure svg:visible").count() == 4
        assert opened.page.evaluate("getComputedStyle(document.querySelector('section')).borderTopWidth") == "1px"


@pytest.mark.browser
def test_no_script_of_the_corpus_runs_and_all_of_it_is_text(browser: Any, hostile: Path) -> None:
    with Opened(browser, hostile) as opened:
        opened.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert opened.page.evaluate("window.ran") is None
        assert opened.page.evaluate("document.scripts.length") == 1
        assert opened.page.locator("script, style, iframe, object, embed, form, img, a[href^=javascript]").count() == 2
        text = opened.page.locator("body").inner_text()
        for part in (HOSTILE[0], HOSTILE[2], HOSTILE[4], HOSTILE[10], "⟦U+202E⟧abc⟦U+2066⟧", "␛[31mrot␀", "&amp;amp;"):
            assert part in text


@pytest.mark.browser
def test_the_policy_of_the_page_stops_scripts_and_requests(browser: Any, crawl: Path) -> None:
    """Even if something got in: what is put into the page by force does not run, and nothing can be asked for."""
    with Opened(browser, crawl) as opened:
        opened.events.clear()
        opened.page.evaluate(
            "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran=1\"><p onclick=\"1\">')"
        )
        opened.page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran=1'}))"
        )
        assert opened.page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'stopped')") == "stopped"
        assert opened.page.evaluate("window.ran") is None
        assert sum("Content Security Policy" in event for event in opened.events) >= 3
        assert [event for event in opened.events if event.startswith("http")] == []


@pytest.mark.browser
def test_tables_are_sorted_by_a_click_and_by_the_keyboard(browser: Any, crawl: Path) -> None:
    with Opened(browser, crawl) as opened:
        before = opened.column(0, 1)
        assert before != sorted(before, key=int)
        heading = opened.page.locator("table.sortable").first.locator("thead th").nth(1)
        heading.get_by_role("button").click()
        assert heading.get_attribute("aria-sort") == "descending"
        assert opened.column(0, 1) == sorted(before, key=int, reverse=True)
        opened.page.keyboard.press("Enter")
        assert heading.get_attribute("aria-sort") == "ascending"
        assert opened.column(0, 1) == sorted(before, key=int)
        name = opened.page.locator("table.sortable").first.locator("thead th").first
        name.get_by_role("button").click()
        assert heading.get_attribute("aria-sort") is None
        assert opened.column(0, 0) == sorted(opened.column(0, 0))


@pytest.mark.browser
def test_tables_are_searched(browser: Any, crawl: Path) -> None:
    with Opened(browser, crawl) as opened:
        everything = len(opened.column(1, 0))
        search = opened.page.get_by_label("Search boilerplate")
        search.fill("COOKIES")
        found = opened.column(1, 0)
        assert 0 < len(found) < everything
        assert all("cookies" in text.lower() for text in found)
        assert opened.page.get_by_text(f"{len(found)} of {everything}").is_visible()
        search.fill("")
        assert len(opened.column(1, 0)) == everything


@pytest.mark.browser
def test_without_scripts_everything_is_there_but_the_buttons(browser: Any, crawl: Path) -> None:
    with Opened(browser, crawl, java_script_enabled=False) as opened:
        assert len(opened.column(0, 0)) == 3
        assert opened.page.locator("button, input").count() == 0


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("name", ["crawl", "hostile"])
def test_everybody_can_read_it(
    browser: Any, name: str, width: int, scheme: str, request: pytest.FixtureRequest
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    with Opened(browser, request.getfixturevalue(name), **options) as opened:
        opened.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
        results = Axe().run(opened.page)
        assert results.violations_count == 0, results.generate_report()


@pytest.mark.browser
def test_it_is_dark_where_people_want_it_dark(browser: Any, crawl: Path) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        with Opened(browser, crawl, color_scheme=scheme) as opened:
            colours[scheme] = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colours == {"light": "rgb(244, 245, 247)", "dark": "rgb(13, 17, 23)"}


def test_the_frame_of_each_source_is_shown(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    outcome = CliRunner().invoke(main, ["stats", "fixtures/crawl", "--html", str(page)])
    assert outcome.exit_code == 0, outcome.output
    frames = page.read_text(encoding="utf-8").partition('id="frames"')[2].partition("<section")[0]
    assert [
        source for source in ("bergblick.example", "hafenpost.example", "stadtbote.example") if source in frames
    ] == [
        "bergblick.example",
        "hafenpost.example",
        "stadtbote.example",
    ]
    assert "Merken, teilen oder ausdrucken</bdi></td><td>100.0%</td><td>100.0%</td>" in frames
