# /// script
# requires-python = ">=3.11"
# dependencies = ["datatrove[processing]==0.10.1", "spacy==3.8.18", "orjson==3.13.0"]
#
# [tool.benchmark]
# slow = true
# ///
"""Deduplicate with datatrove's four MinHash steps, run one after the other in this process. It verifies nothing."""

import tempfile
from pathlib import Path

from articles import BANDS, ROWS, SHINGLE_WORDS, paths
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter


def main() -> None:
    """Run the steps as datatrove's own example does, with one task each."""
    source, target = paths()
    config = MinhashConfig(n_grams=SHINGLE_WORDS, num_buckets=BANDS, hashes_per_bucket=ROWS)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        signatures, buckets, removed, kept, logs = (
            f"{folder}/{name}" for name in ("sign", "bands", "gone", "kept", "logs")
        )
        reader = JsonlReader(str(source.parent), glob_pattern=source.name)
        steps = (
            [reader, MinhashDedupSignature(signatures, config=config)],
            [MinhashDedupBuckets(signatures, buckets, config=config)],
            [MinhashDedupCluster(buckets, removed, config=config)],
            [reader, MinhashDedupFilter(removed), JsonlWriter(kept, compression=None)],
        )
        for number, step in enumerate(steps):
            # The bands are a task each; the other steps are one.
            tasks = BANDS if number == 1 else 1
            LocalPipelineExecutor(step, tasks=tasks, workers=1, logging_dir=f"{logs}/{number}").run()
        [written] = Path(kept).iterdir()
        written.rename(target)


if __name__ == "__main__":
    main()
