"""The lights of bays: which are on, for whom, and until when."""
