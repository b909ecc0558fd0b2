package dev.nvmed.client;

import java.nio.file.Path;
import java.util.Objects;

/**
 * The PEM files of a mutually authenticated connection. They are read when it is opened: whoever renews a certificate
 * opens another.
 *
 * @param ca verifies the daemon
 * @param certificate proves who calls; null to call without one
 * @param key belongs to the certificate, PKCS #8; null without one
 * @param serverName the name that the daemon's certificate must have; null where it is the address's host
 */
public record TlsFiles(Path ca, Path certificate, Path key, String serverName) {
  public TlsFiles {
    Objects.requireNonNull(ca, "ca");
    if ((certificate == null) != (key == null)) {
      throw new IllegalArgumentException("a certificate needs its key and a key its certificate");
    }
  }

  /** Both sides prove who they are; the daemon's certificate has the name of the address. */
  public static TlsFiles of(Path ca, Path certificate, Path key) {
    return new TlsFiles(ca, certificate, key, null);
  }
}
