"""When the rule model runs Python, what it writes, and what it says of the outcome.

Code that the user wrote in a fence is run as it is; for files with tables and for charts it
writes a few plain lines itself. Knows a view only.
"""

from __future__ import annotations

import re

from shim.offline.outputs import Code
from shim.offline.view import View

__all__ = ["answer", "wanted"]

_FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL)
_SUM = re.compile(
    r"(?<![\w.])\(*-?\d+(?:\.\d+)?\)*(?:\s*(?:\*\*|//|[-+*/%])\s*\(*-?\d+(?:\.\d+)?\)*)+"
)
_STATISTICS = re.compile(
    r"\b(?:sum|total|average|mean|minimum|maximum|analy[sz]e|statistics|how many rows)\b",
    re.IGNORECASE,
)
_CHART = re.compile(r"\b(?:chart|plot|graph|visuali[sz]\w*|diagram|histogram)\b", re.IGNORECASE)
_WRITE = re.compile(
    r"\b(?:make|create|write|save|export|generate)\b.*\b(?:csv|file)\b", re.IGNORECASE | re.DOTALL
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_BRIEF = 2000

_LOAD = """import csv
with open({path!r}, newline="") as file:
    rows = list(csv.DictReader(file))
columns = {{}}
for name in rows[0] if rows else ():
    try:
        columns[name] = [float(row[name]) for row in rows]
    except ValueError:
        pass
"""
_NUMBERS = "columns = {{'value': {numbers}}}\n"
_TELL = """for name, values in columns.items():
    print(f"{name}: sum {sum(values):g}, average {sum(values) / len(values):g}")
"""
_SAVE = """import csv
with open("/mnt/data/result.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values()))
"""
_DRAW = """import shim_png
chart = shim_png.bars(list(columns.values())[-1], title=list(columns)[-1])
chart.save("/mnt/data/chart.png")
chart
"""


def wanted(view: View) -> Code | None:
    """Code, if the user wrote some or asks for what needs it, and none ran since."""
    if view.cells or view.tool("code_interpreter") is None or not view.text:
        return None
    if not view.may_use("code_interpreter"):
        return None
    source = _source(view)
    if source is None and view.must_use("code_interpreter"):
        source = f"print({view.text!r})"
    return None if source is None else Code(source)


def _source(view: View) -> str | None:
    text = view.text
    if fenced := _FENCE.findall(text):
        return "\n".join(each.rstrip() for each in fenced)
    tasks = [
        code
        for pattern, code in ((_STATISTICS, _TELL), (_WRITE, _SAVE), (_CHART, _DRAW))
        if pattern.search(text)
    ]
    data = _data(view)
    if tasks and data is not None:
        return data + "".join(tasks)
    calculation = _SUM.search(text)
    return calculation[0] if calculation and _balanced(calculation[0]) else None


def _data(view: View) -> str | None:
    """How the numbers come in: from the table that is named or there, else from the text."""
    tables = [name for name in view.files if name.lower().endswith(".csv")]
    named = [name for name in tables if name.split("-", 2)[-1].lower() in view.text.lower()]
    if tables:
        return _LOAD.format(path=f"/mnt/data/{(named or tables)[0]}")
    numbers = [float(each) for each in _NUMBER.findall(view.text)]
    return _NUMBERS.format(numbers=numbers) if numbers else None


def _balanced(text: str) -> bool:
    return text.count("(") == text.count(")")


def answer(view: View) -> str:
    """What the code printed, and links to the files it wrote."""
    if not view.cells:
        return ""
    outputs = [each for cell in view.cells for each in cell.get("outputs") or []]
    logs = "".join(each["logs"] for each in outputs if each["type"] == "logs").strip()
    told = [f"The code printed: {logs[:_BRIEF]}" if logs else "The code ran."]
    told += ["Here is the picture."] if any(o["type"] == "image" for o in outputs) else []
    told += [f"[{name}](sandbox:/mnt/data/{name})" for name in view.made]
    return "\n\n".join(told)
