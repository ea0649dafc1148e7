# /// script
# requires-python = ">=3.11"
# dependencies = ["datasketch==2.0.0", "xxhash==3.5.0"]
# ///
"""Deduplicate with datasketch: MinHash and MinHashLSH in memory, similarity estimated from the signatures."""

from articles import BANDS, HASHES, ROWS, THRESHOLD, paths, shingles, texts, write_kept
from datasketch import MinHash, MinHashLSH
from xxhash import xxh32_intdigest

source, target = paths()
index = MinHashLSH(threshold=THRESHOLD, num_perm=HASHES, params=(BANDS, ROWS))
empty = MinHash(num_perm=HASHES, hashfunc=xxh32_intdigest)
signatures: dict[int, MinHash] = {}
kept = []
for number, text in enumerate(texts(source)):
    signature = empty.copy()
    signature.update_batch([shingle.encode() for shingle in shingles(text)])
    stays = all(signatures[other].jaccard(signature) < THRESHOLD for other in index.query(signature))
    if stays:
        index.insert(number, signature, check_duplication=False)
        signatures[number] = signature
    kept.append(stays)
write_kept(source, target, kept)
