"""Files that are kept whole or not at all: every write to them, the room that they take, and the threads that block."""
