"""What text a file has for file search. Knows formats by their extension, no search."""

from __future__ import annotations

import io
import re
import zipfile
from html.parser import HTMLParser

from shim.offline.pdf import text_of_pdf

__all__ = ["extension", "is_supported", "text_of_file"]

_PLAIN = frozenset(
    {".c", ".cpp", ".cs", ".css", ".go", ".java", ".js", ".json", ".md", ".php", ".py", ".rb"}
    | {".sh", ".tex", ".ts", ".txt"}
)
_MARKUP = frozenset({".html", ".htm"})
_OFFICE = frozenset({".docx", ".pptx"})
_SUPPORTED = _PLAIN | _MARKUP | _OFFICE | {".pdf", ".doc"}
"""What the documentation of file search lists; tables (csv, xlsx) are not among it."""

_PARAGRAPH = re.compile(r"</(?:w:p|a:p)>")
_TAG = re.compile(r"<[^>]+>")


def extension(filename: str) -> str:
    """The extension of a file's name, as refusals show it."""
    return "." + filename.rsplit(".", 1)[-1].lower() if "." in filename else "none"


def is_supported(filename: str) -> bool:
    """Whether files of that name can be searched."""
    return extension(filename) in _SUPPORTED


def text_of_file(filename: str, content: bytes) -> str:
    """The text of a file; empty where none can be read from it."""
    kind = extension(filename)
    if kind == ".pdf":
        return text_of_pdf(content)
    if kind in _OFFICE:
        return _office(content)
    text = content.decode("utf-8-sig", "replace")
    return _html(text) if kind in _MARKUP else text


class _Text(HTMLParser):
    """Collects what a reader of a page would see."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")
        if tag in ("p", "div", "li", "tr", "h1", "h2", "h3", "h4", "title"):
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def _html(text: str) -> str:
    parser = _Text()
    parser.feed(text)
    parser.close()
    return "".join(parser.parts).strip()


def _office(content: bytes) -> str:
    """The paragraphs of a word or presentation file."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [n for n in archive.namelist() if re.match(r"word/document|ppt/slides/s", n)]
            pages = [archive.read(name).decode("utf-8", "replace") for name in sorted(names)]
    except zipfile.BadZipFile:
        return ""
    return _TAG.sub("", _PARAGRAPH.sub("\n", "\n".join(pages))).strip()
