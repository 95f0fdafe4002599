"""Function tools, polled: the run asks for calls, the program answers them, the run goes on."""

from __future__ import annotations

import json
import os

from shim import OpenAI
from shim.testing import connect

MODEL = os.environ.get("MODEL", "gpt-6-luna")
# without a key the embedded model answers, and threads are kept in memory
client = OpenAI() if os.environ.get("OPENAI_API_KEY") else connect()


def get_current_temperature(location, unit="Celsius"):
    return f"18 {unit} in {location}"


def get_rain_probability(location):
    return f"6 % in {location}"


FUNCTIONS = {f.__name__: f for f in (get_current_temperature, get_rain_probability)}
LOCATION = {"location": {"type": "string", "description": "The city, such as Paris"}}
UNIT = {"unit": {"type": "string", "enum": ["Celsius", "Fahrenheit"]}}


def tool(name, description, properties):
    parameters = {"type": "object", "properties": properties, "required": ["location"]}
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


assistant = client.beta.assistants.create(
    model=MODEL,
    instructions="You are a weather bot. Use the functions to answer questions.",
    tools=[
        tool("get_current_temperature", "The temperature in a place", {**LOCATION, **UNIT}),
        tool("get_rain_probability", "The probability of rain in a place", LOCATION),
    ],
)
question = "What is the temperature in Oslo, and the probability of rain in Oslo?"
thread = client.beta.threads.create(messages=[{"role": "user", "content": question}])
run = client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)

while run.status == "requires_action":
    outputs = []
    for call in run.required_action.submit_tool_outputs.tool_calls:
        arguments = json.loads(call.function.arguments)
        output = FUNCTIONS[call.function.name](**arguments)
        print(f"{call.function.name}({arguments}) -> {output}")
        outputs.append({"tool_call_id": call.id, "output": output})
    run = client.beta.threads.runs.submit_tool_outputs_and_poll(
        thread_id=thread.id, run_id=run.id, tool_outputs=outputs
    )

print(run.status)
if run.status == "completed":
    newest = client.beta.threads.messages.list(thread_id=thread.id, limit=1).data[0]
    print(newest.content[0].text.value)
client.close()
