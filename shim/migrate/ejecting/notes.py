"""What is said, as comments in the new code, of each choice of meaning. Texts alone."""

from __future__ import annotations

__all__ = ["NOTES"]

NOTES = {
    "assistant": "There are no assistants any more: these are the settings that each response is "
    "asked with. `strict` and `truncation` are as an assistant had them.",
    "sampling": "Reasoning models refuse temperature and top_p: take them out for such a one.",
    "left_out": "An assistant's name, description and metadata have no place in a response: they "
    "are left out.",
    "thread": "A conversation takes the place of the thread. It keeps messages and calls, not "
    "instructions and tools, and does not expire; deleting it leaves its items.",
    "thread_ids": "The id is that of a conversation, `conv_...`. For threads that shim kept, "
    "`shim threads show ID` tells it: change the ids that you have stored.",
    "message": "A message is an item of the conversation. Items have no time, metadata or run.",
    "merged": "The message goes with the response, and is in the conversation once that is done.",
    "run": "The run is a response. The call waits until it has ended, so nothing is polled. What "
    "ended a run as `failed` (a rate limit, an invalid request) mostly raises an openai.APIError.",
    "background": "The run is a response in background mode, so that it can be cancelled.",
    "loop": "The loop that waited for the run is gone: the response has ended.",
    "retrieve": "The run is a response; those that ended are kept for 30 days.",
    "first_input": "Without `input`, the conversation's own items are answered.",
    "calls": "A response that asks for function calls is `completed`, and does not expire. Until "
    "all calls have outputs, the conversation takes no other response.",
    "submit": "Outputs are the input of another response, with an id of its own; instructions "
    "and tools are sent again, since the conversation does not keep them.",
    "text": "Texts are plain strings; the parts are called input_text and output_text.",
    "messages": "The items of the conversation that are messages, all of them, where a page was "
    "20 at most; calls, their outputs and reasoning are items too.",
    "order": "Newest first, as lists of messages were.",
    "errors": "`error` is what `last_error` was; its codes are more than the three of a run.",
    "reasons": "The reason for too many tokens is `max_output_tokens`, and there is no other "
    "limit.",
    "times": "A response starts when it is made.",
    "usage": "The usage is that of one response; a run's was that of all its responses.",
    "made": "A file that code made is in a container, which is gone after 20 idle minutes: read "
    "it soon. Its id, `cfile_...`, is not one of the Files API.",
    "citations": "Citations stand beside the text, without a marker: `cited` writes one in.",
    "late": "Citations are not told with a piece of text, and no marker is in it: they come with "
    "the whole text.",
    "steps": "There are no steps: the response's own items tell what was done.",
    "include": "Outputs of code are given only where they are asked for.",
    "deleted": "Nothing to delete: an assistant is a few settings in this program.",
    "display": "Assistants have no id; what they were named stands here.",
    "printed": "This shows the native object, whose fields are others.",
    "stream": "The stream has the events of a response; it has no helper that keeps the run.",
    "handler": "`ResponseHandler` calls the methods that AssistantEventHandler called, each once "
    "for what it tells.",
    "locked": "The conversation is locked while a response is streamed, so that the last event "
    "is told when the stream has been read to its end.",
    "attachments": "Files of a message are put where tools find them: in a vector store of the "
    "conversation, or in the container of its code. The conversation's metadata names them.",
    "resources": "The stores and files of a tool are part of the tool.",
    "metadata": "Metadata of messages has no place here: it is left out.",
    "prompt_tokens": "max_prompt_tokens has no counterpart: it is left out; `truncation` drops "
    "the oldest items where all do not fit.",
    "output_tokens": "The bound is that of each response, not of all a run's; 16 at least.",
    "chosen": "A forced choice holds for this response, not for those after the outputs.",
    "events": "Events have other names and data, and are fewer: text, items, and the response.",
    "named": "Events are called as Responses calls them.",
    "never": "There is no such event any more.",
    "embedded": "The embedded model is shim's, and was for trying: a key is needed from here on.",
    "cancel": "A response that has ended cannot be cancelled: that is an error, as it was.",
    "run_messages": "The messages of the response alone: those before function calls were other "
    "responses.",
    "created_twice": "The response goes on in the background until it is asked for.",
    "update": "The settings change for all that use them, as the assistant did.",
    "metadata_update": "All of the metadata is sent: what is missing may be dropped.",
}
