package dev.nvmed.examples;

import com.google.longrunning.Operation;
import dev.nvmed.client.Connection;
import dev.nvmed.client.Events;
import dev.nvmed.client.Images;
import dev.nvmed.client.Operations;
import dev.nvmed.client.Telemetry;
import dev.nvmed.client.TelemetryLog;
import dev.nvmed.client.TlsFiles;
import dev.nvmed.examples.Conformance.Facts;
import dev.nvmed.v1.AdminServiceGrpc;
import dev.nvmed.v1.Event;
import dev.nvmed.v1.EventKind;
import dev.nvmed.v1.FirmwareServiceGrpc;
import dev.nvmed.v1.GetServerInfoRequest;
import dev.nvmed.v1.InventoryServiceGrpc;
import dev.nvmed.v1.ListControllersRequest;
import dev.nvmed.v1.ListControllersResponse;
import dev.nvmed.v1.StageFirmwareRequest;
import dev.nvmed.v1.StageFirmwareResponse;
import dev.nvmed.v1.StreamTelemetryRequest;
import dev.nvmed.v1.TelemetrySource;
import dev.nvmed.v1.UploadHeader;
import dev.nvmed.v1.WatchEventsRequest;
import dev.nvmed.v1.WatchEventsResponse;
import io.grpc.ManagedChannel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The steps that succeed, and what they leave to those after them. */
final class Scenario implements AutoCloseable {
  private static final int EVENTS = 3;

  private final Map<String, ManagedChannel> channels = new HashMap<>();
  private String controller;
  private String image;
  private Operation operation;
  private Events events;

  static String env(String name) {
    String value = System.getenv(name);
    if (value == null) {
      throw new IllegalStateException(name + " is not set");
    }
    return value;
  }

  /** The connection over that line; made once. */
  ManagedChannel channel(String variable) throws IOException {
    ManagedChannel channel = channels.get(variable);
    if (channel == null) {
      TlsFiles files = TlsFiles.of(Path.of(env("NVMED_CA")), Path.of(env("NVMED_CERT")), Path.of(env("NVMED_KEY")));
      channel = Connection.open(env(variable), files);
      channels.put(variable, channel);
    }
    return channel;
  }

  ManagedChannel channel() throws IOException {
    return channel("NVMED_ADDRESS");
  }

  @Override
  public void close() {
    channels.values().forEach(ManagedChannel::shutdownNow);
  }

  Facts connect() throws IOException {
    return Facts.of("principal",
        AdminServiceGrpc.newBlockingStub(channel())
            .getServerInfo(GetServerInfoRequest.getDefaultInstance())
            .getPrincipal());
  }

  Facts listControllers() throws IOException {
    List<String> names = new ArrayList<>();
    ListControllersRequest.Builder request = ListControllersRequest.newBuilder().setPageSize(1);
    do {
      ListControllersResponse page = InventoryServiceGrpc.newBlockingStub(channel()).listControllers(request.build());
      page.getControllersList().forEach(each -> names.add(each.getName()));
      request.setPageToken(page.getNextPageToken());
    } while (!request.getPageToken().isEmpty());
    controller = names.get(0);
    return Facts.of("names", String.join(",", names));
  }

  /** A host-initiated log of the first controller. */
  StreamTelemetryRequest.Builder hostLog() {
    return StreamTelemetryRequest.newBuilder()
        .setController(controller)
        .setSource(TelemetrySource.TELEMETRY_SOURCE_HOST);
  }

  Facts receiveTelemetry() throws IOException, InterruptedException {
    TelemetryLog log = Telemetry.save(channel(), hostLog().setCreate(true).build(), Path.of(env("NVMED_TELEMETRY")));
    return Facts.of("streams", log.streams())
        .and("generation", Integer.toUnsignedString(log.trailer().getGenerationNumber()))
        .and("sha256", log.sha256());
  }

  Facts watchEvents() throws IOException, InterruptedException {
    events = Events.watch(channel("NVMED_EVENTS_ADDRESS"),
        WatchEventsRequest.newBuilder().addKinds(EventKind.EVENT_KIND_CAPTURE_FINISHED).build());
    return Facts.of("part", events.next().getPartCase().name().toLowerCase());
  }

  Facts resumeEvents() throws InterruptedException {
    List<String> sequences = new ArrayList<>();
    List<String> captures = new ArrayList<>();
    while (sequences.size() < EVENTS) {
      WatchEventsResponse message = events.next();
      if (message.hasEvent()) {
        Event event = message.getEvent();
        sequences.add(Long.toUnsignedString(event.getSequence()));
        captures.add(event.getCaptureFinished().getCapture());
      }
    }
    events.close();
    return Facts.of("sequences", String.join(",", sequences)).and("captures", String.join(",", captures));
  }

  Facts eventsGap() throws IOException, InterruptedException {
    WatchEventsRequest request =
        WatchEventsRequest.newBuilder().setResumeToken(env("NVMED_EVENTS_TOKEN")).setIncludeSnapshot(true).build();
    String dropped = "";
    List<String> names = new ArrayList<>();
    try (Events gap = Events.watch(channel(), request)) {
      for (WatchEventsResponse message = gap.next(); !message.hasSnapshotEnd(); message = gap.next()) {
        if (message.hasDropped()) {
          dropped = Long.toUnsignedString(message.getDropped().getCount());
        } else if (message.getEvent().hasControllerState()) {
          names.add(message.getEvent().getController());
        }
      }
    }
    return Facts.of("dropped", dropped).and("controllers", String.join(",", names));
  }

  Facts uploadImage() throws IOException, InterruptedException {
    UploadHeader header = UploadHeader.newBuilder().setFirmwareRevision(env("NVMED_IMAGE_REVISION")).build();
    image = Images.upload(channel("NVMED_UPLOAD_ADDRESS"), header, Path.of(env("NVMED_IMAGE"))).getName();
    return Facts.of("image", image);
  }

  /** The image on the first controller. */
  StageFirmwareRequest.Builder staging() {
    return StageFirmwareRequest.newBuilder().addControllers(controller).setImage(image);
  }

  Operation stage(StageFirmwareRequest.Builder request) throws IOException {
    return FirmwareServiceGrpc.newBlockingStub(channel()).stageFirmware(request.build());
  }

  Facts stageImage() throws IOException {
    operation = stage(staging().setRequestId(env("NVMED_REQUEST_ID")));
    return Facts.of("operation", operation.getName());
  }

  Facts repeatRequest() throws IOException {
    return Facts.of("operation", stage(staging().setRequestId(env("NVMED_REQUEST_ID"))).getName());
  }

  Facts waitOperation() throws IOException, InterruptedException {
    StageFirmwareResponse staged =
        Operations.await(channel("NVMED_OPERATIONS_ADDRESS"), operation, StageFirmwareResponse.class);
    StageFirmwareResponse.Drive drive = staged.getDrives(0);
    return Facts.of("outcome", drive.getOutcomeValue())
        .and("slot", drive.getSlot())
        .and("revision", drive.getSlotRevision());
  }
}
