"""An item pipeline for Scrapy: each article of a crawl is judged against all that is stored before it is stored.

In the settings of a project: `ITEM_PIPELINES = {"dedup.scrapy.DedupPipeline": 900}`, `DEDUP_INDEX = "news.index"`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Self, TypeVar

from itemadapter import ItemAdapter
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from scrapy.settings import BaseSettings
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.threads import deferToThread

from dedup.config import Config
from dedup.errors import InputError, UsageError
from dedup.formats.fields import path_of
from dedup.index.judging import Verdict
from dedup.index.opening import open_index

ON_DUPLICATE = ("drop", "tag", "pass")

OPTIONS = (
    "text_field",
    "id_field",
    "source_field",
    "only",
    "threshold",
    "original_floor",
    "hashes",
    "recall",
    "seed",
    "repeat_width",
    "adjacent_repeat_width",
    "boilerplate",
    "template_documents",
    "template_share",
    "protect",
    "known_boilerplate",
)
"""The fields of `Config` that matter where articles are judged one by one. The setting is called `DEDUP_` and the name
in capitals."""

DEFAULTS = {
    "DEDUP_INDEX": "",
    "DEDUP_ON_DUPLICATE": "drop",
    "DEDUP_TAG_FIELD": "duplicate_of",
    "DEDUP_COMMIT_EVERY": 100,
}

SETTINGS = (*DEFAULTS, *(f"DEDUP_{name.upper()}" for name in OPTIONS))

Value = TypeVar("Value")


class DedupPipeline:
    """Judges items, cuts what is repeated and boilerplate from their texts, and stops duplicates.

    An item is added to the index in the step in which it is judged, so that of copies that are scraped at the same time
    one stays. That happens in a thread, since it takes a millisecond or, over a network, as long as that takes. Items
    without a text are passed on as they are.

    Args:
        crawler: Its settings say what to do (README), and its stats are counted in: `dedup/new`, `dedup/duplicates`,
            `dedup/edited`, `dedup/characters_cut` and `dedup/without_text`.

    Raises:
        UsageError: A setting is missing, not known, or has a value that it cannot have.
    """

    def __init__(self, crawler: Crawler) -> None:
        found = {name: value for name, value in crawler.settings.items() if name.startswith("DEDUP_")}
        unknown = sorted(found.keys() - set(SETTINGS))
        if unknown:
            raise UsageError(f"there is no setting {unknown[0]}", hint=f"There are {', '.join(SETTINGS)}.")
        settings = BaseSettings(DEFAULTS | found)
        self._index_path, self._on_duplicate = settings["DEDUP_INDEX"], settings["DEDUP_ON_DUPLICATE"]
        self._tag_field, self._commit_every = settings["DEDUP_TAG_FIELD"], settings.getint("DEDUP_COMMIT_EVERY")
        self._options = {name: _option(settings, name) for name in OPTIONS if f"DEDUP_{name.upper()}" in settings}
        if not self._index_path:
            raise UsageError(
                "DEDUP_INDEX is not set", hint="Set it to a folder, or to redis://HOST:PORT/DATABASE#NAME."
            )
        if self._on_duplicate not in ON_DUPLICATE:
            raise UsageError(
                f"DEDUP_ON_DUPLICATE is {self._on_duplicate!r}", hint=f"Use {', '.join(ON_DUPLICATE)} in quotes."
            )
        if self._commit_every < 1:
            raise UsageError(f"DEDUP_COMMIT_EVERY is {self._commit_every}", hint="Use a number of items from 1 on.")
        self._stats = crawler.stats
        self._exit = ExitStack()
        self._judged = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make the pipeline of a crawl."""
        return cls(crawler)

    def open_spider(self) -> None:
        """Open the index; where there is none, make one."""
        self._index = self._exit.enter_context(open_index(self._index_path, **self._options))
        self._text_path = path_of(self._index.config.text_field)

    async def close_spider(self) -> None:
        """Commit what was added."""
        await _in_thread(self._exit.close)

    async def process_item(self, item: Any) -> Any:
        """Pass an item on with what is to be stored of its text, unless it is a duplicate that is to go.

        Raises:
            DropItem: It is one.
            StateError: The index is damaged or cannot be reached.
        """
        record = ItemAdapter(item).asdict()
        try:
            verdict = await _in_thread(lambda: self._index.add(record))
        except InputError:
            self._count("without_text")
            return item
        self._judged += 1
        if self._judged % self._commit_every == 0:
            await _in_thread(self._index.commit)
        if verdict.kind == "duplicate":
            self._count("duplicates")
            self._mark(item, verdict)
        else:
            self._count("new")
        self._replace_text(item, verdict.text)
        return item

    def _mark(self, item: Any, verdict: Verdict) -> None:
        """Do with a duplicate what is to be done with it."""
        if verdict.keeper is None or self._on_duplicate == "pass":
            return
        if self._on_duplicate == "drop":
            raise DropItem(f"{verdict.similarity:.0%} like {verdict.keeper.id}", log_level="INFO")
        try:
            figures = {"similarity": verdict.similarity, "similarity_original": verdict.similarity_original}
            ItemAdapter(item)[self._tag_field] = verdict.keeper._asdict() | figures
        except KeyError:
            raise UsageError(
                f"{type(item).__name__} has no field {self._tag_field!r}",
                hint="Declare it, or name another one with DEDUP_TAG_FIELD.",
            ) from None

    def _replace_text(self, item: Any, text: str) -> None:
        """Put what is to be stored of a text in its place."""
        *names, last = self._text_path
        for name in names:
            item = ItemAdapter(item)[name]
        before = ItemAdapter(item)[last]
        if text != before:
            ItemAdapter(item)[last] = text
            self._count("edited")
            self._count("characters_cut", len(before) - len(text))

    def _count(self, name: str, count: int = 1) -> None:
        if self._stats is not None:
            self._stats.inc_value(f"dedup/{name}", count)


async def _in_thread(call: Callable[[], Value]) -> Value:
    """Run what waits for disk, network or another thread beside the reactor."""
    return await maybe_deferred_to_future(deferToThread(call))


def _option(settings: BaseSettings, name: str) -> Any:
    """Return a setting as `Config` takes it; on the command line of Scrapy all are text.

    >>> _option(BaseSettings({"DEDUP_THRESHOLD": "0.7", "DEDUP_ONLY": "repeats,articles"}), "only")
    ('repeats', 'articles')
    """
    setting, usual = f"DEDUP_{name.upper()}", getattr(Config(), name)
    try:
        if isinstance(usual, tuple):
            return tuple(settings.getlist(setting))
        return type(usual)(settings[setting])
    except (TypeError, ValueError):
        raise UsageError(f"{setting} is {settings[setting]!r}", hint=f"Usual is {usual!r}.") from None
