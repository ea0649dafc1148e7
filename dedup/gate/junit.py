"""A verdict as JUnit XML: one test for each limit, failed if it is exceeded."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from dedup.gate.text import alike, offence, safe
from dedup.gate.verdict import Measure, Verdict, summary
from dedup.visible import visible

LISTED = 100
"""Offenders in the message of a failure."""

NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (section 2.2) has no way to say."""


def render(verdict: Verdict) -> str:
    """Return the document; the offenders stand in the text of a failure, the worst first."""
    count, failures = str(len(verdict.measures)), str(len(verdict.exceeded))
    suites = ElementTree.Element("testsuites", name="dedup", tests=count, failures=failures)
    suite = ElementTree.SubElement(suites, "testsuite", name="dedup", tests=count, failures=failures, errors="0")
    for measure in verdict.measures:
        _add_case(suite, verdict, measure)
    ElementTree.indent(suites)
    return f"{ElementTree.tostring(suites, encoding='unicode', xml_declaration=False)}\n"


def _add_case(suite: ElementTree.Element, verdict: Verdict, measure: Measure) -> None:
    source = "all sources" if measure.source is None else f"source {measure.source or '(none)'}"
    name = _text(f"{measure.limit.kind}, {source}")
    case = ElementTree.SubElement(suite, "testcase", classname=f"dedup.{measure.limit.kind}", name=name)
    if not measure.is_exceeded:
        return
    groups = alike(verdict.offenders(measure))
    case.set("file", _text(groups[0][0].place.file))
    lines = [safe(offence(some)) for some in groups[:LISTED]]
    lines += [f"... and {len(groups) - LISTED:,} more"] if len(groups) > LISTED else []
    failure = ElementTree.SubElement(case, "failure", message=_text(summary(measure)), type=measure.limit.kind)
    failure.text = _text("\n".join(lines))


def _text(text: str) -> str:
    return NOT_IN_XML.sub("\ufffd", visible(text))
