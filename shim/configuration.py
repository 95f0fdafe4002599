"""The settings file: YAML, shim's own keys beside those of a LiteLLM proxy, which may share it.

Knows how such a file is written, `os.environ/NAME` values and LiteLLM's `assistant_settings`
included. Reads no environment itself; whether a setting's value is a good one, Settings knows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from shim.errors import SettingsError
from shim.providers import PROVIDERS, endpoint, of_environment

__all__ = ["Configuration", "read"]

_REFERENCE = "os.environ/"
_LITELLM = {
    "agents",
    "callback_settings",
    "credential_list",
    "files_settings",
    "finetune_settings",
    "guardrails",
    "litellm_settings",
    "mcp_servers",
    "mcp_tools",
    "model_list",
    "pass_through_endpoints",
    "policies",
    "prompts",
    "router_settings",
    "search_tools",
    "vector_store_registry",
}
"""Blocks of a LiteLLM proxy that have nothing to do with assistants."""

_READ = {"shim", "assistant_settings", "general_settings", "environment_variables"}
_USED = ("api_key", "api_base", "azure_ad_token")
_PRINCIPAL = ("tenant_id", "client_id", "client_secret")
_SIGN_IN = (*_PRINCIPAL, "azure_scope")


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a file says.

    `settings` are values of Settings by name; text is still to be parsed as that of a variable is.
    `master_key` is the key that the callers of LiteLLM's proxy know. `unused` names what the file
    has and shim does not use.
    """

    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    master_key: str = field(default="", repr=False)
    unused: tuple[str, ...] = ()


def read(path: str | Path, environ: Mapping[str, str], known: Collection[str]) -> Configuration:
    """Read a file; `known` are the names of settings. Raises SettingsError for what is wrong."""
    return _File(path, environ, known).configuration()


