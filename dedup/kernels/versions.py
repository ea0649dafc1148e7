"""Grouping versions of one article, so that a crawl's repetitions are not counted as a site's boilerplate."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def group_versions(
    order, offsets, units, widths, common, countless, owned, own, residual, total,
    least_residual, least_residual_share, own_share, share, mass, mass_share, reach, most, leaders,
):  # fmt: skip
    """Give every document, longest first, the leader that holds most of its text, or make it a leader.

    A document is a version of a leader that holds
    - `share` of its units that two documents carry at most, where these are `own_share` of all that are not common, or
    - `share` of its units that are not common, or
    - `share` of everything, where next to nothing is its own, or
    - `mass` columns of it and `mass_share` of everything, countless units aside: no site has that much boilerplate.

    Args:
        order: int64[n], documents, longest first.
        offsets: int64[n + 1], the units of document d are units[offsets[d]:offsets[d + 1]].
        units: int32[], unit numbers from 0.
        widths: int32[units], columns of each unit.
        common: bool[units], units that so many documents carry that they say little about versions.
        countless: bool[units], common ones that even more documents carry.
        owned: bool[units], units that two documents carry at most.
        own: int64[n], columns of the document's units that are owned, with those no other document has.
        residual: int64[n], columns of the document's units that are not common, with those no other document has.
        total: int64[n], columns of all its units.
        least_residual: Columns below which the residual is next to nothing.
        least_residual_share: The same as a share of the document.
        own_share: See above.
        share: See above.
        mass: See above.
        mass_share: See above.
        reach: Leaders remembered per common unit, which bounds the work on short pages that are all template.
        most: Leaders remembered per unit that is not common.
        leaders: int64[n], out.
    """
    n = offsets.shape[0] - 1
    heads = np.full(widths.shape[0], -1, np.int64)
    lengths = np.zeros(widths.shape[0], np.int64)
    # A posting is the position in `units` of a leader's unit; `following` chains those of one unit.
    # Postings and documents are numbered in 32 bits: there are many.
    following = np.full(units.shape[0], -1, np.int32)
    owner = np.empty(units.shape[0], np.int32)
    # Columns a leader holds of the document at hand: of units that are not common, of all but the countless, of all,
    # and of owned units.
    held = np.zeros((n, 4), np.int64)
    stamp = np.full(n, -1, np.int64)
    touched = np.empty(n, np.int64)
    for i in range(n):
        document = order[i]
        nothing_own = residual[document] < max(least_residual, least_residual_share * total[document])
        has_own = own[document] >= max(least_residual, own_share * residual[document])
        count = 0
        for at in range(offsets[document], offsets[document + 1]):
            unit = units[at]
            posting = heads[unit]
            while posting >= 0:
                leader = owner[posting]
                if stamp[leader] != document:
                    stamp[leader] = document
                    held[leader] = 0
                    touched[count] = leader
                    count += 1
                if not common[unit]:
                    held[leader, 0] += widths[unit]
                if not countless[unit]:
                    held[leader, 1] += widths[unit]
                held[leader, 2] += widths[unit]
                if owned[unit]:
                    held[leader, 3] += widths[unit]
                posting = following[posting]
        best = -1
        for j in range(count):
            leader = touched[j]
            if has_own:
                is_version = held[leader, 3] >= share * own[document]
            elif nothing_own:
                is_version = held[leader, 2] >= share * total[document]
            else:
                is_version = (
                    held[leader, 0] >= share * min(residual[document], residual[leader]) and held[leader, 0] > 0
                )
            is_version = is_version or (held[leader, 1] >= mass and held[leader, 1] >= mass_share * total[document])
            # Ties go to the one met first: units and leaders are in an order that depends only on what they say.
            if is_version and (
                best < 0
                or held[leader, 2] > held[best, 2]
                or (held[leader, 2] == held[best, 2] and total[leader] > total[best])
            ):
                best = leader
        if best >= 0:
            leaders[document] = best
            continue
        leaders[document] = document
        for at in range(offsets[document], offsets[document + 1]):
            unit = units[at]
            if lengths[unit] >= (reach if common[unit] else most):
                continue
            lengths[unit] += 1
            owner[at] = document
            following[at] = heads[unit]
            heads[unit] = at
