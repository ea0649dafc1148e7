# /// script
# requires-python = ">=3.11"
# dependencies = ["rensa==0.5.0"]
# ///
"""Deduplicate with rensa: RMinHashDeduplicator with LSH, similarity estimated from the signatures.

Bands must divide the signature evenly, hence 16 of 8 and not 18 of 7: a pair at the threshold is a candidate with
probability 0.95.
"""

from articles import HASHES, THRESHOLD, paths, shingles, texts, write_kept
from rensa import RMinHashDeduplicator

source, target = paths()
deduplicator = RMinHashDeduplicator(threshold=THRESHOLD, num_perm=HASHES, use_lsh=True, num_bands=16)
entries = ((str(number), shingles(text)) for number, text in enumerate(texts(source)))
write_kept(source, target, deduplicator.add_pairs(entries))
