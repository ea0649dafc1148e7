r"""Find what a scraped corpus says twice, and strip it: verified, explained, undoable.

>>> import dedup
>>> caption = "Die neue Brücke über den Fluss wurde am Samstag feierlich eröffnet."
>>> result = dedup.clean_text(f"{caption}\n{caption}\nHunderte kamen.\n")
>>> print(result.text, end="")
Die neue Brücke über den Fluss wurde am Samstag feierlich eröffnet.
Hunderte kamen.
>>> [(d.action, d.reason, d.start, d.end) for d in result.decisions]
[('cut', 'repeat', 68, 136)]
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dedup.api import Result as Result
    from dedup.api import clean as clean
    from dedup.api import clean_text as clean_text
    from dedup.errors import DedupError as DedupError
    from dedup.index.judging import Index as Index
    from dedup.index.judging import Verdict as Verdict
    from dedup.index.opening import open_index as open_index
    from dedup.segment import split_sentences as split_sentences
    from dedup.shingle import jaccard as jaccard

__version__ = "0.1.0"

__all__ = [
    "DedupError",
    "Index",
    "Result",
    "Verdict",
    "clean",
    "clean_text",
    "jaccard",
    "open_index",
    "split_sentences",
]

# Where the public names live. They are fetched on first use: numba and pyarrow take half a second to import.
_HOMES = {
    "DedupError": "errors",
    "Index": "index.judging",
    "Result": "api",
    "Verdict": "index.judging",
    "clean": "api",
    "clean_text": "api",
    "jaccard": "shingle",
    "open_index": "index.opening",
    "split_sentences": "segment",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dedup' has no attribute {name!r}")
    return getattr(importlib.import_module(f"dedup.{_HOMES[name]}"), name)
