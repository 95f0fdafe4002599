// A program as it was written for the Assistants API, with openai-node's own helpers.
//
// node program.mjs PACKAGE BASE_URL: the server's model is told beforehand what to say, by whoever
// runs this. Ends with a line of JSON that says what was seen.

import assert from "node:assert/strict";
import { File } from "node:buffer";

globalThis.File ??= File; // Node 18 has it there

const [, , name, baseURL] = process.argv;
const { default: OpenAI } = await import(name);
const old = name === "openai-4"; // since 5.0 a path has its last id first, and the others by name
const client = new OpenAI({ apiKey: "sk-caller", baseURL, maxRetries: 0 });
const { assistants, threads } = client.beta;
const { runs, messages } = threads;
const seen = {};

const retrieve = (thread, run) =>
  old ? runs.retrieve(thread, run) : runs.retrieve(run, { thread_id: thread });
const submit = (how, thread, run, outputs) =>
  old
    ? runs[how](thread, run, { tool_outputs: outputs })
    : runs[how](run, { thread_id: thread, tool_outputs: outputs });
const outputs = (run) =>
  run.required_action.submit_tool_outputs.tool_calls.map((call) => ({
    tool_call_id: call.id,
    output: `rain in ${JSON.parse(call.function.arguments).city}`,
  }));
const last = async (thread) => (await messages.list(thread)).data[0].content;
const asked = (content) => threads.create({ messages: [{ role: "user", content }] });

const weather = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } } },
  },
};
const assistant = await assistants.create({ model: "gpt-4o", tools: [weather] });
const run_of = { assistant_id: assistant.id };

// polled
let thread = await asked("Hello");
let run = await runs.createAndPoll(thread.id, run_of, { pollIntervalMs: 20 });
seen.polled = [run.status, (await last(thread.id))[0].text.value];

// streamed
const told = { deltas: "", events: [] };
let stream = runs.stream(thread.id, run_of);
for (const each of ["textCreated", "textDone", "messageDone", "runStepDone", "end"]) {
  stream.on(each, () => told.events.push(each));
}
stream.on("textDelta", (delta) => (told.deltas += delta.value));
const [final] = await stream.finalMessages();
seen.streamed = [(await stream.finalRun()).status, told.deltas, final.content[0].text.value];
seen.events = told.events;

// functions, streamed
stream = runs.stream(thread.id, run_of);
run = await stream.finalRun();
assert.equal(run.status, "requires_action");
stream = submit("submitToolOutputsStream", thread.id, run.id, outputs(run));
told.deltas = "";
for await (const event of stream) {
  if (event.event === "thread.message.delta") told.deltas += event.data.delta.content[0].text.value;
}
seen.called_streamed = [(await retrieve(thread.id, run.id)).status, told.deltas];

// functions, polled
run = await runs.createAndPoll(thread.id, run_of, { pollIntervalMs: 20 });
run = await submit("submitToolOutputsAndPoll", thread.id, run.id, outputs(run));
seen.called_polled = [run.status, (await last(thread.id))[0].text.value];

// a thread and its run at once
const both = { ...run_of, thread: { messages: [{ role: "user", content: "Hi" }] } };
stream = threads.createAndRunStream(both);
seen.both_streamed = (await stream.finalMessages())[0].content[0].text.value;
run = await threads.createAndRunPoll(both, { pollIntervalMs: 20 });
seen.both_polled = (await last(run.thread_id))[0].text.value;

// a file that is searched
const upload = (text, filename) =>
  client.files.create({ file: new File([text], filename), purpose: "assistants" });
const file = await upload("The canteen moves to the third floor in March.", "news.md");
const store = await client.vectorStores.create({ name: "News" });
const batch = await client.vectorStores.fileBatches.createAndPoll(store.id, { file_ids: [file.id] });
assert.equal(batch.status, "completed");
const searcher = await assistants.create({
  model: "gpt-4o",
  tools: [{ type: "file_search" }],
  tool_resources: { file_search: { vector_store_ids: [store.id] } },
});
thread = await asked("Where does the canteen move?");
run = await runs.createAndPoll(thread.id, { assistant_id: searcher.id }, { pollIntervalMs: 20 });
const [{ text }] = await last(thread.id);
const [cited] = text.annotations;
assert.equal(text.value.slice(cited.start_index, cited.end_index), cited.text);
seen.cited = (await client.files.retrieve(cited.file_citation.file_id)).filename;

// a file that code makes
const coder = await assistants.create({ model: "gpt-4o", tools: [{ type: "code_interpreter" }] });
thread = await asked("Write a file.");
run = await runs.createAndPoll(thread.id, { assistant_id: coder.id }, { pollIntervalMs: 20 });
const [answer] = (await messages.list(thread.id)).data;
const made = answer.content[0].text.annotations[0].file_path.file_id;
seen.made = await (await client.files.content(made)).text();

// pages
thread = await threads.create({});
for (const content of ["1", "2", "3", "4", "5"]) {
  await messages.create(thread.id, { role: "user", content });
}
seen.pages = [];
for await (const each of messages.list(thread.id, { limit: 2, order: "asc" })) {
  seen.pages.push(each.content[0].text.value);
}

// errors
const failing = async (call) => {
  try {
    await call();
  } catch (error) {
    return [error.constructor.name, error.status, error.message];
  }
};
seen.missing = await failing(() => threads.retrieve("thread_000000000000000000000000"));
seen.bad = await failing(() => messages.create(thread.id, { role: "robot", content: "Hi" }));

// a caller who leaves in the middle of a stream
stream = runs.stream(thread.id, run_of);
const left = await new Promise((resolve) => {
  stream.on("event", ({ event, data }) => {
    if (event === "thread.run.created") resolve(data);
  });
  stream.on("abort", () => {});
});
stream.abort();
do {
  await new Promise((resolve) => setTimeout(resolve, 50));
  run = await retrieve(thread.id, left.id);
} while (!["completed", "failed", "expired", "cancelled"].includes(run.status));
seen.left = run.status;

console.log(JSON.stringify(seen));
