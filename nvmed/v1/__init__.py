"""Generated from proto/nvmed/v1 by `make proto`: never edited."""
