"""Every tunable once: its unit, its range, where the default comes from, and what moving it risks."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from dedup.errors import UsageError

KINDS = ("repeats", "boilerplate", "articles")
KEEP_POLICIES = ("longest", "shortest", "first", "last")
KEEP_FIELDS = ("max:", "min:")
EXTRACTIONS = ("article", "lines")
AMOUNTS = ("safe", "full")


@dataclass(frozen=True, slots=True)
class Config:
    """What is looked for, what may go, and how sure it must be. Immutable; `dataclasses.replace` makes another.

    >>> Config(threshold=0.7).threshold
    0.7
    >>> Config(threshold=7)
    Traceback (most recent call last):
    dedup.errors.UsageError: threshold is 7, but must be between 0.1 and 1. Give a fraction, such as 0.8.
    """

    text_field: str = "text"
    """The field that holds the text; a dotted path reaches into nested objects. Only this field is ever changed."""

    id_field: str = "id"
    """The field that names a document in decisions. Where it is missing, file and record number do."""

    source_field: str = ""
    """The field that says which site a document is from, or has an address on it. Empty: `source`, else `domain`, else
    the host of `url` or of a web page, else the file's folder. Boilerplate is counted inside one source, so a wrong
    field hides it or, where unlike sites share a value, finds less."""

    extract: str = "article"
    """What is taken out of web pages (HTML and WARC files): `article`, as trafilatura finds it, or `lines`, all that is
    visible, one block a line. With `lines` nothing of the page is lost, and boilerplate is found by its recurrence."""

    only: tuple[str, ...] = KINDS
    """The kinds of duplication looked for."""

    threshold: float = 0.8
    """Lowest exact Jaccard similarity (0-1, word 5-gram shingles) at which an article goes in favour of another.
    Chosen: at 0.8 re-crawls and lightly edited copies go; below 0.7 different reports on one event begin to."""

    original_floor: float = 0.5
    """Lowest exact Jaccard similarity (0-1) of two articles as they came, before anything was cut from them, at which
    one goes in favour of the other; equal ones go in any case. Where most of what is left of two reports is the same,
    but not most of what they said, they stay and are flagged. Measured on five labelled sets: no duplicate of theirs is
    below 0.5. Never more than the threshold is asked, and with 0 only what is stored counts."""

    keep: str = "longest"
    """Which article of several alike stays: longest, shortest, first, last, max:FIELD or min:FIELD. Ties go by id,
    then by content. `first` and `last` depend on the order of the files; the others do not."""

    hashes: int = 128
    """MinHash permutations at most (16-1024). More find pairs at low thresholds more surely and cost time."""

    recall: float = 0.98
    """Least probability (0-1) with which a pair at the threshold becomes a candidate for exact verification."""

    seed: int = 1
    """Seed of the permutations, as in `datasketch.MinHash(seed=...)`."""

    max_loss: float = 0.9
    """The breaker: highest share (0-1) of documents or characters, exact duplicates not counted, that may go from an
    input of 20 documents or more. Raise it only after reading the report."""

    repeats: str = "safe"
    """Which repeats go from a document. `safe`: what is an accident of the page, a line next to its copy, the headline,
    a caption, a teaser said again. `full`: all but those that the document is built of, which also takes the same
    answer under two questions."""

    repeat_width: int = 25
    """Least width (columns of the folded text; wide characters count 2) of a segment that goes as a repeat.
    Chosen from SEGMENTS: shorter lines ("Ja.", "Werbung") repeat legitimately."""

    adjacent_repeat_width: int = 15
    """The same for a segment right after its first copy, or equal to the title (the first line)."""

    boilerplate: str = "safe"
    """What goes as boilerplate: `safe`, lines that recur beside the same neighbours, or `full`, also what stands once
    between such lines below the text: links of the day. Of what `full` adds on labelled pages, 1 to 2 % was content."""

    template_documents: int = 4
    """Least number of different articles of a source in which a line stands beside the same neighbour before it is
    boilerplate. At 3, more content that follows a fixed order goes: of job advertisements twice as much."""

    template_share: float = 0.1
    """The same as a share (0-1) of the articles that have the frame of the document, its first or last lines; of all
    articles of the source where it has none. The larger of the two holds."""

    protect: tuple[str, ...] = ()
    """Regular expressions, in the syntax of the `regex` package. A line or sentence in which one is found is never cut;
    it is flagged instead, also where it repeats only since something else went from its line. Whole articles are not
    protected: an equal copy still goes."""

    known_boilerplate: tuple[str, ...] = ()
    """Lines that the user knows to be boilerplate, dates and numbers aside. They go from every source, however few
    documents carry them, and whatever they look like. One that ends in `*` names all lines that begin so."""

    drop_contained: float = 0.0
    """Least share (0-1) of a document's shingles that a longer one of its source must hold for the document to go in
    its favour: a teaser, an early version of a ticker. 0 drops none, and only flags them. Below 0.8, an article that
    quotes another at length begins to go."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("threshold", 0.1, 1),
            ("original_floor", 0, 1),
            ("recall", 0.5, 0.9999),
            ("max_loss", 0, 1),
            ("template_share", 0, 1),
            ("drop_contained", 0, 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise UsageError(
                    f"{name} is {value:g}, but must be between {low:g} and {high:g}",
                    hint="Give a fraction, such as 0.8.",
                )
        if self.extract not in EXTRACTIONS:
            raise UsageError(f"extract is {self.extract!r}, but must be article or lines", hint="article is usual.")
        if self.boilerplate not in AMOUNTS:
            raise UsageError(f"boilerplate is {self.boilerplate!r}, but must be safe or full", hint="safe is usual.")
        if self.repeats not in AMOUNTS:
            raise UsageError(f"repeats is {self.repeats!r}, but must be safe or full", hint="safe is usual.")
        if self.protect:
            from dedup.protection import compiled

            compiled(self.protect)
        if not 16 <= self.hashes <= 1024:
            raise UsageError(f"hashes is {self.hashes}, but must be between 16 and 1024", hint="128 is usual.")
        if self.keep not in KEEP_POLICIES and not (self.keep[:4] in KEEP_FIELDS and self.keep[4:]):
            raise UsageError(
                f"keep policy {self.keep!r} is not known",
                hint="Use longest, shortest, first, last, max:FIELD or min:FIELD.",
            )
        unknown = [kind for kind in self.only if kind not in KINDS]
        if unknown or not self.only:
            raise UsageError(
                f"kind {unknown[0]!r} is not known" if unknown else "no kind of duplication is named",
                hint=f"Name one or more of {', '.join(KINDS)}, separated by commas.",
            )

    @property
    def least_original(self) -> float:
        """The least similarity of two articles as they came: not more is asked than of what is stored of them."""
        return min(self.original_floor, self.threshold)

    def fingerprint(self) -> str:
        """Return 16 hex digits that differ whenever a setting that decisions depend on differs.

        `max_loss` stops a run and decides nothing.

        >>> Config(max_loss=1).fingerprint() == Config().fingerprint() != Config(threshold=0.7).fingerprint()
        True
        """
        import hashlib

        settings = dataclasses.astuple(dataclasses.replace(self, max_loss=0.0))
        return hashlib.sha256(repr(settings).encode()).hexdigest()[:16]
