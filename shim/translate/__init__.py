"""Pure translation between Assistants and Responses. Nothing here waits."""
