package dev.nvmed.examples;

import com.google.rpc.BadRequest;
import dev.nvmed.client.Connection;
import dev.nvmed.client.NvmedException;
import dev.nvmed.client.Telemetry;
import dev.nvmed.client.TelemetryLog;
import dev.nvmed.client.TlsFiles;
import dev.nvmed.v1.Controller;
import dev.nvmed.v1.InventoryServiceGrpc;
import dev.nvmed.v1.ListControllersRequest;
import dev.nvmed.v1.StreamTelemetryRequest;
import dev.nvmed.v1.TelemetrySource;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Lists the controllers of a host and saves a telemetry log of the first one:
 *
 * <pre>
 * Example --file nvme.telemetry unix:/run/nvmed/nvmed.sock
 * Example --ca ca.pem --cert me.pem --key me.key --file nvme.telemetry storage-7.example.com:7443
 * </pre>
 */
public final class Example {
  private static final String USAGE = "usage: Example [--ca FILE [--cert FILE --key FILE]] [--file FILE] ADDRESS";

  private Example() {}

  public static void main(String[] args) throws Exception {
    Map<String, Path> options = new HashMap<>(Map.of("--file", Path.of("nvme.telemetry")));
    int at = 0;
    for (; at + 1 < args.length && args[at].startsWith("--"); at += 2) {
      options.put(args[at], Path.of(args[at + 1]));
    }
    if (at != args.length - 1 || args[at].startsWith("--")) {
      System.err.println(USAGE);
      System.exit(2);
    }
    ManagedChannel channel = open(args[at], options);
    try {
      run(channel, options.get("--file"));
    } catch (StatusRuntimeException thrown) {
      explain(NvmedException.of(thrown));
      System.exit(1);
    } catch (NvmedException failure) {
      explain(failure);
      System.exit(1);
    } finally {
      channel.shutdown();
    }
  }

  private static ManagedChannel open(String address, Map<String, Path> options) throws IOException {
    if (!options.containsKey("--ca")) {
      return Connection.open(address);
    }
    return Connection.open(address, TlsFiles.of(options.get("--ca"), options.get("--cert"), options.get("--key")));
  }

  private static void run(ManagedChannel channel, Path file) throws IOException, InterruptedException {
    List<Controller> controllers = InventoryServiceGrpc.newBlockingStub(channel)
                                       .listControllers(ListControllersRequest.getDefaultInstance())
                                       .getControllersList();
    for (Controller controller : controllers) {
      System.out.println(
          controller.getName() + " " + controller.getModelNumber() + " " + controller.getFirmwareRevision());
    }
    if (controllers.isEmpty()) {
      return;
    }
    TelemetryLog log = Telemetry.save(channel,
        StreamTelemetryRequest.newBuilder()
            .setController(controllers.get(0).getName())
            .setSource(TelemetrySource.TELEMETRY_SOURCE_HOST)
            .setCreate(true)
            .build(),
        file);
    System.out.printf("%s: %d bytes, generation %d, sha256 %s%n", file, log.trailer().getTotalBytes(),
        log.trailer().getGenerationNumber(), log.sha256());
  }

  /** Says what is wrong, and what the daemon adds to that. */
  private static void explain(NvmedException failure) {
    System.err.println("error: " + failure);
    for (BadRequest.FieldViolation field : failure.fields()) {
      System.err.println("  " + field.getField() + ": " + field.getDescription());
    }
    failure.nvme().ifPresent(status
        -> System.err.printf("  the drive answered %s to opcode %#04x%n", status.getMnemonic(), status.getOpcode()));
    if (!failure.remedy().isEmpty()) {
      System.err.println("  " + failure.remedy());
    }
    if (!failure.requestId().isEmpty()) {
      System.err.println("  the daemon's log calls it " + failure.requestId());
    }
  }
}
