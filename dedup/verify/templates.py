"""The counts that boilerplate is cut on: how many documents of its source carry each line, counted anew."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dedup import decisions
from dedup.boilerplate import Keyed, Keys, always
from dedup.config import Config
from dedup.decisions import Decision
from dedup.fragments import find_fragments
from dedup.markdown import find_markup
from dedup.model import Batch
from dedup.segment import segment
from dedup.verify.violations import Violations


class _Claim(NamedTuple):
    """What decisions say about a template, and which of them said it first."""

    documents: int
    articles: int
    source: str
    file: str
    record: int


class TemplateClaims:
    """The templates that decisions name, with their counts, and how often their lines really occur.

    A line is told by its key, as the scan told it: the segmenter and the keys are taken on trust here, the counting is
    not. What is counted are the documents with the very line that names the template, dates aside: as many must be
    claimed, or more, for those with another wording or another text behind its label. How many different *articles*
    these are cannot be told without comparing all of them, so that number is only checked to be possible.
    """

    def __init__(self, path: Path, config: Config, found: Violations) -> None:
        self._found = found
        self._config = config
        self._claims: dict[str, _Claim] = {}
        self._cut: dict[str, int] = {}
        self._sizes: Counter[str] = Counter()
        last: dict[str, tuple[str, int]] = {}
        for decision in decisions.read(path):
            if decision.template is not None:
                self._note(decision, last)
        self._listed = {f"{int(key):016x}" for key in always(config).keys}
        self._keys = np.array(sorted(int(name, 16) for name in self._claims if _is_key(name)), np.uint64)
        self._counts = np.zeros(len(self._keys), np.int64)

    def _note(self, decision: Decision, last: dict[str, tuple[str, int]]) -> None:
        name = str(decision.template)
        place = decision.file, decision.record
        claim = _Claim(decision.documents or 0, decision.articles or 0, decision.source, *place)
        first = self._claims.setdefault(name, claim)
        if first[:2] != claim[:2]:
            self._found.add(*place, f"counts the template {name} otherwise than {first.file}:{first.record} does")
        if decision.action == "cut" and last.get(name) != place:
            self._cut[name] = self._cut.get(name, 0) + 1
            last[name] = place

    def count(self, batch: Batch, source_keys: Keys) -> None:
        """Count the documents of a batch that carry each template, and those of each source."""
        self._sizes.update(batch.sources)
        if not len(self._keys):
            return
        segments = segment(batch.texts)
        documents = np.repeat(np.arange(len(batch)), np.diff(segments.line_offsets))
        carried = []
        wrapping, markup = find_fragments(batch.texts, segments), find_markup(batch.texts, segments)
        keyed = Keyed.of_counted(segments, wrapping, markup, source_keys)
        for keys in (keyed.lines, keyed.labels):
            at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            hit = self._keys[at] == keys
            carried.append(np.stack([at[hit], documents[hit]]))
        templates = np.unique(np.concatenate(carried, axis=1), axis=1)[0]
        self._counts += np.bincount(templates, minlength=len(self._keys))

    def check(self) -> None:
        """Compare what was counted with what is claimed."""
        counts = dict(zip((f"{key:016x}" for key in self._keys.tolist()), self._counts.tolist(), strict=True))
        for name, claim in self._claims.items():
            in_all = self._sizes.total() if name in self._listed else self._sizes[claim.source]
            real = max(counts.get(name, 0), self._cut.get(name, 0))
            if not real <= claim.documents <= in_all:
                message = (
                    f"{real} documents carry the template {name} and {in_all} could, but {claim.documents} are claimed"
                )
                self._found.add(claim.file, claim.record, message)
            least = 2 if name in self._cut and name not in self._listed else 1
            if not least <= claim.articles <= claim.documents:
                message = f"the template {name} cannot be in {claim.articles} different articles"
                self._found.add(claim.file, claim.record, message)


def _is_key(name: str) -> bool:
    return len(name) == 16 and all(digit in "0123456789abcdef" for digit in name)
