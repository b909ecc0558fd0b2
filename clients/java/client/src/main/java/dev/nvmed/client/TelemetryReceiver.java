package dev.nvmed.client;

import com.google.protobuf.ByteString;
import dev.nvmed.v1.Chunk;
import dev.nvmed.v1.StreamDigest;
import dev.nvmed.v1.StreamTelemetryResponse;
import dev.nvmed.v1.TelemetryHeader;
import dev.nvmed.v1.TelemetryTrailer;
import java.io.IOException;
import java.io.OutputStream;
import java.security.MessageDigest;
import java.util.HexFormat;

/** One log as it grows over its streams; the first header binds all that follow. */
final class TelemetryReceiver {
  private final OutputStream sink;
  private final StreamDigest digest;
  private final MessageDigest whole = Digests.sha256();
  private TelemetryHeader header;
  private TelemetryTrailer trailer;
  private int streams;
  private long received;

  /** The hash of this stream alone, from {@link #start} on; null before its header. */
  private MessageDigest part;

  private long start;

  TelemetryReceiver(OutputStream sink, StreamDigest digest) {
    this.sink = sink;
    this.digest = digest;
  }

  /** That of the first stream; null before it came. */
  TelemetryHeader header() {
    return header;
  }

  /** Bytes that were passed on. */
  long received() {
    return received;
  }

  void opened() {
    streams++;
    part = null;
    trailer = null;
  }

  void accept(StreamTelemetryResponse response) throws IOException {
    switch (response.getPartCase()) {
      case HEADER -> begin(response.getHeader());
      case CHUNK -> append(response.getChunk());
      case TRAILER -> trailer = response.getTrailer();
      case PART_NOT_SET -> {} // what a newer daemon adds
    }
  }

  private void begin(TelemetryHeader begun) throws TransferCorruptedException {
    check(begun.getStartOffset() == received,
        "the stream starts at " + begun.getStartOffset() + ", " + received + " was asked for");
    check(header == null || sameLog(header, begun), "the resumed stream is of another log");
    header = header == null ? begun :
        header;
        part = Digests.sha256();
        start = received;
    }

    private static boolean sameLog(TelemetryHeader one, TelemetryHeader other) {
      return one.getController().equals(other.getController()) && one.getSource() == other.getSource()
          && one.getDataArea() == other.getDataArea() && one.getTotalBytes() == other.getTotalBytes()
          && one.getGenerationNumber() == other.getGenerationNumber();
    }

    private void append(Chunk chunk) throws IOException {
      check(part != null, "a chunk before the header");
      check(chunk.getOffset() == received, "a chunk starts at " + chunk.getOffset() + ", " + received + " was due");
      byte[] data = chunk.getData().toByteArray();
      check(Calls.crc32(data, data.length) == chunk.getCrc32(),
          "the chunk at " + received + " does not match its CRC-32");
      whole.update(data);
      part.update(data);
      sink.write(data);
      received += data.length;
    }

    /** Compares what was received with what the trailer says was sent. */
    TelemetryLog finish() throws TransferCorruptedException {
      check(part != null && trailer != null, "the stream ended without a trailer");
      check(received == header.getTotalBytes() && received == trailer.getTotalBytes(),
          received + " of " + trailer.getTotalBytes() + " bytes arrived");
      check(trailer.getGenerationNumber() == header.getGenerationNumber(),
          "the trailer is of generation " + trailer.getGenerationNumber());
      ByteString wholeSum = ByteString.copyFrom(whole.digest());
      ByteString partSum = ByteString.copyFrom(part.digest());
      long from = trailer.getHashCoversFromOffset();
      ByteString covering = from == 0 ? wholeSum : partSum;
      boolean proven = trailer.getDigest() == StreamDigest.STREAM_DIGEST_NONE
          ? digest == StreamDigest.STREAM_DIGEST_NONE
          : (from == 0 || from == start) && covering.equals(trailer.getSha256());
      check(proven, "the bytes from " + from + " on do not match their SHA-256");
      return new TelemetryLog(header, trailer, HexFormat.of().formatHex(wholeSum.toByteArray()), streams);
    }

    private static void check(boolean holds, String otherwise) throws TransferCorruptedException {
      if (!holds) {
        throw new TransferCorruptedException(otherwise);
      }
    }
  }
