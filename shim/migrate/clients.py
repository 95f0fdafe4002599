"""Whose client each file's calls go through: followed from file to file by the imports of a tree.

Knows which file makes clients and which only uses one that it is given. Follows names and imports,
not values: what is put together when the program runs is said to be unknown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from shim.migrate.python_code import Facts, Import

__all__ = ["Clients"]


class Clients:
    """The Python files of a tree by their paths, and how clients travel between them."""

    def __init__(self, files: Mapping[str, Facts]) -> None:
        self._files = files
        self._exact = {_module(path): path for path in files}
        self._modules = {**_by_endings(files), **self._exact}
        self._makers: dict[str, set[str]] = {}
        self._imports = {path: set(self._imported(path)) for path in files}
        self._importers: dict[str, set[str]] = {path: set() for path in files}
        for path, others in self._imports.items():
            for other in others:
                self._importers[other].add(path)

    def target(self, path: str, found: Import) -> str | None:
        """The file of the tree that an import of a file names."""
        return self._resolve(path, found)

    def origins(self, path: str) -> set[str]:
        """Where the classes of the clients that a file makes are from: `openai`, `shim`."""
        facts = self._files[path]
        found = {self._origin(path, origin) for origin in facts.made.values()}
        found |= {self._origin(path, self._used(facts, name)) for name in facts.used}
        return found - {""}

    def users(self, path: str) -> set[str]:
        """The files with calls that a file's clients reach."""
        facts = self._files[path]
        own = {path} if any(self.is_own(path, site.client) for site in facts.sites) else set()
        if not self.origins(path):
            return own
        traced = {
            each
            for each, theirs in self._files.items()
            if any(self._trace(each, site.client) == path for site in theirs.sites)
        }
        return own | traced | {each for each in self._files if path in self.makers(each)}

    def makers(self, path: str) -> set[str]:
        """The files whose clients may be those that a file is given.

        Those that it imports, or that import it; where none of them makes clients, those that its
        importers import.
        """
        if path not in self._makers:
            self._makers[path] = self._found_makers(path) if self._is_open(path) else set()
        return self._makers[path]

    def _found_makers(self, path: str) -> set[str]:
        near = _reached(path, self._imports) | _reached(path, self._importers)
        far = {o for each in _reached(path, self._importers) for o in _reached(each, self._imports)}
        for files in (near, far):
            if found := {each for each in files - {path} if self._gives_away(each, path)}:
                return found
        return set()

    def owner(self, path: str, client: str) -> str:
        """What a call's client is of: `openai`, `shim`, or `unknown`."""
        if (origin := self._named_origin(path, client)) is not None:
            return origin
        origins = self.origins(path) or {o for m in self.makers(path) for o in self.origins(m)}
        if "openai" in origins:
            return "openai"
        return "shim" if "shim" in origins else "unknown"

    def _gives_away(self, path: str, user: str) -> bool:
        """Whether clients that a file makes may come to a user."""
        facts = self._files[path]
        if not self.origins(path):
            return False
        made = {name for name, origin in facts.made.items() if self._origin(path, origin)}
        if facts.escaping & made or not made:
            return True
        attributes = {name.rpartition(".")[2] for name in made if "." in name}
        if any(s.client.rpartition(".")[2] in attributes for s in self._files[user].sites):
            return True
        names = {name.removesuffix("()") for name in made}
        importers = (each for each in self._importers[path] if each != path)
        imports = (found for each in importers for found in self._files[each].imports)
        stem = PurePosixPath(path).stem
        return any(i.name in {*names, stem, "*"} or i.module == stem for i in imports)

    def _trace(self, path: str, client: str) -> str | None:
        """The file that makes a client, followed over imported clients and functions."""
        seen: set[tuple[str, str]] = set()
        while (path, client) not in seen:
            seen.add((path, client))
            made = self._files[path].made.get(client)
            if made is not None and not made.startswith("call "):
                return path
            name = (made or client).removeprefix("call ")
            found = self._files[path].bound(name)
            target = self._resolve(path, found) if found and found.name else None
            if found is None or target is None:
                return None
            path, client = target, f"{found.name}()" if made else str(found.name)
        return None

    def is_own(self, path: str, client: str) -> bool:
        """Whether a call's client is made in its own file."""
        return self._named_origin(path, client) is not None or bool(self.origins(path))

    def is_of_tree(self, found: Import) -> bool:
        """Whether an import's package is in the tree: a library's own source uses itself."""
        package = found.module.partition(".")[0]
        return package in self._exact or f"src.{package}" in self._exact

    def home(self, path: str, name: str) -> tuple[str, Import] | None:
        """The file, of this tree, whose import brings a client's class in, and that import."""
        seen: set[str] = set()
        while path not in seen:
            seen.add(path)
            found = self._files[path].bound(name)
            if found is None or found.name is None:
                return (path, found) if found else None
            target = self._resolve(path, found)
            if target is None or target == path:
                return path, found
            path, name = target, found.name
        return None

    def _named_origin(self, path: str, client: str) -> str | None:
        facts = self._files[path]
        if (made := facts.made.get(client)) is not None:
            return self._origin(path, made) or None
        found = facts.bound(client) if client.isidentifier() else None
        if found and found.module in {"openai", "shim"} and found.name in {None, "beta"}:
            return found.module
        if client == "openai" and (found := facts.bound("beta")):
            return found.module
        if found and (target := self._resolve(path, found)) and target != path and found.name:
            return self._named_origin(target, found.name)
        return None

    def _used(self, facts: Facts, name: str) -> str:
        found = facts.bound(name)
        if found is None:
            return "openai"
        return found.module if found.module in {"openai", "shim"} else f"from {name}"

    def _origin(self, path: str, origin: str) -> str:
        kind, _, name = origin.partition(" ")
        if not name:
            return origin
        if kind == "call":
            found = self._files[path].bound(name)
            target = self._resolve(path, found) if found else None
            made = self._files[target].made.get(f"{found.name}()") if found and target else None
            is_new = made is not None and (target, made) != (path, origin)
            return self._origin(target, made) if is_new and target and made else ""
        home = self.home(path, name)
        if home is None:
            return ""
        module = home[1].module
        return "shim" if module == "shim" else "openai" if module.split(".")[0] == "openai" else ""

    def _is_open(self, path: str) -> bool:
        return any(not self.is_own(path, site.client) for site in self._files[path].sites)

    def _imported(self, path: str) -> Iterable[str]:
        for each in self._files[path].imports:
            if not each.typing_only and (target := self._resolve(path, each)) is not None:
                yield target

    def _resolve(self, path: str, found: Import) -> str | None:
        """The file that an import names, by its full name, else by its end."""
        base = found.module
        if found.level:
            parents = PurePosixPath(path).parts[: -found.level] if found.level else ()
            base = ".".join([*parents, *([found.module] if found.module else [])])
        for name in ([f"{base}.{found.name}"] if found.name else []) + [base]:
            for folder in PurePosixPath(path).parents if not found.level else ():
                near = ".".join([*folder.parts, name])
                if (target := self._exact.get(near)) is not None:
                    return target
            if (target := self._modules.get(name.strip("."))) is not None:
                return target
        return None


def _module(path: str) -> str:
    return ".".join(PurePosixPath(path).with_suffix("").parts).removesuffix(".__init__")


def _by_endings(files: Iterable[str]) -> dict[str, str]:
    """Each file by the ends of its module's name, where they name no other."""
    names: dict[str, set[str]] = {}
    for path in files:
        parts = _module(path).split(".")
        for start in range(len(parts)):
            names.setdefault(".".join(parts[start:]), set()).add(path)
    return {name: next(iter(paths)) for name, paths in names.items() if len(paths) == 1}


def _reached(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    found, waiting = {start}, deque([start])
    while waiting:
        for other in edges[waiting.popleft()] - found:
            found.add(other)
            waiting.append(other)
    return found
