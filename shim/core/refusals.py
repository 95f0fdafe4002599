"""Refusals of a request, in the original's words.

Knows the texts and codes of Assistants spec 7.3 and 7.4, how the path of a parameter is written,
and what a pydantic error detail looks like. Refuses to know any schema: what was asked for is said
by the error, never looked up here. Texts the spec leaves open are those other endpoints of the
original were seen to use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

from shim.core.wire import Json
from shim.errors import ApiError

__all__ = [
    "above_max",
    "bad_id",
    "bad_value",
    "below_min",
    "from_pydantic",
    "malformed",
    "wrong_type",
]

_MALFORMED = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using "
    "your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not "
    "valid JSON. If you have trouble figuring out how to fix this, please contact us through our "
    "help center at help.openai.com.)"
)

_TYPE_NAMES: dict[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    list: "an array",
    type(None): "null",
}


def _refusal(message: str, path: str, code: str | None) -> ApiError:
    return ApiError(400, message, param=path or None, code=code)


def malformed() -> ApiError:
    """The body is no JSON."""
    return _refusal(_MALFORMED, "", None)


def wrong_type(path: str, expected: str, value: object) -> ApiError:
    """The value is of another JSON type; `expected` carries its article."""
    got = _TYPE_NAMES.get(type(value), "an object")
    message = f"Invalid type for '{path}': expected {expected}, but got {got} instead."
    return _refusal(message, path, "invalid_type")


def bad_value(path: str, value: str, supported: Sequence[str]) -> ApiError:
    """The value is none of a closed set."""
    message = f"Invalid value: '{value}'. Supported values are: {_enumerate(supported, 'and')}."
    return _refusal(message, path, "invalid_value")


def above_max(path: str, kind: str, bound: float, value: object) -> ApiError:
    """A number is too large; `kind` is `integer` or `decimal`."""
    fault = f"{kind} above maximum value. Expected a value <= {bound:g}, but got {value} instead."
    return _refusal(f"Invalid '{path}': {fault}", path, f"{kind}_above_max_value")


def below_min(path: str, kind: str, bound: float, value: object) -> ApiError:
    """A number is too small; `kind` is `integer` or `decimal`."""
    fault = f"{kind} below minimum value. Expected a value >= {bound:g}, but got {value} instead."
    return _refusal(f"Invalid '{path}': {fault}", path, f"{kind}_below_min_value")


def bad_id(param: str, value: str, prefix: str) -> ApiError:
    """The value cannot be an id of this kind."""
    message = f"Invalid '{param}': '{value}'. Expected an ID that begins with '{prefix}'."
    return _refusal(message, param, "invalid_value")


def from_pydantic(errors: Sequence[ErrorDetails], body: Json) -> ApiError:
    """The refusal of a body for the one of its errors that the original would name."""
    error = min(errors, key=_rank)
    path = _path(error["loc"], body)
    render = _RENDERERS.get(error["type"], _invalid)
    return render(_Problem(path, error["input"], error["msg"], error.get("ctx", {})))


def _rank(error: ErrorDetails) -> int:
    """The original looks at the keys of a body before their values, first for what is not there."""
    if len(error["loc"]) == 1:
        return {"missing": 0, "extra_forbidden": 1}.get(error["type"], 2)
    return 2


def _path(loc: Iterable[int | str], body: Json) -> str:
    """Where pydantic's location leads in the body, as the original writes it: `a[0].b`.

    The body is walked along, because a location also has steps that are no keys of it; all of them
    begin with a bracket: pydantic's `[key]`, and the tags of unions in `shim.core.fields`.
    """
    path = ""
    here: Any = body
    for step in loc:
        if isinstance(step, int):
            path, here = f"{path}[{step}]", here[step]
        elif isinstance(here, dict) and (step in here or not step.startswith("[")):
            path, here = _join(path, step), here.get(step)
    return path


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _enumerate(values: Iterable[str], conjunction: str) -> str:
    *most, last = [f"'{value}'" for value in values]
    if len(most) < 2:
        return f" {conjunction} ".join([*most, last])
    return f"{', '.join(most)}, {conjunction} {last}"


@dataclass(frozen=True, slots=True)
class _Problem:
    """One error: where it is, what was sent there, and the particulars it came with."""

    path: str
    value: Any
    message: str
    context: Mapping[str, Any]

    def named(self) -> str:
        """The path of the key the problem is about: the one found, or one it should have held."""
        return _join(self.path, self.context["key"]) if "key" in self.context else self.path


def _missing(problem: _Problem) -> ApiError:
    path = problem.named()
    message = f"Missing required parameter: '{path}'."
    return _refusal(message, path, "missing_required_parameter")


def _unknown(problem: _Problem) -> ApiError:
    path = problem.named()
    return _refusal(f"Unknown parameter: '{path}'.", path, "unknown_parameter")


def _not(expected: str) -> Callable[[_Problem], ApiError]:
    return lambda problem: wrong_type(problem.path, expected, problem.value)


def _not_array(problem: _Problem) -> ApiError:
    # Ids are the only strings the API takes in arrays, and their parameters say so.
    members = "strings" if problem.path.endswith("_ids") else "objects"
    return wrong_type(problem.path, f"an array of {members}", problem.value)


def _no_kind(problem: _Problem) -> ApiError:
    return wrong_type(problem.path, problem.message, problem.value)


def _not_literal(problem: _Problem) -> ApiError:
    values = re.findall(r"'([^']*)'", problem.context["expected"])
    if isinstance(problem.value, str):
        return bad_value(problem.path, problem.value, values)
    one_of = "one of " if len(values) > 1 else ""
    return wrong_type(problem.path, one_of + _enumerate(values, "or"), problem.value)


def _number_kind(bound: float) -> str:
    """What pydantic compares with is of the type of the parameter, whatever was sent."""
    return "decimal" if isinstance(bound, float) else "integer"


def _too_large(problem: _Problem) -> ApiError:
    bound = problem.context["le"]
    return above_max(problem.path, _number_kind(bound), bound, problem.value)


def _too_small(problem: _Problem) -> ApiError:
    bound = problem.context["ge"]
    return below_min(problem.path, _number_kind(bound), bound, problem.value)


def _string_too_long(problem: _Problem) -> ApiError:
    asked = _lengths(len(problem.value), problem.context["max_length"])
    message = f"Invalid '{problem.path}': string too long. {asked}"
    return _refusal(message, problem.path, "string_above_max_length")


def _name_too_long(problem: _Problem) -> ApiError:
    name, owner = problem.value, problem.path[: -len(problem.value) - 1]
    asked = _lengths(len(name), problem.context["max_length"])
    message = f"Invalid property name in '{owner}': '{name[:3]}...{name[-3:]}' is too long. {asked}"
    return _refusal(message, problem.path, "property_name_above_max_length")


def _lengths(length: int, limit: int) -> str:
    return (
        f"Expected a string with maximum length {limit}, "
        f"but got a string with length {length} instead."
    )


def _too_long(problem: _Problem) -> ApiError:
    length, limit = len(problem.value), problem.context["max_length"]
    if isinstance(problem.value, dict):
        message = (
            f"Invalid '{problem.path}': too many properties. Expected an object with at most "
            f"{limit} properties, but got an object with {length} properties instead."
        )
        return _refusal(message, problem.path, "object_above_max_properties")
    message = (
        f"Invalid '{problem.path}': array too long. Expected an array with maximum length "
        f"{limit}, but got an array with length {length} instead."
    )
    return _refusal(message, problem.path, "array_above_max_length")


def _empty_string(problem: _Problem) -> ApiError:
    message = (
        f"Invalid '{problem.path}': empty string. Expected a string with minimum length 1, "
        "but got an empty string instead."
    )
    return _refusal(message, problem.path, "empty_string")


def _empty_content(problem: _Problem) -> ApiError:
    return _refusal("Message content must be non-empty.", problem.path, None)


def _off_pattern(problem: _Problem) -> ApiError:
    message = (
        f"Invalid '{problem.path}': string does not match pattern. "
        f"Expected a string that matches the pattern '{problem.context['pattern']}'."
    )
    return _refusal(message, problem.path, "invalid_value")


def _bad_url(problem: _Problem) -> ApiError:
    message = (
        f"Invalid '{problem.path}'. Expected a valid URL, but got a value with an invalid format."
    )
    return _refusal(message, problem.path, "invalid_value")


def _misplaced_image(problem: _Problem) -> ApiError:
    path, form = problem.path or "content", problem.context["form"]
    message = (
        f"Invalid '{path}'. Image {form}s are only allowed for messages with role 'user', "
        f"but this message with role 'assistant' contains an image {form}."
    )
    return _refusal(message, path, "invalid_value")


def _exclusive(problem: _Problem) -> ApiError:
    keys = problem.context["keys"].split()
    message = (
        f"Mutually exclusive parameters: '{problem.path}'. "
        f"Ensure you are only providing one of: {_enumerate(keys, 'or')}."
    )
    return _refusal(message, problem.path, "mutually_exclusive_parameters")


def _not_unicode(problem: _Problem) -> ApiError:
    # A lone surrogate: no JSON text has one, so it is the body that is at fault.
    del problem
    return malformed()


def _invalid(problem: _Problem) -> ApiError:
    return _refusal(f"Invalid value for '{problem.path}'.", problem.path, "invalid_value")


_RENDERERS: dict[str, Callable[[_Problem], ApiError]] = {
    "missing": _missing,
    "extra_forbidden": _unknown,
    "string_type": _not("a string"),
    "bool_type": _not("a boolean"),
    "int_type": _not("an integer"),
    "float_type": _not("a decimal"),
    "dict_type": _not("an object"),
    "model_type": _not("an object"),
    "model_attributes_type": _not("an object"),
    "list_type": _not_array,
    "literal_error": _not_literal,
    "less_than_equal": _too_large,
    "greater_than_equal": _too_small,
    "string_too_long": _string_too_long,
    "string_too_short": _empty_string,
    "string_pattern_mismatch": _off_pattern,
    "string_unicode": _not_unicode,
    "too_long": _too_long,
    # Ours, raised by the request models.
    "no_kind": _no_kind,
    "missing_key": _missing,
    "unknown_key": _unknown,
    "name_too_long": _name_too_long,
    "empty_content": _empty_content,
    "bad_url": _bad_url,
    "misplaced_image": _misplaced_image,
    "exclusive": _exclusive,
}
