"""Trees of source files, as programs have them, and what commands say of them."""

from __future__ import annotations

import json
from datetime import date
from textwrap import dedent

from click.testing import CliRunner

from shim.cli import main
from shim.migrate.scan import scan

TODAY = date(2026, 11, 25)


def write(root, **files):
    """Write files below a folder; `__` in a name is a folder's end, a last `_py` the suffix."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return root


def found(root, *rules):
    """What a scan finds below a folder, of some rules or all: file, line, rule and text."""
    report = scan(root, TODAY)
    return [
        (each.file, each.line, each.rule, each.text)
        for each in report.findings
        if not rules or each.rule in rules
    ]


def texts(root, *rules):
    """The texts alone."""
    return [text for *_, text in found(root, *rules)]


def shim(*arguments):
    """Run a command."""
    return CliRunner().invoke(main, [str(each) for each in arguments])


def notebook(*cells, magics=()):
    """A notebook, as Jupyter writes it."""
    value = {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": None,
                "metadata": {},
                "outputs": [],
                "source": dedent(cell).strip("\n").splitlines(keepends=True),
            }
            for cell in cells
        ],
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
