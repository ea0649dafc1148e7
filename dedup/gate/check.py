"""The check itself: judge the input, take away what is known, measure the rest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dedup import jobs
from dedup.config import Config
from dedup.errors import UsageError
from dedup.gate import baseline, changes, verdict
from dedup.gate.findings import find
from dedup.gate.limits import Limit
from dedup.gate.output import write_whole
from dedup.gate.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Rules:
    """What a check goes by.

    Attributes:
        limits: What is allowed.
        baseline: A file of findings that are known and do not count; None for none.
        update_baseline: Write that file instead of measuring against it.
        changed_since: A Git revision; what concerns no file that differs from it does not count.
        changed_files: A file that lists the changed files; `-` for standard input.
    """

    limits: tuple[Limit, ...]
    baseline: Path | None = None
    update_baseline: bool = False
    changed_since: str | None = None
    changed_files: str | None = None

    def __post_init__(self) -> None:
        if self.update_baseline and self.baseline is None:
            raise UsageError("--update-baseline needs a file", hint="Name it with --baseline.")
        if self.changed_since is not None and self.changed_files is not None:
            raise UsageError("--changed-since and --changed-files say the same", hint="Give one of them.")
        if self.update_baseline and (self.changed_since is not None or self.changed_files is not None):
            raise UsageError("a baseline knows the whole input", hint="Update it without naming changes.")


def check(inputs: list[str], config: Config, run: jobs.Run, rules: Rules) -> Verdict:
    """Judge the input and measure what is found; with `update_baseline`, also write the baseline.

    Raises:
        DedupError: The input, the baseline or the changes cannot be read, or the baseline cannot be written.
    """
    known = None
    if rules.baseline is not None and not rules.update_baseline:
        known = baseline.read(rules.baseline, config)
    paths = _changed(rules, inputs)
    with jobs.judged(inputs, config, run) as (corpus, plan):
        changed = None if paths is None else changes.among(corpus.files, paths)
        with_flags = any(limit.kind == "flags" for limit in rules.limits)
        findings = list(find(corpus, plan, changed, flags=with_flags, latent=rules.baseline is not None))
        looked_at = verdict.sizes(plan, changed)
        sources, rejected = plan.documents.source_names, len(corpus.rejected)
    if rules.baseline is not None and rules.update_baseline:
        known = baseline.of(findings, config)
        write_whole(rules.baseline, baseline.encode(known))
    compared = None if known is None else baseline.compare(findings, known)
    new = [one for one in (compared.new if compared else findings) if one.is_changed and not one.is_latent]
    return Verdict(
        measures=tuple(verdict.measure(new, looked_at, rules.limits)),
        findings=tuple(new),
        size=verdict.total(looked_at),
        known=compared and compared.known,
        gone=compared.gone if compared else 0,
        changed=None if changed is None else len(changed),
        rejected=rejected,
        unused=verdict.unused(rules.limits, sources),
    )


def _changed(rules: Rules, inputs: list[str]) -> changes.Paths | None:
    if rules.changed_since is not None:
        return changes.since(rules.changed_since, inputs)
    if rules.changed_files is not None:
        if rules.changed_files == "-" in inputs:
            raise UsageError("standard input is an input and the list of changed files", hint="Name a file for one.")
        return changes.listed(rules.changed_files)
    return None
