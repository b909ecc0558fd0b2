package dev.nvmed.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.Help;
import com.google.rpc.PreconditionFailure;
import com.google.rpc.RequestInfo;
import com.google.rpc.RetryInfo;
import com.google.rpc.Status;
import dev.nvmed.v1.NvmeStatus;
import dev.nvmed.v1.OsError;
import io.grpc.Status.Code;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NvmedExceptionTest {
  static Status status(Code code, Message... details) {
    Status.Builder status = Status.newBuilder().setCode(code.value()).setMessage("no");
    for (Message detail : details) {
      status.addDetails(Any.pack(detail));
    }
    return status.build();
  }

  static ErrorInfo.Builder reason(String reason) {
    return ErrorInfo.newBuilder().setDomain(NvmedException.DOMAIN).setReason(reason);
  }

  @Test
  void itHasEverythingThatAStatusSays() {
    Status status = status(Code.FAILED_PRECONDITION, reason("GATE_FAILED").putMetadata("slot", "1").build(),
        RequestInfo.newBuilder().setRequestId("abc").build(),
        BadRequest.newBuilder().addFieldViolations(BadRequest.FieldViolation.newBuilder().setField("slot")).build(),
        PreconditionFailure.newBuilder()
            .addViolations(PreconditionFailure.Violation.newBuilder().setType("SLOT_WRITABLE"))
            .build(),
        RetryInfo.newBuilder()
            .setRetryDelay(com.google.protobuf.Duration.newBuilder().setSeconds(1).setNanos(500_000_000))
            .build(),
        NvmeStatus.newBuilder().setStatusCodeType(1).setStatusCode(6).build(), OsError.newBuilder().setErrno(5).build(),
        Help.newBuilder().addLinks(Help.Link.newBuilder().setDescription("use another slot")).build());
    NvmedException failure = NvmedException.of(StatusProto.toStatusRuntimeException(status));
    assertEquals(Code.FAILED_PRECONDITION, failure.code());
    assertEquals("GATE_FAILED", failure.reason());
    assertEquals(Map.of("slot", "1"), failure.metadata());
    assertEquals("abc", failure.requestId());
    assertEquals("slot", failure.fields().get(0).getField());
    assertEquals("SLOT_WRITABLE", failure.gates().get(0).getType());
    assertEquals(Duration.ofMillis(1500), failure.retryDelay().orElseThrow());
    assertEquals(6, failure.nvme().orElseThrow().getStatusCode());
    assertEquals(5, failure.os().orElseThrow().getErrno());
    assertEquals("use another slot", failure.remedy());
    assertEquals("no (GATE_FAILED, FAILED_PRECONDITION)", failure.toString());
  }

  @Test
  void whatOthersSayIsNoReasonOfTheDaemons() {
    ErrorInfo info = ErrorInfo.newBuilder().setDomain("example.com").setReason("GATE_FAILED").build();
    assertEquals("", NvmedException.of(status(Code.UNAVAILABLE, info)).reason());
  }

  @Test
  void whatIsNotFromACallIsNone() {
    assertThrows(IllegalArgumentException.class, () -> NvmedException.of(new IllegalStateException("no")));
  }

  @ParameterizedTest
  @CsvSource({
      "UNAVAILABLE, DEVICE_GONE, true",
      "UNAVAILABLE, '', true",
      "CANCELLED, '', true",
      "CANCELLED, CALL_CANCELLED, true",
      "CANCELLED, OPERATION_CANCELLED, false",
      "DEADLINE_EXCEEDED, COMMAND_TIMEOUT, true",
      "DEADLINE_EXCEEDED, '', false",
      "ABORTED, NVME_ABORTED, true",
      "ABORTED, TELEMETRY_GENERATION_CHANGED, false",
      "FAILED_PRECONDITION, GATE_FAILED, false",
  })
  void
  whatIsTakenUpAgain(Code code, String reason, boolean again) {
    assertEquals(again, Retry.isTransient(NvmedException.of(status(code, reason(reason).build()))));
  }

  @Test
  void whatSaysWhenToTryAgainIsTakenUpToo() {
    assertEquals(
        true, Retry.isTransient(NvmedException.of(status(Code.RESOURCE_EXHAUSTED, RetryInfo.getDefaultInstance()))));
  }
}
