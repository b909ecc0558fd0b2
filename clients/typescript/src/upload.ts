/** Uploading firmware images. */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";

import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { CallOptions, Client } from "@connectrpc/connect";

import { cancelled } from "./cancel.js";
import { NvmedError } from "./errors.js";
import type { FirmwareService, Image, UploadHeader, UploadReady } from "./gen/nvmed/v1/firmware_pb.js";
import { UploadHeaderSchema, UploadImageRequestSchema } from "./gen/nvmed/v1/firmware_pb.js";
import { isTransient, Patience } from "./retry.js";
import { CorruptedError } from "./telemetry.js";

/** Size of a chunk, unless the daemon takes less. */
const CHUNK_BYTES = 512 << 10;

/** The daemon has not noticed yet that the call before is gone, or a chunk was damaged on its way. */
const AGAIN = new Set(["UPLOAD_BUSY", "TRANSFER_CORRUPTED"]);

/**
 * Puts `file` into the host's spool, with the revision, model and labels of `about`; SHA-256 and size are filled in,
 * because the hash is the image's name: a daemon that has it already answers at once. A connection that breaks is made
 * again, and the upload goes on from what the daemon has on disk.
 */
export async function uploadImage(
  client: Client<typeof FirmwareService>,
  about: MessageInitShape<typeof UploadHeaderSchema>,
  file: FileHandle,
  options: CallOptions = {},
): Promise<Image> {
  const header = create(UploadHeaderSchema, about);
  const sum = createHash("sha256");
  for await (const data of file.createReadStream({ start: 0, autoClose: false })) {
    sum.update(data as Buffer);
    header.sizeBytes += BigInt((data as Buffer).length);
  }
  header.sha256 = sum.digest();
  const patience = new Patience();
  for (let committed = 0n; ;) {
    const before = committed;
    try {
      return await cancelled(options, (own) =>
        upload(client, header, file, (ready) => (committed = ready.committedBytes), own),
      );
    } catch (error) {
      if (!isTransient(error) && !AGAIN.has(NvmedError.from(error)?.reason ?? "")) {
        throw error;
      }
      await patience.wait(error, committed > before, options.signal);
    }
  }
}

type Request = MessageInitShape<typeof UploadImageRequestSchema>;

/** One call; `onReady` is told what the daemon has on disk when it begins. */
async function upload(
  client: Client<typeof FirmwareService>,
  header: UploadHeader,
  file: FileHandle,
  onReady: (ready: UploadReady) => void,
  options: CallOptions,
): Promise<Image> {
  let begin!: (answer: UploadReady | undefined) => void;
  const ready = new Promise<UploadReady | undefined>((resolve) => (begin = resolve));
  async function* requests(): AsyncGenerator<Request> {
    yield { part: { case: "header", value: header } };
    const answer = await ready;
    if (answer !== undefined) {
      yield* parts(header, file, answer);
    }
  }
  let image: Image | undefined;
  try {
    for await (const { part } of client.uploadImage(requests(), options)) {
      if (part.case === "image") {
        image = part.value; // up to the end, or the daemon would call it cancelled
      }
      if (part.case === "ready") {
        onReady(part.value);
        begin(part.value);
      }
    }
  } finally {
    begin(undefined); // or what sends would wait for ever
  }
  if (image === undefined) {
    throw new CorruptedError("the daemon ended the upload without an answer");
  }
  return image;
}

/** What the daemon does not have, and the end. */
async function* parts(header: UploadHeader, file: FileHandle, ready: UploadReady): AsyncGenerator<Request> {
  const chunkBytes = Math.min(CHUNK_BYTES, ready.chunkBytesMax || CHUNK_BYTES);
  for (let offset = ready.committedBytes; offset < header.sizeBytes;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, Number(offset));
    if (bytesRead === 0) {
      throw new RangeError(`the file became shorter while it was sent: it ends at ${offset} now`);
    }
    const data = buffer.subarray(0, bytesRead);
    yield { part: { case: "chunk", value: { offset, data, crc32: crc32(data) } } };
    offset += BigInt(bytesRead);
  }
  yield { part: { case: "finish", value: {} } };
}
