# /// script
# requires-python = ">=3.11"
# dependencies = ["gaoya==0.2.2"]
# ///
"""Deduplicate with gaoya: MinHashStringIndex, which tokenises in Rust, similarity estimated from the signatures."""

from articles import BANDS, ROWS, SHINGLE_WORDS, THRESHOLD, paths, texts, write_kept
from gaoya.minhash import MinHashStringIndex

source, target = paths()
index = MinHashStringIndex(
    hash_size=32,
    jaccard_threshold=THRESHOLD,
    num_bands=BANDS,
    band_size=ROWS,
    analyzer="word",
    lowercase=True,
    ngram_range=(SHINGLE_WORDS, SHINGLE_WORDS),
    id_container="smallvec",
)
kept = []
for number, text in enumerate(texts(source)):
    kept.append(not index.query(text))
    if kept[-1]:
        index.insert_document(number, text)
write_kept(source, target, kept)
