// Talks to an assistant through `shim serve` with nothing but fetch, and reads the stream of its run.
// Runs in browsers and in Node.

export class Assistant {
  constructor({ base, key, assistant }) {
    this.base = base;
    this.assistant = assistant;
    this.headers = {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      "openai-beta": "assistants=v2",
    };
  }

  async post(path, body) {
    const answer = await fetch(this.base + path, {
      method: "POST",
      headers: this.headers,
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error((await answer.json()).error.message);
    return answer;
  }

  async begin() {
    this.thread = (await (await this.post("/threads", {})).json()).id;
  }

  // The words of the answer, as they come.
  async *ask(content) {
    await this.post(`/threads/${this.thread}/messages`, { role: "user", content });
    const run = { assistant_id: this.assistant, stream: true };
    const answer = await this.post(`/threads/${this.thread}/runs`, run);
    for await (const { event, data } of events(answer.body)) {
      if (event === "thread.message.delta") {
        for (const part of JSON.parse(data).delta.content ?? []) yield part.text?.value ?? "";
      } else if (event === "thread.run.failed" || event === "error") {
        const told = JSON.parse(data);
        throw new Error(told.last_error?.message ?? told.message);
      }
    }
  }
}

// Server-sent events: an empty line ends each one, and pieces may end anywhere.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const field = (name) => part.match(new RegExp(`^${name}: (.*)$`, "m"))?.[1];
      yield { event: field("event"), data: field("data") };
    }
  }
}
