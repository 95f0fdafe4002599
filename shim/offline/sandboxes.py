"""Containers: their files, their Python, and how they expire. Knows no request.

A container that was idle for its minutes is expired for good: its files and variables are gone.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from shim.offline import ids, refusals
from shim.offline.clock import Clock
from shim.offline.interpreter import DATA, Interpreter
from shim.offline.uploads import StoredFile
from shim.offline.wire import Json

__all__ = ["Container", "ContainerFile", "Executed", "Sandboxes"]

_MINUTES = 20


@dataclass
class ContainerFile:
    """A file in a container: laid there by the user, or made by the assistant's code."""

    id: str
    container_id: str
    name: str
    content: bytes
    source: str
    created_at: int

    def object(self) -> Json:
        """The file as it is shown, in the recorded order."""
        return {
            "id": self.id,
            "object": "container.file",
            "created_at": self.created_at,
            "bytes": len(self.content),
            "container_id": self.container_id,
            "path": f"{DATA}/{self.name}",
            "source": self.source,
        }


@dataclass(frozen=True, slots=True)
class Executed:
    """What a cell gave: its outputs as they are shown, the images among them, files written."""

    outputs: list[Json]
    shown: list[ContainerFile]
    written: list[ContainerFile]


@dataclass
class Container:
    """A container. Any use of it makes it live on."""

    name: str
    clock: Clock
    seconds: float
    minutes: int = _MINUTES
    memory_limit: str | None = None
    network_policy: Json | None = None
    id: str = field(default_factory=ids.container_id)
    files: dict[str, ContainerFile] = field(default_factory=dict)
    _interpreter: Interpreter | None = None
    _expired: bool = False

    def __post_init__(self) -> None:
        self.created_at = self.last_active_at = self.clock.stamp()

    @property
    def expired(self) -> bool:
        """Whether it was idle for too long; then all it held is dropped."""
        if not self._expired and self.clock.now() >= self.last_active_at + self.minutes * 60:
            self._expired = True
            self.close()
        return self._expired

    def close(self) -> None:
        """Drop all it holds."""
        self.files.clear()
        if self._interpreter is not None:
            self._interpreter.close()
            self._interpreter = None

    def touch(self) -> None:
        """Note that it is used, unless it has expired."""
        if not self.expired:
            self.last_active_at = self.clock.stamp()

    def object(self) -> Json:
        """The container as it is shown, in the recorded order."""
        made: Json = {
            "id": self.id,
            "object": "container",
            "created_at": self.created_at,
            "status": "expired" if self.expired else "running",
            "expires_after": {"anchor": "last_active_at", "minutes": self.minutes},
            "last_active_at": self.last_active_at,
            "memory_limit": self.memory_limit,
            "name": self.name,
            "network_policy": self.network_policy,
        }
        optional = ("memory_limit", "network_policy")
        return {k: v for k, v in made.items() if v is not None or k not in optional}

    def take(self, file: StoredFile) -> ContainerFile:
        """Copy an uploaded file into the container, once."""
        name = f"{file.id}-{_last(file.filename)}"
        found = next((each for each in self.files.values() if each.name == name), None)
        return found or self._add(name, file.content, "user")

    def upload(self, filename: str, content: bytes) -> ContainerFile:
        """Lay a file into the container; its name is preceded by 32 digits, as recorded."""
        digits = hashlib.sha256(filename.encode() + content).hexdigest()[:32]
        return self._add(f"{digits}-{_last(filename)}", content, "user")

    def _add(self, name: str, content: bytes, source: str) -> ContainerFile:
        key, now = ids.container_file_id(), self.clock.stamp()
        made = ContainerFile(key, self.id, name, content, source, now)
        self.files[made.id] = made
        if self._interpreter is not None and source == "user":
            self._interpreter.put(name, content)
        return made

    def remove(self, key: str) -> None:
        """Take a file out of the container."""
        file = self.files.pop(key)
        if self._interpreter is not None:
            self._interpreter.remove(file.name)

    def run(self, code: str) -> Executed:
        """Run a cell of Python; files it wrote become files of the container."""
        self.touch()
        ran = self._python().run(code)
        written = [self._written(name, content) for name, content in ran.written.items()]
        for file in list(self.files.values()):
            if file.name in ran.removed:
                del self.files[file.id]
        shown: list[ContainerFile] = []
        outputs = [self._output(each, shown) for each in ran.outputs]
        return Executed(outputs, shown, written)

    def _python(self) -> Interpreter:
        if self._interpreter is None:
            gigabytes = int((self.memory_limit or "1g").removesuffix("g"))
            self._interpreter = Interpreter(gigabytes, self.seconds)
            for file in self.files.values():
                self._interpreter.put(file.name, file.content)
        return self._interpreter

    def _written(self, name: str, content: bytes) -> ContainerFile:
        for file in self.files.values():
            if file.name == name:
                file.content = content
                return file
        return self._add(name, content, "assistant")

    def _output(self, output: dict[str, str], shown: list[ContainerFile]) -> Json:
        """An output as the wire has it; an image also becomes a file, named by its id."""
        if output["type"] != "image":
            return dict(output)
        file = self._add("", base64.b64decode(output["png"]), "assistant")
        file.name = f"{file.id}.png"
        shown.append(file)
        return {"type": "image", "url": f"data:image/png;base64,{output['png']}"}


def _last(filename: str) -> str:
    """A file's name without folders, which a name may have and a container does not."""
    return filename.replace("\\", "/").rsplit("/", 1)[-1]


class Sandboxes:
    """All containers, oldest first; a cell may take some seconds."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._containers: dict[str, Container] = {}

    def create(
        self,
        name: str,
        files: Iterable[StoredFile] = (),
        *,
        minutes: int = _MINUTES,
        memory_limit: str | None = None,
        network_policy: Json | None = None,
    ) -> Container:
        """A new container with copies of some files."""
        made = Container(name, self._clock, self._seconds, minutes, memory_limit, network_policy)
        self._containers[made.id] = made
        for file in files:
            made.take(file)
        return made

    def get(self, key: str) -> Container:
        """A container by its id, also an expired one."""
        if key not in self._containers:
            raise refusals.not_found("Container", key)
        return self._containers[key]

    def live(self, key: str) -> Container:
        """A container that still has files; what has expired is as if it were not there."""
        container = self.get(key)
        if container.expired:
            raise refusals.not_found("Container", key)
        container.touch()
        return container

    def remove(self, key: str) -> None:
        """Delete a container with all it holds."""
        self.get(key).close()
        del self._containers[key]

    def all(self) -> list[Container]:
        """Every container, oldest first."""
        return list(self._containers.values())

    def close(self) -> None:
        """End every container's Python."""
        for container in self._containers.values():
            container.close()