class _File:
    """A file in hand. Says in each error which file it is, and where in it."""

    def __init__(
        self, path: str | Path, environ: Mapping[str, str], known: Collection[str]
    ) -> None:
        self._path = path
        self._known = known
        self._unused: list[str] = []
        self._content = self._mapping(_parsed(path), "the file")
        self._outer = self._environ = environ
        self._environ = {**environ, **self._variables()}

    def configuration(self) -> Configuration:
        """All that it says. What stands under `shim:` wins, then what is shim's at the top."""
        own = {name: value for name, value in self._content.items() if name in self._known}
        values = {**self._assistant_settings(), **self._resolved(own, ""), **self._shim()}
        settings = {name: value for name, value in values.items() if value is not None}
        others = [n for n in self._content if n not in {*self._known, *_READ, *_LITELLM}]
        unused = (*(f"{name}{self._meant(name)}" for name in others), *self._unused)
        return Configuration(settings, self._master_key(), unused)

    def _shim(self) -> dict[str, Any]:
        """The block that is shim's alone: an unknown name in it is a mistake."""
        block = self._block("shim")
        for name in block:
            if name not in self._known:
                raise self._wrong(f"shim.{name} is no setting{self._meant(name)}")
        return self._resolved(block, "shim")

    def _assistant_settings(self) -> dict[str, Any]:
        """LiteLLM's provider, and what it comes to: where the upstream is, and its key."""
        block = self._block("assistant_settings")
        if not block:
            return {}
        provider = block.pop("custom_llm_provider", None)
        params = self._mapping(block.pop("litellm_params", None), "litellm_params")
        self._unused += [f"assistant_settings.{name}" for name in block]
        if provider not in PROVIDERS:
            known = " or ".join(PROVIDERS)
            raise self._wrong(
                f"assistant_settings.custom_llm_provider is {provider!r}: it must be {known}"
            )
        return {"provider": provider, **self._upstream(provider, params)}

    def _upstream(self, provider: str, params: dict[str, Any]) -> dict[str, Any]:
        where = "assistant_settings.litellm_params"
        azure = provider == "azure"
        used = (*_USED, *_SIGN_IN) if azure else _USED
        given = self._resolved({n: params[n] for n in used if n in params}, where)
        self._unused += [f"{where}.{n}" for n in params if n not in {*used, "api_version"}]
        if azure:
            return self._azure(given)
        key = given.get("api_key") or of_environment("openai", "api_key", self._environ)
        return {"upstream_url": given.get("api_base"), "upstream_key": key}

    def _azure(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """On Azure the key may be a token, and the API is the one without dated versions."""
        base, key, token = (
            given.get(name) or of_environment("azure", name, self._environ)
            for name in ("api_base", "api_key", "azure_ad_token")
        )
        if any(name in given for name in _SIGN_IN) and not (key or token):
            token = self._signed_in(given)
        url = f"{endpoint(base)}/openai/v1" if base else None
        return {"upstream_url": url, "upstream_key": key or token, "dialect": "azure"}

    def _signed_in(self, given: Mapping[str, Any]) -> str:
        """The key that stands for a service principal; azure-identity reads its variables."""
        names = {name: f"AZURE_{name.upper()}" for name in _PRINCIPAL}
        if any(given[n] != self._outer.get(names[n]) for n in _PRINCIPAL if n in given):
            raise self._wrong(
                f"{', '.join(_PRINCIPAL)} of assistant_settings make no token here, unless they "
                f"are those of the environment, {', '.join(names.values())}: set these, or api_key "
                "or azure_ad_token"
            )
        scope = given.get("azure_scope")
        return f"entra:{scope}" if scope else "entra"

    def _master_key(self) -> str:
        """The key of LiteLLM's callers; its variable counts where the file is LiteLLM's."""
        if not {"assistant_settings", "general_settings"} & set(self._content):
            return ""
        block = self._block("general_settings")
        given = {name: value for name, value in block.items() if name == "master_key"}
        found = self._resolved(given, "general_settings").get("master_key")
        return str(found or self._environ.get("LITELLM_MASTER_KEY", ""))

    def _variables(self) -> dict[str, str]:
        """LiteLLM's `environment_variables`, which the references see; most are not for shim."""
        found = {}
        for name, value in self._block("environment_variables").items():
            referred = str(value).removeprefix(_REFERENCE)
            text = self._environ.get(referred) if referred != str(value) else referred
            found.update({name: text} if text and value is not None else {})
        return found

    def _block(self, name: str) -> dict[str, Any]:
        return self._mapping(self._content.get(name), name)

    def _mapping(self, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict | type(None)) or any(
            not isinstance(n, str) for n in value or ()
        ):
            raise self._wrong(f"{where} is no mapping of names to values")
        return dict(value or {})

    def _resolved(self, block: Mapping[str, Any], where: str) -> dict[str, Any]:
        """The values that are set, each reference to a variable replaced by what it holds."""
        return {
            name: self._value(value, f"{where}.{name}".lstrip("."))
            for name, value in block.items()
            if value is not None
        }

    def _value(self, value: Any, where: str) -> Any:
        if isinstance(value, dict):
            return {name: self._value(each, f"{where}.{name}") for name, each in value.items()}
        if not (isinstance(value, str) and value.startswith(_REFERENCE)):
            return value
        name = value.removeprefix(_REFERENCE)
        if not self._environ.get(name):
            raise self._wrong(f"{where} is {value}, and the variable {name} is not set")
        return self._environ[name]

    def _meant(self, name: str) -> str:
        close = get_close_matches(name, [*self._known, *_READ], 1)
        return f" (is {close[0]} meant?)" if close else ""

    def _wrong(self, what: str) -> SettingsError:
        return SettingsError(f"{self._path}: {what}")


def _parsed(path: str | Path) -> Any:
    """What the YAML says."""
    try:
        import yaml  # noqa: PLC0415 - an extra: most have no settings file
    except ImportError as error:
        raise SettingsError(
            f"reading the settings file {path} needs PyYAML: pip install 'assistants-shim[server]'"
        ) from error
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"the settings file {path} cannot be read: {error.strerror or error}"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"the settings file {path} is no YAML: {error}") from error
