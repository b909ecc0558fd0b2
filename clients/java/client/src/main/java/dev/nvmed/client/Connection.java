package dev.nvmed.client;

import io.grpc.ConnectivityState;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The way to a daemon. */
public final class Connection {
  private static final Pattern HOST_AND_PORT = Pattern.compile("\\[(?<v6>[0-9a-fA-F:.]+)]:\\d+|(?<host>[^:/]+):\\d+");
  private static final Pattern LOOPBACK = Pattern.compile("localhost|127(\\.\\d{1,3}){3}|::1");

  private Connection() {}

  /**
   * Prepares a connection over a unix socket, {@code unix:/path} or {@code /path}, or over loopback without TLS. It is
   * made with the first call, and again whenever it broke; {@link ManagedChannel#shutdown} ends it. Unix sockets are
   * for Linux alone, as nvmed is.
   *
   * @throws IllegalArgumentException if the address is another host's, or none
   */
  public static ManagedChannel open(String address) {
    String path = socketPath(address);
    if (path != null) {
      return prepared(Grpc.newChannelBuilder("unix://" + path, InsecureChannelCredentials.create()));
    }
    String host = host(address);
    if (!LOOPBACK.matcher(host).matches()) {
      throw new IllegalArgumentException(address + " is another host and needs TLS: give CA, certificate and key");
    }
    return prepared(Grpc.newChannelBuilder(target(address), InsecureChannelCredentials.create()));
  }

  /**
   * Prepares a connection over TLS 1.3.
   *
   * @throws IOException if one of the files cannot be read
   * @throws IllegalArgumentException if one has not what it should, or the address is not {@code host:port}
   */
  public static ManagedChannel open(String address, TlsFiles files) throws IOException {
    host(address);
    NettyChannelBuilder builder = NettyChannelBuilder.forTarget(target(address)).sslContext(context(files));
    if (files.serverName() != null) {
      builder.overrideAuthority(files.serverName());
    }
    return prepared(builder);
  }

  private static SslContext context(TlsFiles files) throws IOException {
    try (InputStream ca = Files.newInputStream(files.ca())) {
      SslContextBuilder builder = GrpcSslContexts.forClient().protocols("TLSv1.3").trustManager(ca);
      if (files.certificate() != null) {
        builder.keyManager(files.certificate().toFile(), files.key().toFile());
      }
      return builder.build();
    }
  }

  private static ManagedChannel prepared(ManagedChannelBuilder<?> builder) {
    ManagedChannel channel =
        builder
            // Proxy properties are meant for the web, not for the storage host next door.
            .proxyDetector(target -> null)
            // A stream can be silent while a drive thinks, so only pings show that its connection is dead.
            .keepAliveTime(30, TimeUnit.SECONDS)
            .keepAliveTimeout(10, TimeUnit.SECONDS)
            .build();
    comeBackSoon(channel);
    return channel;
  }

  /** gRPC waits up to two minutes before it connects again, longer than a daemon needs to start. */
  private static void comeBackSoon(ManagedChannel channel) {
    ConnectivityState state = channel.getState(false);
    switch (state) {
      case SHUTDOWN -> {}
      case TRANSIENT_FAILURE -> LATER.execute(() -> {
        channel.resetConnectBackoff();
        comeBackSoon(channel);
      });
      default -> channel.notifyWhenStateChanged(state, () -> comeBackSoon(channel));
    }
  }

  private static final Executor LATER =
      CompletableFuture.delayedExecutor(Retry.MAX_DELAY.toMillis(), TimeUnit.MILLISECONDS);

  /** The path of a unix socket; null if the address is none. */
  private static String socketPath(String address) {
    String path = address.startsWith("unix:") ? address.substring("unix:".length()).replaceFirst("^//(?=/)", "") :
        address;
        return path.startsWith("/") ? path : null;
    }

    /** An address as a URI, in whose path brackets are escaped. */
    private static String target(String address) {
      return "dns:///" + address.replace("[", "%5B").replace("]", "%5D");
    }

    private static String host(String address) {
      Matcher found = HOST_AND_PORT.matcher(address);
      if (!found.matches()) {
        throw new IllegalArgumentException(address + " is neither host:port nor the path of a unix socket");
      }
      return found.group("v6") != null ? found.group("v6") : found.group("host");
    }
  }
