"""A report as SARIF 2.1.0, the form that code hosts and editors read. Knows nothing of scanning."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from shim.migrate.finding import RULES, Finding, Report

__all__ = ["as_sarif"]

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = ("note", "warning", "warning", "error")


def as_sarif(report: Report, version: str) -> dict[str, Any]:
    """The log of one run: its rules, and a result for each finding."""
    rules = [
        {
            "id": rule.name,
            "shortDescription": {"text": rule.says},
            "help": {"text": f"{rule.cure or rule.does}. See MIGRATION.md#{rule.anchor}"},
            "defaultConfiguration": {"level": _LEVELS[rule.difficulty]},
        }
        for rule in RULES.values()
    ]
    driver = {"name": "shim scan", "version": version, "rules": rules}
    results = [_result(each) for each in report.findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(finding: Finding) -> dict[str, Any]:
    rule = RULES[finding.rule]
    what = f"{finding.text} ({finding.endpoint})" if finding.endpoint else finding.text
    return {
        "ruleId": finding.rule,
        "ruleIndex": list(RULES).index(finding.rule),
        "level": _LEVELS[rule.difficulty],
        "message": {"text": f"{what}: {rule.does}. {finding.cure}".strip()},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(finding.file), "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": finding.line, "startColumn": finding.column},
                }
            }
        ],
    }
