"""The import change in one file: each form of import, and what stays as it was."""

from __future__ import annotations

from textwrap import dedent

import pytest

pytest.importorskip("libcst")
from shim.migrate import rewriting

FORMS = {
    "from": ("from openai import OpenAI\n", "from shim import OpenAI\n"),
    "alias": ("from openai import OpenAI as O  # mine\n", "from shim import OpenAI as O  # mine\n"),
    "azure": ("from openai.lib.azure import AzureOpenAI\n", "from shim import AzureOpenAI\n"),
    "split": (
        "# the SDK\nfrom openai import OpenAI, OpenAIError, AsyncOpenAI  # noqa\n",
        "# the SDK\nfrom shim import OpenAI, AsyncOpenAI\nfrom openai import OpenAIError  # noqa\n",
    ),
    "lines": (
        "from openai import (\n    APIError,\n    OpenAI,\n    RateLimitError,\n)\n",
        "from shim import OpenAI\nfrom openai import (\n    APIError,\n    RateLimitError,\n)\n",
    ),
    "others": ("from openai import OpenAIError\n", "from openai import OpenAIError\n"),
    "module": ("import openai\nopenai.OpenAI()\n", "import shim as openai\nopenai.OpenAI()\n"),
    "module's alias": ("import os, openai as o\no.beta\n", "import os, shim as o\no.beta\n"),
    "module unused": ("import openai\nopenai.RateLimitError\n",) * 2,
    "version": (
        "import openai\nopenai.OpenAI(), openai.__version__\n",
        "import openai\nimport shim\nshim.OpenAI(), openai.__version__\n",
    ),
    "submodule": (
        "import openai\nimport openai.types\nc: openai.types.Model = openai.Client()\n",
        "import openai\nimport shim\nimport openai.types\nc: openai.types.Model = shim.Client()\n",
    ),
    "condition": (
        "try:\n    from openai import OpenAI\nexcept ImportError: OpenAI = None\n",
        "try:\n    from shim import OpenAI\nexcept ImportError: OpenAI = None\n",
    ),
    "one line": (
        "if x: import os; from openai import OpenAI, OpenAIError\n",
        "if x: import os; from shim import OpenAI; from openai import OpenAIError\n",
    ),
    "typing": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from openai import OpenAI\n",
    )
    * 2,
    "litellm": (
        "from litellm import completion, create_thread\n",
        "from shim import create_thread\nfrom litellm import completion\n",
    ),
    "litellm's module": (
        "import litellm\nlitellm.api_key = 'k'\nlitellm.run_thread()\n",
        "import shim as litellm\nlitellm.api_key = 'k'\nlitellm.run_thread()\n",
    ),
    "litellm's module, both": (
        "import litellm\nlitellm.run_thread(), litellm.completion()\n",
        "import litellm\nimport shim\nshim.run_thread(), litellm.completion()\n",
    ),
    "windows": ("from openai import OpenAI\r\nx = 1\r\n", "from shim import OpenAI\r\nx = 1\r\n"),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_import(form):
    """Clients and LiteLLM's functions move, the rest and the formatting stay; twice is once."""
    before, after = FORMS[form]

    once = rewriting.moved(before, clients=True, litellm=True)
    twice = rewriting.moved(once, clients=True, litellm=True)

    assert once == after
    assert twice == after


def test_a_star_is_followed_by_the_names(tmp_path):
    """After `from openai import *` the client that the file uses is imported from shim."""
    text = "from openai import *\nOpenAI()\n"

    moved = rewriting.moved(text, clients=True, litellm=False, star=["OpenAI"])

    assert moved == "from openai import *\nfrom shim import OpenAI\nOpenAI()\n"


@pytest.mark.parametrize(
    "text", ["print 'x'\n", "import openai\nshim = openai.OpenAI, openai.cli\n"]
)
def test_what_cannot_be_is_said(text):
    """A file that does not parse, or has a `shim` of its own, is refused with the reason."""
    with pytest.raises(rewriting.CannotRewrite, match=r"does not parse|another thing called shim"):
        rewriting.moved(text, clients=True, litellm=True)


@pytest.mark.parametrize("form", ["from", "alias", "module", "module's alias", "litellm's module"])
def test_each_statement_goes_back(form):
    """Without a record, what was changed statement for statement goes back."""
    before, after = FORMS[form]

    assert rewriting.moved_back(dedent(after)) == before
