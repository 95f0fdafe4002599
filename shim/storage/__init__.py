"""What is kept, as SQL."""
