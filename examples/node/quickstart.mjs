// openai-node as it was written for the Assistants API; only the base URL is new. 4.x to 7.x.
//
//   npm install openai
//   OPENAI_BASE_URL=http://127.0.0.1:8000/v1 OPENAI_API_KEY=... node examples/node/quickstart.mjs
import OpenAI from "openai";

const openai = new OpenAI();
const { assistants, threads } = openai.beta;

const assistant = await assistants.create({
  name: "Math Tutor",
  instructions: "You are a personal math tutor.",
  model: "gpt-6-luna",
});
const thread = await threads.create();
await threads.messages.create(thread.id, {
  role: "user",
  content: "I need to solve the equation `3x + 11 = 14`. Can you help me?",
});

const stream = threads.runs
  .stream(thread.id, { assistant_id: assistant.id })
  .on("textCreated", () => process.stdout.write("assistant > "))
  .on("textDelta", (delta) => process.stdout.write(delta.value));
const run = await stream.finalRun();
console.log(`\n${run.status}, ${run.usage.total_tokens} tokens`);

const again = await threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id });
console.log(`${again.status}, polled`);
