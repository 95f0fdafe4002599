"""Side by side: whether two lanes answer alike. Reads cases, runs them, and tells what differs."""
