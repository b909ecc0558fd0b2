"""A host's controllers as nvmed sees them: who they are, what they can do, and their threads."""
