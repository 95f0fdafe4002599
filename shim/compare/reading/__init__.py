"""What was recorded, exported or kept, read as cases. Knows forms; runs and compares nothing."""
