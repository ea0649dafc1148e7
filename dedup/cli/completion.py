"""What the shell is told when a value is half typed."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from dedup.config import KEEP_FIELDS, KEEP_POLICIES, KINDS


def complete_path(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Have the shell complete files and folders."""
    return [CompletionItem(incomplete, type="file")]


def complete_kinds(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the last kind of a list with commas; offer none twice."""
    before, comma, last = incomplete.rpartition(",")
    named = before.split(",")
    return [CompletionItem(f"{before}{comma}{kind}") for kind in KINDS if kind.startswith(last) and kind not in named]


def complete_keep(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a keep policy; the field after max: and min: only the user knows."""
    return [CompletionItem(policy) for policy in (*KEEP_POLICIES, *KEEP_FIELDS) if policy.startswith(incomplete)]
