"""Lines that are no units: nothing of them is counted, compared or cut."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dedup.columns import Column
from dedup.fragments import find_fragments
from dedup.markdown import find_markup
from dedup.segment import Segments


def find_apart(texts: Column, segments: Segments) -> npt.NDArray[np.bool_]:
    r"""Say which lines are pieces of hard-wrapped sentences, or no paragraphs of Markdown: bool[lines].

    >>> from dedup.segment import segment
    >>> page = Column.of(["# Ferry\n\nThe ferry is back.\n", "The council has decided that the old\nbridge goes.\n"])
    >>> find_apart(page, segment(page)).tolist()
    [True, True, False, True, True]
    """
    return find_fragments(texts, segments) | find_markup(texts, segments)
