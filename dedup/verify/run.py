"""The audit of a finished run: its input, its output and what stands beside it must bear each other out."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from dedup import decisions, manifest, readers, undo
from dedup.assembly.local import as_local
from dedup.errors import DedupError
from dedup.manifest import REJECTED, Manifest
from dedup.plan import Progress, silent
from dedup.readers import Corpus
from dedup.staging import SIDECAR_SUFFIX
from dedup.verify.claims import read_claims
from dedup.verify.outputs import Expected, check_outputs, compare_tables, digest_of_plain, plain_bytes
from dedup.verify.similar import check_ties
from dedup.verify.tallies import check_report, read_report
from dedup.verify.templates import TemplateClaims
from dedup.verify.violations import Violation, Violations
from dedup.work import work_folder

DECISIONS, REPORT = "decisions.jsonl", "report.json"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an audit came to.

    Attributes:
        documents: Documents of the input.
        dropped: Those that went.
        cuts: Spans that went from others.
        outside: Documents that went for one in an index, so that how similar they are was not looked at.
        violations: The first promises found broken.
        count: How many there are; 0 if the run is sound.
    """

    documents: int
    dropped: int
    cuts: int
    outside: int
    violations: list[Violation]
    count: int

    @property
    def summary(self) -> str:
        """All of it in one line."""
        read = f"{self.documents:,} documents, {self.dropped:,} dropped, {self.cuts:,} spans cut"
        if self.outside:
            read += f" ({self.outside:,} documents went for others in an index, which were not looked at)"
        if not self.count:
            return f"{read}: every promise holds"
        more = self.count - len(self.violations)
        return f"{read}: {self.count:,} violations{f', {more:,} of them not listed' if more else ''}"


def verify(
    inputs: list[str],
    output: str,
    *,
    sidecar: Path | None = None,
    format: str | None = None,  # noqa: A002
    progress: Progress = silent,
) -> Verdict:
    """Check the promises of a finished run from its files alone.

    The counts add up; each decision fits the text it is about and is carried out; what no decision names is in the
    output byte for byte (in Parquet, value for value); whatever a document was dropped for stays and is as similar as
    claimed, computed anew; and the input can be restored. Settings are those in the decisions. The input is read about
    six times, and restored into a temporary folder.

    Of a run on top of an index, documents that went for a stored one are counted, not compared, and so are the counts
    of boilerplate, which stored documents are part of.

    Args:
        inputs: What was cleaned.
        output: What came of it.
        sidecar: The folder with decisions, report and undo data; None for its usual place.
        format: The format of inputs whose names do not tell, as it was given to the run.
        progress: Told how far the audit is.

    Raises:
        StateError: There is no complete sidecar, or the decisions are about other files.
        InputError: The input cannot be read.
    """
    path = Path(output)
    if not path.name or path.name == "..":
        path = path.resolve()
    folder = sidecar or path.with_name(path.name + SIDECAR_SUFFIX)
    with as_local(path, folder) as (path, folder):
        return _audit(inputs, path, folder, format, progress)


def _audit(
    inputs: list[str],
    path: Path,
    folder: Path,
    format: str | None,  # noqa: A002
    progress: Progress,
) -> Verdict:
    """Check the promises of a run, as `verify` does."""
    listed = manifest.read(folder)
    found = Violations()
    for error in manifest.changes(folder, listed):
        if not Path(error.file).is_file():
            raise error
        found.add(error.file, 0, error.message)
    report = read_report(folder / REPORT)
    has_index = "index" in report
    head, config = decisions.read_header(folder / DECISIONS), decisions.config_of(folder / DECISIONS)
    with work_folder() as work:
        on_error = "skip" if (folder / REJECTED).exists() else "fail"
        corpus = readers.open_corpus(
            inputs, config, work=work, format=format, on_error=on_error, max_expansion=math.inf
        )
        decisions.check_inputs(folder / DECISIONS, corpus.names)
        templates = TemplateClaims(folder / DECISIONS, config, found)
        claims = read_claims(folder / DECISIONS, corpus, templates, found, progress)
        if not has_index:
            templates.check()
        outside = check_ties(claims, corpus, config, found, progress, has_index=has_index)
        check_report(folder / REPORT, report, head, claims, corpus, found)
        check_outputs(path, listed, claims, corpus, found, progress)
        _check_restore(path, folder, listed, corpus, work, found)
        stays = ~claims.dropped[claims.cuts[:, 0]]
        counts = len(claims.records), int(claims.dropped.sum()), int(stays.sum()), outside
        return Verdict(*counts, found.kept, found.count)


def _check_restore(output: Path, folder: Path, listed: Manifest, corpus: Corpus, work: Path, found: Violations) -> None:
    """Restore the input into a work folder and compare it with the input."""
    target = work / "restored"
    if not listed.is_folder:
        target.mkdir()
        target /= Path(listed.files[0].name).name
    try:
        undo.restore(str(output), str(target), sidecar=folder)
    except DedupError as error:
        shown = error.file.replace(os.path.abspath(output), str(output), 1)
        found.add(shown or str(output), 0, f"cannot be restored: {error.message}")
        return
    except ValueError as error:
        found.add(str(folder), 0, f"cannot be restored: {error}")
        return
    for entry in listed.files:
        source = corpus.files[entry.index]
        path = target / entry.name if listed.is_folder else target
        if entry.kind == "parquet":
            difference = compare_tables(source, path, corpus.fields.text, Expected(set(), {}))
            is_whole = difference is None
        else:
            with source.open() as before, plain_bytes(path, entry.compression) as after:
                is_whole = digest_of_plain(before) == digest_of_plain(after)
        if not is_whole:
            found.add(entry.name, 0, "would not be restored as it was")
