"""Of whom a method is asked: a scan tells an SDK's client from what a program has of its own."""

from __future__ import annotations

import pytest
import trees

CALLS = {
    "field.ts": (
        """
        import OpenAI from 'openai';
        class Chat {
          readonly threads: Threads = this.ai.client.beta.threads;
          list(id: string) { return this.threads.messages.list(id); }
          run(id: string) { return this.threads.runs.submitToolOutputsStream(id, {}); }
          own(db: Db) { return db.threads.create({}); }
        }
        """,
        ["threads.messages.list", "threads.runs.submit_tool_outputs_stream"],
    ),
    "taken.js": (
        """
        const { threads, assistants: helpers } = new OpenAI().beta;
        await threads.create();
        await helpers.del(id);
        await session.threads.create();
        """,
        ["threads.create", "assistants.delete"],
    ),
    "beta.mjs": (
        "const api = openai.beta;\nawait api.threads.runs.create(id, {});\n",
        ["threads.runs.create"],
    ),
    "model.php": (
        """
        <?php
        use OpenAI\\Client;
        $this->threads()->create(['user' => 1]);
        $user->threads()->create([]);
        $this->client->threads()->create([]);
        OpenAI::client($key)->assistants()->list();
        $this->getClient()
            ->threads()
            ->messages()
            ->list($id);
        """,
        ["threads.create", "assistants.list", "threads.messages.list"],
    ),
    "model.rb": (
        """
        # a model of the program's own, in a file that speaks of OpenAI
        OpenAI.configure
        assistant_thread.messages.create(content: text)
        runs.create(assistant: assistant)
        client.messages.create(thread_id: id, parameters: {})
        @client.threads.delete(id: id)
        """,
        ["threads.messages.create", "threads.delete"],
    ),
    "Theo.java": (
        """
        import com.theokanning.openai.service.OpenAiService;
        class Chat {
          private final OpenAiService gpt;
          private final ChatService chatService;
          void f() {
            gpt.createThread(request);
            chatService.deleteThread(id);
            error.getMessage();
            gpt.createRunStream(id, request);
          }
        }
        """,
        ["threads.create", "threads.runs.stream"],
    ),
    "Wrapped.java": (
        """
        import com.theokanning.openai.messages.Message;
        import org.example.ai.OpenAiAssistant;
        class Notes {
          void f(OpenAiAssistant assistantApi, OpenAiApiExtended api) {
            assistantApi.createThread(messages);
            api.createMessage(id, request);
          }
        }
        """,
        ["threads.messages.create"],
    ),
    "Endpoints.cs": (
        """
        using OpenAI.Assistants;
        using OpenAI.Threads;
        var assistant = await api.AssistantsEndpoint.RetrieveAssistantAsync(id);
        await assistant.DeleteFileAsync(fileId);
        var thread = await api.ThreadsEndpoint.CreateThreadAsync();
        var run = await thread.CreateRunAsync(assistant);
        run = await run.WaitForStatusChangeAsync();
        await repository.CreateAssistantAsync(mine);
        """,
        [
            "assistants.retrieve",
            "assistants.files.delete",
            "threads.create",
            "threads.runs.create",
            "threads.runs.poll",
        ],
    ),
    "bot.go": (
        """
        import openai "github.com/sashabaranov/go-openai"
        type Bot struct {
            ai *openai.Client
            store *Store
        }
        func (b *Bot) f() {
            b.ai.CreateThread(ctx, openai.ThreadRequest{})
            b.store.CreateThread(ctx, 1)
        }
        """,
        ["threads.create"],
    ),
    "Simple.java": (
        """
        import io.github.sashirestela.openai.SimpleOpenAI;
        List<Assistant> all = openAI.assistants().getList().join();
        var run = openAI.threadRuns().create(threadId, request);
        """,
        ["assistants.list", "threads.runs.create"],
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_are_those_of_a_client(tmp_path, name):
    """Calls of an SDK's client, by whatever name, are found; methods of one's own are not."""
    code, methods = CALLS[name]

    trees.write(tmp_path, **{name.replace(".", "_DOT_"): code})

    assert trees.texts(tmp_path) == methods


def test_long_blanks_take_no_time(tmp_path):
    """A long comment, or a bundle's run of blanks, is passed in one go."""
    blanks = " " * 200_000
    text = f"/*{'x' * 200_000}*/{blanks}\nopenai.beta.threads.create({blanks});\n"
    (tmp_path / "app.ts").write_text(text, encoding="utf-8")

    assert trees.texts(tmp_path) == ["threads.create"]
