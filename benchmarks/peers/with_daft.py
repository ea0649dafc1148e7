# /// script
# requires-python = ">=3.11"
# dependencies = ["daft==0.7.26", "numpy==2.3.4"]
# ///
"""Deduplicate with daft's MinHash expression and bands in numpy, similarity estimated from the signatures.

Each document is compared with the first one of its bucket, in every band.
"""

import daft
import numpy as np
from articles import BANDS, HASHES, ROWS, SHINGLE_WORDS, THRESHOLD, paths, write_kept
from daft import col
from daft.functions import minhash, normalize

source, target = paths()
words = normalize(col("text"), remove_punct=True, lowercase=True, white_space=True)
hashes = minhash(words, num_hashes=HASHES, ngram_size=SHINGLE_WORDS, hash_function="xxhash")
column = daft.read_json(str(source)).select(hashes.alias("hashes")).to_arrow()["hashes"].combine_chunks()
signatures = column.flatten().to_numpy().reshape(-1, HASHES)
kept = np.ones(len(signatures), bool)
for band in range(BANDS):
    key = np.zeros(len(signatures), np.uint64)
    for row in range(ROWS):
        key = (key ^ signatures[:, band * ROWS + row]) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    _, first, bucket = np.unique(key, return_index=True, return_inverse=True)
    others = np.flatnonzero(first[bucket] != np.arange(len(key)))
    shared = (signatures[others] == signatures[first[bucket[others]]]).mean(axis=1)
    kept[others[shared >= THRESHOLD]] = False
write_kept(source, target, kept.tolist())
