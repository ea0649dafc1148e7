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
        foot: The last line of every article.
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
        return f"{self.cookie}\n{self.dated.format(day=day)}\n{text}{self.foot}\n"

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


LANGUAGES = {name: Language(**parts) for name, parts in tomllib.loads(FILE.read_text(encoding="utf-8")).items()}
