/** A failed call or operation, with everything that the daemon says about it. */
import { Code, ConnectError } from "@connectrpc/connect";

import type { BadRequest_FieldViolation, PreconditionFailure_Violation } from "./gen/google/rpc/error_details_pb.js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  HelpSchema,
  PreconditionFailureSchema,
  RequestInfoSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";
import type { Status } from "./gen/google/rpc/status_pb.js";
import type { NvmeStatus, OsError } from "./gen/nvmed/v1/errors_pb.js";
import { NvmeStatusSchema, OsErrorSchema } from "./gen/nvmed/v1/errors_pb.js";

/** google.rpc.ErrorInfo.domain of the daemon's errors. */
export const DOMAIN = "nvmed.dev";

/** What failed: `NvmedError.from` makes it of what a call threw, `NvmedError.fromStatus` of an operation's error. */
export class NvmedError extends Error {
  override readonly name = "NvmedError";
  /** gRPC's code. */
  readonly code: Code;
  /** Stable, for programs to branch on: docs/errors.md lists all. "" if not the daemon failed, but the way to it. */
  readonly reason: string;
  /** The dynamic parts of the message. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What the daemon's log calls the call. */
  readonly requestId: string;
  /** The wrong fields of the request. */
  readonly fields: readonly BadRequest_FieldViolation[];
  /** The preconditions that do not hold. */
  readonly gates: readonly PreconditionFailure_Violation[];
  /** What the drive answered, if it was the drive. */
  readonly nvme: NvmeStatus | undefined;
  /** The system call that failed, if it was the kernel. */
  readonly os: OsError | undefined;
  /** What to do about it, for people; "" if the daemon does not say. */
  readonly remedy: string;
  /** How long the daemon asks to wait before another try, 0 if it does not say. */
  readonly retryDelayMs: number;

  private constructor(error: ConnectError) {
    super(error.rawMessage, { cause: error });
    const info = error.findDetails(ErrorInfoSchema).find((detail) => detail.domain === DOMAIN);
    const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
    this.code = error.code;
    this.reason = info?.reason ?? "";
    this.metadata = info?.metadata ?? {};
    this.requestId = error.findDetails(RequestInfoSchema)[0]?.requestId ?? "";
    this.fields = error.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
    this.gates = error.findDetails(PreconditionFailureSchema)[0]?.violations ?? [];
    this.nvme = error.findDetails(NvmeStatusSchema)[0];
    this.os = error.findDetails(OsErrorSchema)[0];
    this.remedy = error.findDetails(HelpSchema)[0]?.links[0]?.description ?? "";
    this.retryDelayMs = delay === undefined ? 0 : Number(delay.seconds) * 1000 + delay.nanos / 1e6;
  }

  /** `error` as an NvmedError; undefined if it does not come from a call. */
  static from(error: unknown): NvmedError | undefined {
    if (error instanceof NvmedError) {
      return error;
    }
    return error instanceof ConnectError ? new NvmedError(error) : undefined;
  }

  /** The error that a status says, for example that of an operation. */
  static fromStatus(status: Status): NvmedError {
    const error = new ConnectError(status.message, status.code);
    error.details = status.details.map((detail) => ({
      type: detail.typeUrl.slice(detail.typeUrl.lastIndexOf("/") + 1),
      value: detail.value,
    }));
    return new NvmedError(error);
  }
}
