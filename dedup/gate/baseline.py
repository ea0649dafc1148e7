"""What is known already: a file of findings under version control, so that only new ones fail."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from dedup.config import Config
from dedup.errors import InputError, StateError
from dedup.gate.finding import Finding
from dedup.gate.limits import Kind

FORMAT = 1
UPDATE = "Make it anew with --update-baseline, and look at what changes in it."

UNUSED = ("max_loss",)
"""Settings that no finding depends on."""


class Entry(msgspec.Struct, frozen=True):
    """Findings of one fingerprint.

    Attributes:
        kind: Their kind.
        text: The beginning of the text, for people who read the file.
        fingerprint: What they are known by.
        documents: The document of each, sorted; one that has several is named several times.
    """

    kind: Kind
    text: str
    fingerprint: str
    documents: list[str]


class Baseline(msgspec.Struct, frozen=True):
    """A file of known findings.

    Attributes:
        format: Version of the file format.
        settings: The settings that were not the defaults.
        findings: What is known, sorted.
    """

    format: int
    settings: dict[str, Any]
    findings: list[Entry]


class Compared(NamedTuple):
    """Findings as a baseline sees them.

    Attributes:
        new: Those it does not know, in their order.
        known: How many it knows, without latent ones.
        gone: How many it knows that are no more.
    """

    new: list[Finding]
    known: int
    gone: int


def settings_of(config: Config) -> dict[str, Any]:
    """Return the settings that are not the defaults, as JSON has them.

    >>> settings_of(Config(threshold=0.7, max_loss=1))
    {'threshold': 0.7}
    """
    default = dataclasses.asdict(Config())
    said = dataclasses.asdict(config).items()
    return {name: msgspec.to_builtins(value) for name, value in said if value != default[name] and name not in UNUSED}


def of(findings: Sequence[Finding], config: Config) -> Baseline:
    """Return the baseline that knows some findings."""
    entries = [
        Entry(kind, findings[some[0]].text, fingerprint, sorted(document_of(findings[number]) for number in some))
        for (kind, fingerprint), some in _numbered(findings).items()
    ]
    entries.sort(key=lambda entry: (entry.kind, entry.documents, entry.text, entry.fingerprint))
    return Baseline(FORMAT, settings_of(config), entries)


def encode(baseline: Baseline) -> bytes:
    """Return the file's bytes: the same for the same findings, one value a line, so that changes can be read."""
    return msgspec.json.format(msgspec.json.encode(baseline), indent=1) + b"\n"


def read(path: Path, config: Config) -> Baseline:
    """Read a baseline.

    Raises:
        InputError: There is none.
        StateError: The file is damaged, or was made under other settings.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Baseline)
    except FileNotFoundError:
        raise InputError("does not exist", file=str(path), hint="Make it with --update-baseline.") from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=str(path), hint="Check the path.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(f"this is no baseline ({error})", file=str(path), hint=UPDATE) from None
    if found.format != FORMAT:
        raise StateError(f"has the format {found.format}, and this version reads {FORMAT}", file=str(path), hint=UPDATE)
    settings = settings_of(config)
    for name in sorted(found.settings.keys() | settings.keys()):
        if found.settings.get(name) != settings.get(name):
            raise StateError(
                f"was made with {_said(found.settings, name)}, and this run has {_said(settings, name)}",
                file=str(path),
                hint=f"Use the same settings. {UPDATE}",
            )
    return found


def _said(settings: dict[str, Any], name: str) -> str:
    return f"{name} {settings[name]!r}" if name in settings else f"the default of {name}"


def compare(findings: Sequence[Finding], baseline: Baseline) -> Compared:
    """Take away what a baseline knows.

    Of findings with one fingerprint as many are known as the baseline has: those in the documents it names, and if
    documents were renamed, the first of the others. A known duplicate whose text was edited is known by its id. If all
    documents of a cluster are known but the one that stays, then that one is new.
    """
    entries = {(entry.kind, entry.fingerprint): Counter(entry.documents) for entry in baseline.findings}
    known: set[int] = set()
    for key, numbers in _numbered(findings).items():
        known |= _known(findings, numbers, entries.get(key, Counter()))
    edited: Counter[str] = Counter()
    for (kind, _), documents in entries.items():
        if kind == "duplicates":
            edited += documents
    for number, finding in enumerate(findings):
        if number not in known and finding.kind == "duplicates" and edited[finding.document] > 0:
            edited[finding.document] -= 1
            known.add(number)
    new = _with_keepers([finding for number, finding in enumerate(findings) if number not in known], findings, known)
    latent = sum(findings[number].is_latent for number in known)
    return Compared(new, len(known) - latent, sum(len(entry.documents) for entry in baseline.findings) - len(known))


def _known(findings: Sequence[Finding], numbers: list[int], documents: Counter[str]) -> set[int]:
    """Return which findings of one fingerprint are known, and take them from what is known of it."""
    known = set()
    for number in numbers:
        document = document_of(findings[number])
        if documents[document] > 0:
            documents[document] -= 1
            known.add(number)
    others = [number for number in numbers if number not in known][: documents.total()]
    documents.subtract(list(itertools.islice(documents.elements(), len(others))))
    return known.union(others)


def _with_keepers(new: list[Finding], findings: Sequence[Finding], known: set[int]) -> list[Finding]:
    """Return new findings, with those keepers no longer latent that joined a known cluster."""
    old = {findings[number].keeper for number in known if not findings[number].is_latent}
    return [
        msgspec.structs.replace(one, is_latent=False) if one.keeper is not None and one.keeper in old else one
        for one in new
    ]


def _numbered(findings: Sequence[Finding]) -> dict[tuple[Kind, str], list[int]]:
    """Put the numbers of findings of one kind and fingerprint together."""
    numbered: dict[tuple[Kind, str], list[int]] = {}
    for number, finding in enumerate(findings):
        numbered.setdefault((finding.kind, finding.fingerprint), []).append(number)
    return numbered


def document_of(finding: Finding) -> str:
    """Name a finding's document by what does not change when records move: its id, or else its file."""
    generated = finding.document.endswith(f":{finding.place.record}")
    return finding.document.removesuffix(f":{finding.place.record}") if generated else finding.document
