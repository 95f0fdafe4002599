"""The program of a container's process: runs cells of Python one by one, their state kept.

It is started by its path with `python -I` and imports nothing of shim. It reads a JSON object a
line, {code, seconds}, and answers {outputs}: logs and images in the order they came, as the live
interpreter gives them - streams, displayed images, and the value of the last expression by itself.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import importlib
import importlib.util
import io
import json
import linecache
import os
import sys
import time
import traceback
import types
import warnings
from typing import Any, BinaryIO

try:
    import resource
except ImportError:  # where there are no such limits
    resource = None  # type: ignore[assignment]

_FORBIDDEN = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto")
_FILE_BYTES = 64 << 20


class _Outputs(io.TextIOBase):
    """What a cell shows: texts written one after another are one entry."""

    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = []
        self._streaming = False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self._streaming:
            self.entries[-1]["logs"] += text
        elif text:
            self.entries.append({"type": "logs", "logs": text})
            self._streaming = True
        return len(text)

    def value(self, value: Any) -> None:
        """Show a value: as an image if it is one, else as Python writes it."""
        image = getattr(value, "_repr_png_", lambda: None)()
        self.image(image) if image else self._entry({"type": "logs", "logs": repr(value)})

    def image(self, content: bytes) -> None:
        """Show a PNG image."""
        self._entry({"type": "image", "png": base64.b64encode(content).decode()})

    def _entry(self, entry: dict[str, str]) -> None:
        self.entries.append(entry)
        self._streaming = False


class _Cells:
    """The namespace that all cells share."""

    def __init__(self) -> None:
        self._main = types.ModuleType("__main__")
        self._main.__dict__.update(display=self._display)
        sys.modules["__main__"] = self._main
        self._count = 0
        self._outputs = _Outputs()

    def run(self, code: str) -> list[dict[str, str]]:
        """Run a cell; its failure is shown, not raised."""
        self._outputs = outputs = _Outputs()
        self._count += 1
        if "matplotlib" in code:
            self._prepare_plots()
        with contextlib.redirect_stdout(outputs), contextlib.redirect_stderr(outputs):
            try:
                self._run(code, f"<cell {self._count}>")
            except BaseException as error:  # noqa: BLE001 - also exit() is only shown
                outputs.write("".join(_told(error)))
        return outputs.entries

    def _run(self, code: str, name: str) -> None:
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        tree = ast.parse(code, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), self._main.__dict__)  # noqa: S102 - what it is for
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), name, "eval"), self._main.__dict__)  # noqa: S307
            if value is not None and not code.rstrip().endswith(";"):
                self._outputs.value(value)
        self._show_plots()

    def _display(self, *values: Any) -> None:
        for value in values:
            self._outputs.value(value)

    def _prepare_plots(self) -> None:
        """Let `plt.show()` show, where matplotlib is installed."""
        with contextlib.suppress(ImportError):
            importlib.import_module("matplotlib").use("Agg")
            plots: Any = importlib.import_module("matplotlib.pyplot")
            plots.show = lambda *_, **__: self._show_plots()

    def _show_plots(self) -> None:
        plt: Any = sys.modules.get("matplotlib.pyplot")
        for number in plt.get_fignums() if plt else ():
            buffer = io.BytesIO()
            plt.figure(number).savefig(buffer, format="png")
            plt.close(number)
            self._outputs.image(buffer.getvalue())


def _told(error: BaseException) -> list[str]:
    """A traceback without the frames of this program."""
    trace = error.__traceback__
    while trace is not None and not trace.tb_frame.f_code.co_filename.startswith("<cell"):
        trace = trace.tb_next
    return traceback.format_exception(type(error), error, trace)


def _confine(memory: int) -> None:
    """Limit memory and file sizes, and refuse the network: for accidents, not for attackers."""
    if resource is not None:
        for limit, value in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, _FILE_BYTES)):
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(limit, (value, value))
    sys.addaudithook(_refuse_network)
    warnings.filterwarnings("ignore", message=".*non-interactive.*")


def _refuse_network(event: str, _: tuple[Any, ...]) -> None:
    if event in _FORBIDDEN:
        raise OSError("The network is disabled in this container.")


def _limit_time(seconds: float) -> None:
    if resource is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 2, hard))


def _offer_drawing(path: str) -> None:
    """Let cells `import shim_png`."""
    spec = importlib.util.spec_from_file_location("shim_png", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["shim_png"] = module
    spec.loader.exec_module(module)


def _channels() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the parent, out of reach of what a cell prints or runs."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    return requests, answers


def main() -> None:
    """Run cells until the parent is gone."""
    memory, drawing = int(sys.argv[1]), sys.argv[2]
    requests, answers = _channels()
    _offer_drawing(drawing)
    _confine(memory)
    cells = _Cells()
    for line in requests:
        request = json.loads(line)
        _limit_time(request["seconds"])
        outputs = cells.run(request["code"])
        answers.write(json.dumps({"outputs": outputs}).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
