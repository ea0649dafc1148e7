# /// script
# requires-python = ">=3.12"
# dependencies = ["text-dedup==0.4.1"]
#
# [tool.benchmark]
# slow = true
# ///
"""Deduplicate with text-dedup's MinHash pipeline, its exact check included.

Without the check it keeps none of the documents of most clusters.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from articles import BANDS, HASHES, ROWS, SHINGLE_WORDS, THRESHOLD, paths

CONFIG = """
[input]
input_type = "local_files"
file_type = "json"
[input.read_arguments]
path = "json"
data_files = {source}
split = "train"
[algorithm]
algorithm_name = "minhash"
text_column = "text"
num_perm = {hashes}
bands = {bands}
rows = {rows}
ngram_size = {words}
threshold = {threshold}
check_false_positive = true
num_proc = 1
[output]
output_dir = {output}
[debug]
enable_profiling = false
"""


def main() -> None:
    """Run the pipeline in a folder of its own, so that no run finds the caches of another."""
    source, target = paths()
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        os.environ["HF_DATASETS_CACHE"] = folder
        from datasets import load_from_disk
        from text_dedup import minhash
        from text_dedup.config.base import load_config_from_toml

        output = Path(folder, "output")
        config = Path(folder, "config.toml")
        names = {"source": json.dumps(str(source)), "output": json.dumps(str(output))}
        shape = {"hashes": HASHES, "bands": BANDS, "rows": ROWS, "words": SHINGLE_WORDS, "threshold": THRESHOLD}
        config.write_text(CONFIG.format(**names, **shape))
        minhash.main(load_config_from_toml(config))
        load_from_disk(str(output)).to_json(str(target), force_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
