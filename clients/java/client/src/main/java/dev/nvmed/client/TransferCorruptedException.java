package dev.nvmed.client;

import java.io.IOException;

/** What arrived is not what was sent. */
public final class TransferCorruptedException extends IOException {
  private static final long serialVersionUID = 1;

  TransferCorruptedException(String message) {
    super("transfer corrupted: " + message);
  }
}
