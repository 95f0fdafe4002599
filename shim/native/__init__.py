"""Handlers that hand calls on to a server which still speaks the Assistants API itself."""
