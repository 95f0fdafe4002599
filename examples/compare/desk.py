"""A help desk in five versions, compared: one is the same, each of the others differs in one thing.

    python examples/compare/desk.py [FOLDER]

The folder gets the reports, as HTML, JSON, JUnit XML and Markdown.
Needs no key and no network: the model is played by the embedded upstream. With your own, the lanes
are models or servers: `shim compare --cases cases.yaml --a shim --b shim,model=gpt-4.1`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from shim.compare import compare, write_report
from shim.offline import Call, Offline, Say

HOURS = "We are open from nine to five. On Sundays we are closed."
CITED = {"type": "file_citation", "file_id": "file-hours", "filename": "hours.md"}


class Desk:
    """The model: it looks orders up by a function, and cites its handbook."""

    def reply(self, view):
        """What it answers; `model` is the version of the desk."""
        text, version = view.text.lower(), view.model
        looked_up = next((item for item in view.turn if "output" in item), None)
        if looked_up is not None:
            return [Say(f"Your order {looked_up['output']}.")]
        if "order" in text and version != "desk-forgetful":
            return [Call("find_order", {"number": "".join(filter(str.isdigit, text))})]
        if "open" in text:
            place = HOURS.index(".") + (9 if version == "desk-shifted" else 0)
            return [Say(HOURS, annotations=[{**CITED, "index": place}])]
        if "pirate" in view.instructions:
            return [Say("Arr, welcome aboard, matey! Speak, and the crew be at yer service.")]
        return [Say("Hello! I can look up an order, or tell you when we are open.")]


def main(folder=None):
    """Compare each version with the first; whether each came out as it had to."""
    cases = Path(__file__).with_name("cases.yaml")
    desk, slow = Offline(model=Desk()), Offline(model=Desk(), delay=0.8)
    with desk.serve() as here, slow.serve() as there:
        reference = {"upstream_url": here.url, "upstream_key": "offline"}
        lanes = {
            "same": {},
            "instruction": {"instructions": "Talk like a pirate."},
            "tool call": {"model": "desk-forgetful"},
            "citation": {"model": "desk-shifted"},
            "latency": {"upstream_url": there.url},
        }
        for name, changed in lanes.items():
            out = None if folder is None else Path(folder) / name.replace(" ", "-")
            lane = {**reference, **changed, "name": name}
            summary = compare({**reference, "name": "desk"}, lane, cases, repeat=2, folder=out)
            if out is not None:
                write_report(out, summary)
            kinds = [kind.name for kind in summary.kinds if kind.beyond_noise]
            print(f"{name:<12} {summary.verdict:<10} {', '.join(kinds) or 'nothing'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
