/** Telemetry logs that survive a cut connection. */
import type { Hash } from "node:crypto";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { CallOptions, Client } from "@connectrpc/connect";

import { cancelled } from "./cancel.js";
import type { Chunk } from "./gen/nvmed/v1/common_pb.js";
import { StreamDigest } from "./gen/nvmed/v1/common_pb.js";
import type {
  StreamTelemetryRequest,
  TelemetryHeader,
  TelemetryService,
  TelemetryTrailer,
} from "./gen/nvmed/v1/telemetry_pb.js";
import { StreamTelemetryRequestSchema } from "./gen/nvmed/v1/telemetry_pb.js";
import { isTransient, Patience } from "./retry.js";

/** What arrived is not what was sent. */
export class CorruptedError extends Error {
  override readonly name = "CorruptedError";
}

/** A log that was received completely. */
export interface TelemetryLog {
  /** Header of the first stream. */
  header: TelemetryHeader;
  /** Trailer of the last one. */
  trailer: TelemetryTrailer;
  /** SHA-256 of the whole log as it was received; the daemon's own was the same, unless none was asked for. */
  sha256: Buffer;
  /** How many streams it took: more than one if the connection broke. */
  streams: number;
}

/** Takes verified bytes, in order; the next are not asked for before it is done. */
export type Sink = (data: Uint8Array) => unknown;

/**
 * Streams the log that `request` names into `sink`: every byte checked, and taken up where it broke off if the connection
 * breaks after the header. If it throws, forget what the sink got. TELEMETRY_GENERATION_CHANGED is worth another call,
 * without `create`: the log changed while it was read.
 */
export async function receiveTelemetry(
  client: Client<typeof TelemetryService>,
  request: MessageInitShape<typeof StreamTelemetryRequestSchema>,
  sink: Sink,
  options: CallOptions = {},
): Promise<TelemetryLog> {
  let next = create(StreamTelemetryRequestSchema, request);
  const receiver = new Receiver(sink, next.digest);
  const patience = new Patience();
  for (let streams = 1; ; streams++) {
    const before = receiver.received;
    try {
      const log = await cancelled(options, (own) => receiver.stream(client, next, own));
      return { ...log, streams };
    } catch (error) {
      // What fails before the header is not repeated: nobody knows whether the drive has captured already.
      if (receiver.header === undefined || !isTransient(error)) {
        throw error;
      }
      await patience.wait(error, receiver.received > before, options.signal);
      next = resumed(next, receiver.header.resumeToken, receiver.received);
    }
  }
}

function resumed(request: StreamTelemetryRequest, resumeToken: string, offset: bigint): StreamTelemetryRequest {
  return { ...request, create: false, requestId: "", resumeToken, offset };
}

/** One log as it grows over its streams; the first header binds all that follow. */
class Receiver {
  header: TelemetryHeader | undefined;
  received = 0n;
  readonly #sink: Sink;
  readonly #digest: StreamDigest;
  readonly #whole = createHash("sha256");
  /** Hash of this stream alone, from `#start` on. */
  #part: Hash | undefined;
  #start = 0n;

  constructor(sink: Sink, digest: StreamDigest) {
    this.#sink = sink;
    this.#digest = digest;
  }

  /** Receives until the log is complete, or throws why it is not. */
  async stream(
    client: Client<typeof TelemetryService>,
    request: StreamTelemetryRequest,
    options: CallOptions,
  ): Promise<Omit<TelemetryLog, "streams">> {
    this.#part = undefined;
    let trailer: TelemetryTrailer | undefined;
    for await (const { part } of client.streamTelemetry(request, options)) {
      switch (part.case) {
        case "header":
          this.#begin(part.value);
          break;
        case "chunk":
          await this.#append(part.value);
          break;
        case "trailer":
          trailer = part.value;
          break;
      }
    }
    return this.#finish(trailer);
  }

  /** Starts a stream where the one before ended. */
  #begin(header: TelemetryHeader): void {
    if (header.startOffset !== this.received) {
      throw new CorruptedError(`the stream starts at ${header.startOffset}, ${this.received} was asked for`);
    }
    this.header ??= header;
    if (!isSameLog(this.header, header)) {
      throw new CorruptedError("the resumed stream is of another log");
    }
    this.#part = createHash("sha256");
    this.#start = this.received;
  }

  /** Checks and passes on the next bytes. */
  async #append({ offset, crc32: sum, data }: Chunk): Promise<void> {
    if (this.#part === undefined) {
      throw new CorruptedError("a chunk came before the header");
    }
    if (offset !== this.received) {
      throw new CorruptedError(`a chunk starts at ${offset}, ${this.received} was due`);
    }
    if (crc32(data) !== sum) {
      throw new CorruptedError(`the chunk at ${offset} does not match its CRC-32`);
    }
    this.#whole.update(data);
    this.#part.update(data);
    await this.#sink(data);
    this.received += BigInt(data.length);
  }

  /** Compares what was received with what the trailer says was sent. */
  #finish(trailer: TelemetryTrailer | undefined): Omit<TelemetryLog, "streams"> {
    const { header, received } = this;
    if (header === undefined || trailer === undefined) {
      throw new CorruptedError("the stream ended without a trailer");
    }
    if (received !== header.totalBytes || received !== trailer.totalBytes) {
      throw new CorruptedError(`${received} of ${trailer.totalBytes} bytes arrived`);
    }
    if (trailer.generationNumber !== header.generationNumber) {
      throw new CorruptedError(`the trailer is of generation ${trailer.generationNumber}`);
    }
    const sha256 = this.#whole.digest();
    const part = this.#part?.digest();
    const sums = new Map([
      [this.#start, part],
      [0n, sha256],
    ]);
    const isProven =
      trailer.digest === StreamDigest.NONE
        ? this.#digest === StreamDigest.NONE
        : sums.get(trailer.hashCoversFromOffset)?.equals(trailer.sha256);
    if (!isProven) {
      throw new CorruptedError(`the bytes from ${trailer.hashCoversFromOffset} on do not match their SHA-256`);
    }
    return { header, trailer, sha256 };
  }
}

function isSameLog(one: TelemetryHeader, other: TelemetryHeader): boolean {
  return (
    one.controller === other.controller &&
    one.source === other.source &&
    one.dataArea === other.dataArea &&
    one.totalBytes === other.totalBytes &&
    one.generationNumber === other.generationNumber
  );
}
