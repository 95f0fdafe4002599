"""A place where native code and Assistants code meet on one conversation."""

from __future__ import annotations

from places import WEATHER, Place

__all__ = ["NATIVE_WEATHER", "Sharing"]

NATIVE_WEATHER = {"type": "function", **WEATHER["function"], "strict": False}


class Sharing(Place):
    """One client that speaks both APIs, through shim, to an embedded upstream."""

    def converse(self, *texts, **more):
        """A conversation made by native code, in which the user said something."""
        items = [{"role": "user", "content": text} for text in texts]
        return self.get(self.client.conversations.create(items=items, **more)).id

    def respond(self, conversation, given, **more):
        """A response of native code on the conversation."""
        more = {"model": "gpt-4o", "input": given, **more}
        return self.get(self.client.responses.create(conversation=conversation, **more))

    def add(self, conversation, *items):
        """Items that native code puts there; gives them as they are stored."""
        made = self.client.conversations.items.create(conversation, items=list(items))
        return self.get(made).data

    def items(self, conversation):
        """The conversation as native code sees it, oldest first."""
        listed = self.client.conversations.items.list(conversation, order="asc", limit=100)
        return self.get(listed).data

    def listed(self, thread, **more):
        """The thread's messages, oldest first."""
        more = {"order": "asc", "limit": 100, **more}
        return self.get(self.client.beta.threads.messages.list(thread, **more)).data

    def texts(self, thread):
        """Who said what, as Assistants code sees it."""
        return [(m.role, "".join(p.text.value for p in m.content)) for m in self.listed(thread)]

    def native_texts(self, conversation):
        """Who said what, as native code sees it."""
        return [
            (item.role, "".join(part.text for part in item.content))
            for item in self.items(conversation)
            if item.type == "message"
        ]

    def notes(self, api, name, *args, **more):
        """The notes in the header of an answer to a method of the SDK."""
        answer = self.get(getattr(api.with_raw_response, name)(*args, **more))
        return answer.headers.get("x-shim-notes", "")

    def inputs(self):
        """The input of the newest response, as (type or role, text or name)."""
        return [_told(item) for item in self.offline.posts()[-1].body["input"]]

    def reads(self, before):
        """How often items were listed since the log had that length."""
        log = self.offline.log[before:]
        return len([e for e in log if e.method == "GET" and e.path.endswith("/items")])


def _told(item):
    match item["type"]:
        case "message":
            parts = item["content"]
            text = parts if isinstance(parts, str) else "".join(p.get("text", "") for p in parts)
            return item["role"], text
        case "function_call":
            return "call", item["name"]
        case "function_call_output":
            return "output", item["output"]
        case other:
            return other, ""
