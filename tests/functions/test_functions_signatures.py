"""The signatures of LiteLLM's functions, written down from its source, against ours."""

from __future__ import annotations

import inspect

import pytest

import shim
from shim import functions

# litellm 1.110.2 (2026-11), litellm/assistants/main.py: names in their order, with what is left out
# where a default is None; `*` stands for "by keyword alone", and every function takes **kwargs.
ACCOUNT = "client=None api_key=None api_base=None api_version=None"
ASSISTANT = (
    "custom_llm_provider model name=None description=None instructions=None tools=None "
    "tool_resources=None metadata=None temperature=None top_p=None response_format=None"
)
MESSAGE = (
    "custom_llm_provider thread_id role content attachments=None metadata=None client=None **kwargs"
)
RUN = (
    "custom_llm_provider thread_id assistant_id additional_instructions=None instructions=None "
    "metadata=None model=None stream=None tools=None client=None"
)
OF_A_THREAD = "custom_llm_provider thread_id client=None **kwargs"
BY_NAME = "custom_llm_provider client=None **kwargs"
LITELLM = {
    "create_assistants": f"{ASSISTANT} {ACCOUNT} **kwargs",
    "acreate_assistants": BY_NAME,
    "get_assistants": f"custom_llm_provider {ACCOUNT} **kwargs",
    "aget_assistants": BY_NAME,
    "delete_assistant": f"custom_llm_provider assistant_id {ACCOUNT} **kwargs",
    "adelete_assistant": BY_NAME,
    "create_thread": "custom_llm_provider messages=None metadata=None tool_resources=None "
    "client=None **kwargs",
    "acreate_thread": "custom_llm_provider **kwargs",
    "get_thread": OF_A_THREAD,
    "aget_thread": OF_A_THREAD,
    "add_message": MESSAGE,
    "a_add_message": MESSAGE,
    "get_messages": OF_A_THREAD,
    "aget_messages": OF_A_THREAD,
    "run_thread": f"{RUN} event_handler=None **kwargs",
    "arun_thread": f"{RUN} **kwargs",
    "run_thread_stream": "* event_handler=None **kwargs",
    "arun_thread_stream": "* event_handler=None **kwargs",
}
COROUTINES = {name for name in LITELLM if name.startswith("a") and name != "add_message"}


def written(function):
    """A signature in the words of the table above."""
    parts = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        default = "" if parameter.default is parameter.empty else f"={parameter.default}"
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        parts.append(f"{stars}{parameter.name}{default}")
    return " ".join(parts)


def test_every_function_is_there():
    """Those of the table, and no more."""
    assert set(functions.__all__) == set(LITELLM)
    assert set(LITELLM) <= set(dir(shim))


@pytest.mark.parametrize("name", LITELLM)
def test_the_signature_is_litellms(name):
    """Names, order and defaults are the same; coroutine functions are those that were."""
    function = getattr(shim, name)

    assert function is getattr(functions, name)
    assert written(function) == LITELLM[name]
    expected = name in COROUTINES - {"arun_thread_stream"}
    assert inspect.iscoroutinefunction(function) is expected
