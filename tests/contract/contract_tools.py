"""The function tools of the tests, with schemas as pydantic makes them, and their outputs."""

from __future__ import annotations

__all__ = ["PRICE", "TIME", "WEATHER", "named", "outputs_for", "pending"]

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {
            "title": "GetWeather",
            "type": "object",
            "properties": {
                "city": {"title": "City", "type": "string"},
                "unit": {"title": "Unit", "type": "string", "default": "celsius"},
            },
            "required": ["city"],
        },
    },
}
PRICE = {"type": "function", "function": {"name": "Menu-price", "description": "Price of a dish"}}
TIME = {"type": "function", "function": {"name": "get_time", "description": "Time of a zone"}}


def named(name):
    """A forced choice of a function."""
    return {"type": "function", "function": {"name": name}}


def pending(run):
    """The calls that a run waits for."""
    assert run.status == "requires_action", (run.status, run.last_error)
    return run.required_action.submit_tool_outputs.tool_calls


def outputs_for(run, *outputs):
    """Outputs by call id, in the order of the calls."""
    return dict(zip([call.id for call in pending(run)], outputs, strict=True))
