"""The server door: shim over HTTP, for any language. Needs the extra `server`."""
