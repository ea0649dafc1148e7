"""Made-up news in nine languages, to build the situations of the design from: seeded, so always the same.

Sentences are put together from parts, which makes thousands of different ones that are still about something.
"""

from __future__ import annotations

import random
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

Document = dict[str, Any]

FILE = Path(__file__).resolve().parents[1] / "fixtures" / "languages.toml"


class Language(NamedTuple):
    """What news in a language are made of.

    Attributes:
        frame: How a sentence is put together.
        who: Those who did something; so on for `did`, `what` and `where`.
        number: A sentence with a figure.
        cookie: A line of boilerplate, the same in every article.
        dated: A line of boilerplate with a day of December.
        menu: Lines below it.
        service: Lines below every article.
        foot: The last line of all.
        caption: What stands below a picture.
        credit: The same with the name of an agency.
        other_caption: Below another picture: one word of `caption` is different.
        quote: What somebody said, as a line of its own.
        questions: What an interviewer asks.
        formula: What every ruling ends with.
        refrain: Lines of a song.
        stanzas: Lines of its stanzas, three each.
        gap: What stands between two sentences.
    """

    frame: str
    who: list[str]
    did: list[str]
    what: list[str]
    where: list[str]
    number: str
    cookie: str
    dated: str
    menu: list[str]
    service: list[str]
    foot: str
    caption: str
    credit: str
    other_caption: str
    quote: str
    questions: list[str]
    formula: str
    refrain: list[str]
    stanzas: list[str]
    gap: str = " "

    def sentence(self, rng: random.Random) -> str:
        """Return one of 10,000 sentences."""
        parts = {"who": self.who, "did": self.did, "what": self.what, "where": self.where}
        text = self.frame.format(**{name: rng.choice(choices) for name, choices in parts.items()})
        return text[0].upper() + text[1:]

    def sentences(self, rng: random.Random, count: int) -> list[str]:
        """Return different sentences."""
        found: dict[str, None] = {}
        while len(found) < count:
            found[self.sentence(rng)] = None
        return list(found)

    def paragraphs(self, rng: random.Random, count: int, sentences: int) -> list[str]:
        """Return lines of different sentences."""
        found = self.sentences(rng, count * sentences)
        return [self.gap.join(found[at : at + sentences]) + "\n" for at in range(0, len(found), sentences)]

    def paragraph(self, rng: random.Random, sentences: int) -> str:
        """Return one line of different sentences."""
        return self.paragraphs(rng, 1, sentences)[0]

    def article(self, rng: random.Random, paragraphs: int = 3, sentences: int = 4) -> str:
        """Return a headline and paragraphs."""
        title, *lines = self.paragraphs(rng, 1, 1) + self.paragraphs(rng, paragraphs, sentences)
        return title.rstrip(".。\n") + "\n" + "".join(lines)

    def dressed(self, text: str, day: int) -> str:
        """Return an article in the boilerplate of its site."""
        head = [self.cookie, self.dated.format(day=day), *self.menu]
        return "\n".join(head) + f"\n{text}" + "".join(f"{line}\n" for line in [*self.service, self.foot])

    def song(self, refrains: int) -> str:
        """Return a song of three stanzas, with its refrain behind the first ones."""
        found = []
        for number in range(0, len(self.stanzas), 3):
            found.append("\n".join(self.stanzas[number : number + 3]))
            if number // 3 < refrains:
                found.append("\n".join(self.refrain))
        return "\n\n".join(found) + "\n"


def documents(texts: list[str], source: str = "site.example", prefix: str = "") -> list[Document]:
    """Return texts as documents of one source."""
    return [{"id": f"{prefix}{source}/{number}", "source": source, "text": text} for number, text in enumerate(texts)]


def articles(language: Language, rng: random.Random, count: int, source: str = "site.example") -> list[Document]:
    return documents([language.article(rng) for _ in range(count)], source)


def site(language: Language, rng: random.Random, count: int, source: str = "site.example") -> list[Document]:
    """Return different articles of one source, each in the boilerplate of its site."""
    return documents([language.dressed(language.article(rng), 1 + number) for number in range(count)], source)


def versions(language: Language, rng: random.Random, count: int) -> list[str]:
    """Return an article again and again, each time with another sentence instead of its last paragraph but the first.

    The first is the longest.
    """
    lines = language.article(rng, paragraphs=12).splitlines(keepends=True)
    return ["".join(lines), *("".join([*lines[:-1], language.paragraph(rng, 1)]) for _ in range(count - 1))]


def on_sites(language: Language, wire: str, own_articles: int, foot_sentences: int) -> list[Document]:
    """Return one text on six sites, behind so many articles of each, all in the boilerplate of their site."""
    found = []
    for number in range(6):
        rng = random.Random(100 + number)
        foot = "".join(language.paragraphs(rng, foot_sentences, 1))
        texts = [language.article(rng) for _ in range(own_articles)] + [wire]
        found += documents([text + foot for text in texts], f"site{number}.example")
    return found


def situations(language: Language) -> list[Document]:
    """Return the situations of the design side by side: sources of their own, and articles that many of them share."""
    rng = random.Random(19)
    pages = documents([language.paragraph(rng, 3)] * 6, "errors.example")
    reports = ["\n".join(language.number.format(rng.randint(100, 999), rng.randint(100, 999)) for _ in range(6))
               for _ in range(5)]  # fmt: skip
    caption = f"{language.caption}\n{language.paragraph(rng, 3)}"
    asked = "".join(f"{question}\n{language.paragraph(rng, 3)}" for question in language.questions)
    odd = [language.song(2), language.article(rng) + 5 * f"{language.formula}\n", asked * 2,
           *(f"{caption}{line}\n" for line in (language.caption, language.credit, language.other_caption))]  # fmt: skip
    quoted = [f"{language.article(rng)}{language.quote}\n" for _ in range(6)]
    entries = language.paragraphs(rng, 24, 3)
    return [
        *articles(language, rng, 8, "crawled.example"),
        *documents(versions(language, rng, 6), "crawled.example", "again/"),
        *site(language, rng, 9),
        *site(language, rng, 4, "small.example"),
        *on_sites(language, language.article(rng), 6, 10),
        *pages,
        *documents(reports, "weather.example"),
        *documents(odd, "odd.example"),
        *documents(quoted, "quotes.example"),
        *documents(["".join(entries[:count]) for count in (2, 7, 20, 24)], "ticker.example"),
    ]


LANGUAGES = {name: Language(**parts) for name, parts in tomllib.loads(FILE.read_text(encoding="utf-8")).items()}
