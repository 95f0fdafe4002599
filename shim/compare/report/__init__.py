"""A summary as people and machines read it: HTML, JSON, JUnit XML, Markdown. Judges nothing."""
