"""What is decided on documents as a whole: who goes, and what is suspicious about one that stays.

There may be as many such decisions as documents, so that they are told column by column.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from dedup import forms
from dedup.cluster import REACH
from dedup.columns import Column, Ints
from dedup.decisions import Decision
from dedup.plan import Places, Plan

BORDERLINE = 0.05
"""A document that stays, but is this little below the threshold, is flagged."""

KINDS = EQUAL, NEAR, EMPTY, STRUCTURED, HELD, CROWDED, CLOSE, UNLIKE = range(8)
"""The kinds of decisions, in the order in which they are told of one document; the first two drop it."""


class Outright(NamedTuple):
    """Decisions on some documents.

    Attributes:
        rows: int64[decisions], ascending, the row of the document that each is on.
        lines: The decisions.
    """

    rows: Ints
    lines: forms.Lines


def borderline(plan: Plan) -> npt.NDArray[np.bool_]:
    """Return which documents stay though they nearly went: bool[documents]."""
    return _staying(plan, plan.config.threshold - BORDERLINE) & ~unlike(plan)


def unlike(plan: Plan) -> npt.NDArray[np.bool_]:
    """Return which documents stay since they were too unlike as they came: bool[documents]."""
    return _staying(plan, plan.config.threshold)


def _staying(plan: Plan, least: float) -> npt.NDArray[np.bool_]:
    """Return which documents stay though they are so similar to one that does."""
    return ~plan.dropped & (plan.clusters.nearest >= 0) & (plan.clusters.similarities >= least)


class Teller:
    """Says what is decided on the documents of a plan as a whole.

    Attributes:
        kinds: bool[documents, kinds], what is said of each.
    """

    def __init__(self, plan: Plan, names: list[str]) -> None:
        self._plan = plan
        self._names = names
        goes, equal, documents = plan.dropped, plan.is_copy, plan.documents
        self.kinds = np.zeros((len(documents), len(KINDS)), np.bool_)
        self.kinds[:, EQUAL] = goes & equal
        self.kinds[:, NEAR] = goes & ~equal
        self.kinds[:, EMPTY] = ~goes & documents.whole
        self.kinds[:, STRUCTURED] = ~goes & documents.structured
        self.kinds[:, HELD] = ~goes & (plan.contained.holders >= 0)
        self.kinds[:, CROWDED] = ~goes & plan.clusters.crowded
        self.kinds[:, CLOSE] = borderline(plan)
        self.kinds[:, UNLIKE] = unlike(plan)
        self._forms = _forms(plan.config.threshold, plan.config.least_original)

    def tell(self, documents: Ints, places: Places, cut_rows: Ints, cuts: Ints) -> Outright:
        """Return the decisions on some documents.

        Args:
            documents: Their numbers, ascending.
            places: Where they are from.
            cut_rows: int64[cuts], ascending, the row of each cut of them.
            cuts: int64[cuts, 2], its first code point in the original text, and one past its last.
        """
        plan = self._plan
        rows, kinds = np.nonzero(self.kinds[documents])
        told = documents[rows]
        is_drop, is_near, is_held = kinds <= NEAR, kinds == NEAR, kinds == HELD
        is_close, is_unlike = kinds >= CLOSE, kinds == UNLIKE
        has_holder = (is_drop | is_held) & (plan.contained.holders[told] >= 0)
        others = plan.clusters.keepers, plan.contained.holders, plan.clusters.nearest
        named = np.select([is_drop, is_held, is_close], [column[told] for column in others], -1)
        keepers, keeper_rows = _distinct(named, named >= 0)
        of_keepers = plan.places(keepers, self._names)
        spans = _spans(rows, is_near, cut_rows, cuts)
        lines = forms.filled(
            forms.DOCUMENT_HOLES,
            self._forms,
            4 * kinds + 2 * has_holder + (spans.rows >= 0),
            texts=place_texts(places, rows)
            | {
                "keeper": forms.Texts(of_keepers.ids, keeper_rows),
                "keeper_file": forms.Texts(of_keepers.files, _at(of_keepers.of_files, keeper_rows)),
            },
            numbers={
                "record": forms.Numbers(places.records[rows], rows >= 0),
                "keeper_record": forms.Numbers(_at(of_keepers.records, keeper_rows), keeper_rows >= 0),
            },
            encoded={
                "similarity": _shares(plan.clusters.similarities[told], is_drop | is_close),
                "similarity_original": _shares(plan.clusters.originals[told], is_near | is_unlike),
                "containment": _shares(plan.contained.shares[told], has_holder),
                "cuts": spans,
            },
        )
        return Outright(rows, lines)


def place_texts(places: Places, rows: Ints) -> dict[str, forms.Texts]:
    """Return what goes into the holes of decisions on documents at some rows of `places`; -1 for no document."""
    return {
        "document": forms.Texts(places.ids, rows),
        "source": forms.Texts(places.sources, _at(places.of_sources, rows)),
        "file": forms.Texts(places.files, _at(places.of_files, rows)),
    }


def _at(values: Ints, rows: Ints) -> Ints:
    """Return the values at some rows, and -1 at -1."""
    found: Ints = np.append(values, -1)[rows]
    return found


@functools.cache
def _forms(threshold: float, floor: float) -> list[forms.Form]:
    """Return the forms of every kind of decision: as it is, with cuts, with a containment, and with both."""
    decisions = _decisions(threshold, floor)
    return [
        forms.form_of(
            msgspec.structs.replace(decisions[kind], **{name: forms.HOLES[name] for name in added}),
            forms.DOCUMENT_HOLES,
        )
        for kind in KINDS
        for added in ((), ("cuts",), ("containment",), ("cuts", "containment"))
    ]


def _decisions(threshold: float, floor: float) -> dict[int, Decision]:
    """Return a decision of each kind, with holes."""

    def told(action: Any, reason: Any, *holes: str, why: str | None = None) -> Decision:
        return Decision(
            action=action, reason=reason, why=why, **forms.PLACE, **{name: forms.HOLES[name] for name in holes}
        )

    keeper = "keeper", "keeper_file", "keeper_record"
    both = "similarity", "similarity_original"
    return {
        EQUAL: told("drop", "exact-duplicate", "similarity", *keeper),
        NEAR: told("drop", "near-duplicate", *both, *keeper),
        EMPTY: told(
            "flag",
            "boilerplate",
            why="every line of it is boilerplate of its source; it stays whole rather than empty",
        ),
        STRUCTURED: told(
            "flag",
            "repeat",
            why="what stands more than once in it may be meant: a refrain, a list, another heading; it stays",
        ),
        HELD: told(
            "flag",
            "near-duplicate",
            "containment",
            *keeper,
            why="a longer document of its source holds nearly all of it; it stays",
        ),
        CROWDED: told(
            "flag",
            "near-duplicate",
            why=f"meets more than {REACH:,} articles in a band, and only the last of them were compared; it stays",
        ),
        CLOSE: told(
            "flag",
            "near-duplicate",
            "similarity",
            *keeper,
            why=f"nearly as similar as the threshold of {threshold:g} asks; it stays",
        ),
        UNLIKE: told(
            "flag",
            "near-duplicate",
            *both,
            *keeper,
            why=f"similar without what was cut, but below the floor of {floor:g} as they came; it stays",
        ),
    }


def _distinct(values: npt.NDArray[Any], are_given: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[Any], Ints]:
    """Return the values that are given, each once and ascending, and the row among them of every one; -1 for none."""
    distinct, rows = np.unique(values[are_given], return_inverse=True)
    of = np.full(len(values), -1)
    of[are_given] = rows
    return distinct, of


def _shares(values: npt.NDArray[np.float64], are_given: npt.NDArray[np.bool_]) -> forms.Texts:
    """Return shares as they stand in JSON."""
    distinct, rows = _distinct(values, are_given)
    return forms.Texts(Column.join(msgspec.json.encode(distinct.tolist())[1:-1].split(b",")), rows)


def _spans(rows: Ints, is_near: npt.NDArray[np.bool_], cut_rows: Ints, cuts: Ints) -> forms.Texts:
    """Return for each near-duplicate that goes its cuts as they stand in JSON: they do not count in the similarity."""
    bounds = np.searchsorted(cut_rows, np.stack([rows, rows + 1], axis=1))
    has_cuts = is_near & (bounds[:, 0] < bounds[:, 1])
    spans = cuts.tolist() if has_cuts.any() else []
    of = np.full(len(rows), -1)
    of[has_cuts] = np.arange(has_cuts.sum())
    return forms.Texts(
        Column.join([msgspec.json.encode(spans[first:last]) for first, last in bounds[has_cuts].tolist()]), of
    )
