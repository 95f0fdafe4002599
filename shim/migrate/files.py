"""Which files of a tree are read: what git would show, without what others wrote.

Knows .gitignore (through git, or pathspec where there is no repository), the folders of virtual
environments and of packages, and what is too large or no text. Knows nothing of what files say.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["LARGEST", "RECORD", "Listing", "listing", "text_of"]

LARGEST = 2_000_000
RECORD = ".shim-codemod.json"
"""What `shim codemod` keeps of the lines that it changed, so that they can be put back."""
SUFFIXES = frozenset(
    [
        ".py",
        ".pyi",
        ".pyw",
        ".ipynb",
        ".js",
        ".jsx",
        ".mjs",
        ".cjs",
        ".ts",
        ".tsx",
        ".mts",
        ".cts",
        ".vue",
        ".svelte",
        ".php",
        ".rb",
        ".rake",
        ".erb",
        ".cs",
        ".vb",
        ".fs",
        ".go",
        ".java",
        ".kt",
        ".kts",
        ".scala",
        ".rs",
        ".sh",
        ".bash",
        ".zsh",
        ".ps1",
        ".http",
        ".rest",
        ".json",
        ".yaml",
        ".yml",
        ".toml",
        ".ini",
        ".cfg",
        ".env",
        ".dart",
        ".swift",
        ".ex",
        ".exs",
        ".bicep",
        ".tf",
        ".r",
        ".rmd",
        ".lua",
        ".pl",
        ".pm",
        ".jl",
        ".cc",
        ".cpp",
        ".h",
        ".hpp",
        ".m",
        ".mm",
        ".pas",
        ".cfc",
        ".cfm",
        ".groovy",
        ".astro",
        ".html",
        ".htm",
    ]
)
NAMES = frozenset({".env", "Dockerfile", "Makefile", "Rakefile"})
_SKIPPED = frozenset(
    [
        ".git",
        ".hg",
        ".svn",
        ".tox",
        ".nox",
        ".venv",
        "venv",
        "node_modules",
        "bower_components",
        "site-packages",
        "dist-packages",
        "__pycache__",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".next",
        ".nuxt",
        ".yarn",
        ".pnpm",
        ".ipynb_checkpoints",
        "cassettes",
        "vcr_cassettes",
        "__pypackages__",
        ".eggs",
    ]
)
_GENERATED = (".min.js", ".min.mjs", ".bundle.js", ".map", "package-lock.json", "composer.lock")
_BUNDLED = frozenset({".js", ".mjs", ".cjs", ".html", ".htm"})
_LONG = 500
"""What no hand-written file has as the mean length of its lines."""
_VENDORED = ("autoload.php", "modules.txt", "bundle", "composer")


@dataclass(slots=True)
class Listing:
    """The files to read, those too large, and what there is to say of how they were found."""

    root: Path
    files: list[Path] = field(default_factory=list)
    large: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def listing(path: Path) -> Listing:
    """The files below a path, or the one it is, in order."""
    if path.is_file():
        return Listing(path.parent, [path])
    found = Listing(path)
    for each in sorted(_of_git(path) or _walked(found)):
        if not _is_wanted(each, path):
            continue
        place = found.large if each.stat().st_size > LARGEST else found.files
        place.append(each)
    return found


def text_of(path: Path) -> str | None:
    """What a file says; nothing where it is no text."""
    raw = path.read_bytes()
    if b"\0" in raw[:8192]:
        return None
    text = raw.decode("utf-8-sig", errors="replace")
    return None if path.suffix in _BUNDLED and _is_minified(text) else text


def _is_minified(text: str) -> bool:
    """Whether a program wrote it for browsers: nobody writes lines as long as these."""
    return len(text) > _LONG * (text.count("\n") + 1)


def _is_wanted(path: Path, root: Path) -> bool:
    if path.suffix.lower() not in SUFFIXES and not path.name.startswith(tuple(NAMES)):
        return False
    if path.name.endswith((*_GENERATED, RECORD)) or path.is_symlink() or not path.is_file():
        return False
    parents = [root / each for each in path.relative_to(root).parents][:-1]
    return not any(_is_skipped(each) for each in parents)


def _is_skipped(folder: Path) -> bool:
    """Whether a folder holds what others wrote: packages, a virtual environment, caches."""
    if folder.name in _SKIPPED or (folder / "pyvenv.cfg").exists():
        return True
    return folder.name == "vendor" and any((folder / name).exists() for name in _VENDORED)


def _of_git(root: Path) -> list[Path] | None:
    """What git lists, untracked files included; nothing where it has no repository or no files.

    A file that is tracked counts although .gitignore names it, as with git itself.
    """
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(root), "ls-files", "-z", "-co"]
    try:
        done = subprocess.run(  # noqa: S603 - git, which is never given anything of a file
            [*command, "--exclude-standard"], capture_output=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return None
    names = {os.fsdecode(name) for name in done.stdout.split(b"\0") if name}
    return [root / name for name in names]


def _walked(found: Listing) -> Iterator[Path]:
    """All files, without those that .gitignore files name."""
    ignoring: list[tuple[Path, Any]] = []
    for folder, folders, names in os.walk(found.root):
        here = Path(folder)
        if ".gitignore" in names and (spec := _spec(here / ".gitignore", found)) is not None:
            ignoring.append((here, spec))
        ignored = [each for each in ignoring if here.is_relative_to(each[0])]
        folders[:] = [
            name
            for name in sorted(folders)
            if not _is_skipped(here / name) and not _matches(ignored, here / name, "/")
        ]
        yield from (here / name for name in names if not _matches(ignored, here / name))


def _spec(path: Path, found: Listing) -> Any:
    try:
        from pathspec import GitIgnoreSpec  # noqa: PLC0415 - an extra's
    except ModuleNotFoundError:
        found.notes.append(
            f"{path} was not looked at, since this is no git repository and pathspec is not "
            "installed: pip install 'assistants-shim[migrate]'"
        )
        return None
    return GitIgnoreSpec.from_lines(path.read_text("utf-8", "replace").splitlines())


def _matches(ignored: list[tuple[Path, Any]], path: Path, end: str = "") -> bool:
    """Whether a path is ignored; the deepest .gitignore that speaks of it decides."""
    for folder, spec in reversed(ignored):
        verdict = spec.check_file(path.relative_to(folder).as_posix() + end).include
        if verdict is not None:
            return bool(verdict)
    return False
