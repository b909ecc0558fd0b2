package dev.nvmed.client;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.Help;
import com.google.rpc.PreconditionFailure;
import com.google.rpc.RequestInfo;
import com.google.rpc.RetryInfo;
import dev.nvmed.v1.NvmeStatus;
import dev.nvmed.v1.OsError;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A call or an operation that failed, with everything that the daemon says about it. */
public final class NvmedException extends RuntimeException {
  /** The {@code google.rpc.ErrorInfo} domain of the daemon's errors. */
  public static final String DOMAIN = "nvmed.dev";

  private static final long serialVersionUID = 1;

  private final com.google.rpc.Status status;

  private NvmedException(com.google.rpc.Status status, Throwable cause) {
    super(status.getMessage(), cause);
    this.status = status;
  }

  /**
   * What a stub threw.
   *
   * @throws IllegalArgumentException if it does not come from a call
   */
  public static NvmedException of(Throwable thrown) {
    com.google.rpc.Status status = StatusProto.fromThrowable(thrown);
    if (status == null) {
      throw new IllegalArgumentException("no call failed", thrown);
    }
    return new NvmedException(status, thrown);
  }

  /** What a status says, for example that of an operation. */
  public static NvmedException of(com.google.rpc.Status status) {
    return new NvmedException(status, null);
  }

  public Status.Code code() {
    return Status.fromCodeValue(status.getCode()).getCode();
  }

  /**
   * Stable, for programs to branch on: docs/errors.md lists all. Empty if gRPC itself or something on the way failed,
   * and not the daemon.
   */
  public String reason() {
    return info().getReason();
  }

  /** The dynamic parts of the message. */
  public Map<String, String> metadata() {
    return info().getMetadataMap();
  }

  /** What the daemon's log calls the call; empty if it never got there. */
  public String requestId() {
    return detail(RequestInfo.getDefaultInstance()).map(RequestInfo::getRequestId).orElse("");
  }

  /** The wrong fields of the request. */
  public List<BadRequest.FieldViolation> fields() {
    return detail(BadRequest.getDefaultInstance()).map(BadRequest::getFieldViolationsList).orElse(List.of());
  }

  /** The preconditions that do not hold. */
  public List<PreconditionFailure.Violation> gates() {
    return detail(PreconditionFailure.getDefaultInstance())
        .map(PreconditionFailure::getViolationsList)
        .orElse(List.of());
  }

  /** What the drive answered, if it is that. */
  public Optional<NvmeStatus> nvme() {
    return detail(NvmeStatus.getDefaultInstance());
  }

  /** The system call that failed, if it is that. */
  public Optional<OsError> os() {
    return detail(OsError.getDefaultInstance());
  }

  /** What to do about it, for people; empty if the daemon does not say. */
  public String remedy() {
    return detail(Help.getDefaultInstance())
        .stream()
        .flatMap(help -> help.getLinksList().stream())
        .findFirst()
        .map(Help.Link::getDescription)
        .orElse("");
  }

  /** How long the daemon asks to wait before another try, if it says. */
  public Optional<Duration> retryDelay() {
    return detail(RetryInfo.getDefaultInstance())
        .map(RetryInfo::getRetryDelay)
        .map(delay -> Duration.ofSeconds(delay.getSeconds(), delay.getNanos()));
  }

  /** All of it, as it came. */
  public com.google.rpc.Status status() {
    return status;
  }

  @Override
  public String toString() {
    String reason = reason();
    return getMessage() + (reason.isEmpty() ? " (" : " (" + reason + ", ") + code() + ")";
  }

  private ErrorInfo info() {
    return detail(ErrorInfo.getDefaultInstance())
        .filter(info -> info.getDomain().equals(DOMAIN))
        .orElse(ErrorInfo.getDefaultInstance());
  }

  /** The detail of that type; one that cannot be read is none. */
  private <T extends Message> Optional<T> detail(T type) {
    for (Any any : status.getDetailsList()) {
      try {
        if (any.isSameTypeAs(type)) {
          @SuppressWarnings("unchecked") T found = (T) any.unpack(type.getClass());
          return Optional.of(found);
        }
      } catch (InvalidProtocolBufferException unreadable) {
        return Optional.empty();
      }
    }
    return Optional.empty();
  }
}
