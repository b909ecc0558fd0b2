package dev.nvmed.examples;

import com.google.longrunning.Operation;
import com.google.rpc.BadRequest;
import com.google.rpc.PreconditionFailure;
import dev.nvmed.client.Connection;
import dev.nvmed.client.NvmedException;
import dev.nvmed.client.Operations;
import dev.nvmed.client.Telemetry;
import dev.nvmed.client.TlsFiles;
import dev.nvmed.client.TransferCorruptedException;
import dev.nvmed.examples.Conformance.Facts;
import dev.nvmed.v1.AdminServiceGrpc;
import dev.nvmed.v1.FirmwarePreconditions;
import dev.nvmed.v1.GetControllerRequest;
import dev.nvmed.v1.GetServerInfoRequest;
import dev.nvmed.v1.InventoryServiceGrpc;
import dev.nvmed.v1.LogServiceGrpc;
import dev.nvmed.v1.NvmeStatus;
import dev.nvmed.v1.ReadLogPageRequest;
import dev.nvmed.v1.StageFirmwareResponse;
import io.grpc.ManagedChannel;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;

/** The steps that must fail, and how. */
final class Failures {
  private final Scenario scenario;

  Failures(Scenario scenario) {
    this.scenario = scenario;
  }

  Facts refuseAnonymous() throws Exception {
    TlsFiles anonymous = TlsFiles.of(Path.of(Scenario.env("NVMED_CA")), null, null);
    ManagedChannel channel = Connection.open(Scenario.env("NVMED_ADDRESS"), anonymous);
    try {
      NvmedException failure = Conformance.failureOf(
          ()
              -> Facts.of("info",
                  AdminServiceGrpc.newBlockingStub(channel).getServerInfo(GetServerInfoRequest.getDefaultInstance())));
      return Facts.of("code", failure.code().value());
    } finally {
      channel.shutdownNow();
    }
  }

  Facts refuseDamage() throws IOException, InterruptedException {
    Path path = Path.of(Scenario.env("NVMED_DAMAGED"));
    try {
      Telemetry.save(scenario.channel("NVMED_DAMAGING_ADDRESS"), scenario.hostLog().build(), path);
    } catch (TransferCorruptedException found) {
      return Facts.of("bytes", Files.size(path));
    }
    throw new IllegalStateException("damage was not found");
  }

  Facts requestReused() throws Exception {
    return Facts.of(Conformance.failureOf(
        ()
            -> Facts.of("operation",
                scenario.stage(
                    scenario.staging().setRequestId(Scenario.env("NVMED_REQUEST_ID")).setMaxConcurrency(2)))));
  }

  Facts notFound() throws Exception {
    GetControllerRequest request = GetControllerRequest.newBuilder().setName("controllers/none-1").build();
    NvmedException failure = Conformance.failureOf(
        () -> Facts.of("controller", InventoryServiceGrpc.newBlockingStub(scenario.channel()).getController(request)));
    return Facts.of(failure).and("name", failure.metadata().get("name"));
  }

  Facts badField() throws Exception {
    NvmedException failure = Conformance.failureOf(
        ()
            -> Facts.of("log",
                Telemetry.receive(scenario.channel(), scenario.hostLog().setChunkBytes(1000).build(),
                    OutputStream.nullOutputStream())));
    return Facts.of(failure).and(
        "fields", failure.fields().stream().map(BadRequest.FieldViolation::getField).collect(Collectors.joining(",")));
  }

  Facts nvmeStatus() throws Exception {
    ReadLogPageRequest request = ReadLogPageRequest.newBuilder()
                                     .setController(scenario.hostLog().getController())
                                     .setLogPage(0xBF)
                                     .setLengthBytes(512)
                                     .build();
    NvmedException failure = Conformance.failureOf(() -> {
      LogServiceGrpc.newBlockingStub(scenario.channel()).readLogPage(request).forEachRemaining(part -> {});
      return new Facts();
    });
    NvmeStatus status = failure.nvme().orElseThrow();
    return Facts.of(failure)
        .and("sct", status.getStatusCodeType())
        .and("sc", status.getStatusCode())
        .and("opcode", status.getOpcode());
  }

  Facts operation() throws Exception {
    Operation operation = scenario.stage(
        scenario.staging().setPreconditions(FirmwarePreconditions.newBuilder().setModelNumber("ANOTHER_MODEL")));
    NvmedException failure = Conformance.failureOf(
        () -> Facts.of("response", Operations.await(scenario.channel(), operation, StageFirmwareResponse.class)));
    return Facts.of("operation", operation.getName())
        .and("code", failure.code().value())
        .and("reason", failure.reason())
        .and("remedy", failure.remedy().replace(' ', '_'))
        .and("gates",
            failure.gates().stream().map(PreconditionFailure.Violation::getType).collect(Collectors.joining(",")));
  }
}
