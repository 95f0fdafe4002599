"""What `shim doctor` looks at: each module gives the findings of one subject."""
