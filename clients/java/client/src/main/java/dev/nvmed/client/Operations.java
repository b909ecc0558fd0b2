package dev.nvmed.client;

import com.google.longrunning.Operation;
import com.google.longrunning.OperationsGrpc;
import com.google.longrunning.WaitOperationRequest;
import com.google.protobuf.Duration;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.grpc.Channel;
import io.grpc.StatusException;

/** Operations, which go on whether or not somebody waits for them. */
public final class Operations {
  /** How long one call asks the daemon to wait. */
  private static final Duration WAIT_AT_A_TIME = Duration.newBuilder().setSeconds(30).build();

  private Operations() {}

  /**
   * Waits until {@code operation} is done. A connection that breaks is made again, also across the daemon's restart.
   *
   * @param response what it answers, for example {@code StageFirmwareResponse.class}
   * @throws NvmedException if it failed, the same as for a failed call
   * @throws TransferCorruptedException if it answered something else
   */
  public static <T extends Message> T await(Channel channel, Operation operation, Class<T> response)
      throws TransferCorruptedException, InterruptedException {
    Operation latest = operation;
    Retry retry = new Retry();
    WaitOperationRequest request =
        WaitOperationRequest.newBuilder().setName(operation.getName()).setTimeout(WAIT_AT_A_TIME).build();
    while (!latest.getDone()) {
      try {
        latest = OperationsGrpc.newBlockingV2Stub(channel).waitOperation(request);
        retry.progressed();
      } catch (StatusException thrown) {
        Calls.pause(retry, thrown);
      }
    }
    if (latest.hasError()) {
      throw NvmedException.of(latest.getError());
    }
    try {
      return latest.getResponse().unpack(response);
    } catch (InvalidProtocolBufferException unreadable) {
      throw new TransferCorruptedException(operation.getName() + " answered " + latest.getResponse().getTypeUrl());
    }
  }
}
