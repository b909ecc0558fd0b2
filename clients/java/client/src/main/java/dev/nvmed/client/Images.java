package dev.nvmed.client;

import com.google.protobuf.ByteString;
import dev.nvmed.v1.Chunk;
import dev.nvmed.v1.FirmwareServiceGrpc;
import dev.nvmed.v1.Image;
import dev.nvmed.v1.UploadFinish;
import dev.nvmed.v1.UploadHeader;
import dev.nvmed.v1.UploadImageRequest;
import dev.nvmed.v1.UploadImageResponse;
import dev.nvmed.v1.UploadReady;
import io.grpc.Channel;
import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.Set;

/** Firmware images. */
public final class Images {
  /** The size of a chunk, unless the daemon takes less. */
  private static final int CHUNK_BYTES = 512 << 10;

  /** The daemon has not noticed yet that the call before is gone, or a chunk was damaged on its way. */
  private static final Set<String> UPLOAD_AGAIN = Set.of("UPLOAD_BUSY", "TRANSFER_CORRUPTED");

  private Images() {}

  /**
   * Puts a file into the host's spool, with {@code header}'s revision, model and labels; its SHA-256 and size are
   * filled in, because the hash is the image's name: a daemon that has it already answers at once. A connection that
   * breaks is made again, and the upload goes on from what the daemon has on disk.
   *
   * @throws NvmedException if the call failed and is not to be resumed
   */
  public static Image upload(Channel channel, UploadHeader header, Path path) throws IOException, InterruptedException {
    try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ)) {
      UploadHeader complete = header.toBuilder().setSha256(sha256(file)).setSizeBytes(file.size()).build();
      Upload upload = new Upload(channel, complete, file);
      Retry retry = new Retry();
      while (true) {
        long before = upload.committed;
        try {
          return upload.attempt();
        } catch (StatusException thrown) {
          if (upload.committed > before) {
            retry.progressed();
          }
          NvmedException failure = NvmedException.of(thrown);
          if (!Retry.isTransient(failure) && !UPLOAD_AGAIN.contains(failure.reason())) {
            throw failure;
          }
          retry.await(failure);
        }
      }
    }
  }

  private static ByteString sha256(FileChannel file) throws IOException {
    MessageDigest sum = Digests.sha256();
    ByteBuffer buffer = ByteBuffer.allocate(CHUNK_BYTES);
    for (long offset = 0; file.read(buffer, offset) > 0; offset += buffer.position(), buffer.clear()) {
      sum.update(buffer.array(), 0, buffer.position());
    }
    return ByteString.copyFrom(sum.digest());
  }

  /** One upload over its calls. */
  private static final class Upload {
    private final Channel channel;
    private final UploadHeader header;
    private final FileChannel file;

    /** What the daemon said to have on disk when the last call began. */
    long committed;

    Upload(Channel channel, UploadHeader header, FileChannel file) {
      this.channel = channel;
      this.header = header;
      this.file = file;
    }

    Image attempt() throws StatusException, IOException, InterruptedException {
      BlockingClientCall<UploadImageRequest, UploadImageResponse> call =
          FirmwareServiceGrpc.newBlockingV2Stub(channel).uploadImage();
      try {
        call.write(UploadImageRequest.newBuilder().setHeader(header).build());
        Image done = null;
        // Up to the end, or the daemon would call it cancelled.
        for (UploadImageResponse response = call.read(); response != null; response = call.read()) {
          switch (response.getPartCase()) {
            case READY -> send(call, response.getReady());
            case IMAGE -> done = response.getImage();
            case PROGRESS, PART_NOT_SET -> {}
          }
        }
        if (done == null) {
          throw new TransferCorruptedException("the daemon ended the upload without an answer");
        }
        return done;
      } finally {
        Calls.abandon(call);
      }
    }

    /** Sends what the daemon does not have. It stops where the call is over: reading then tells why. */
    private void send(BlockingClientCall<UploadImageRequest, UploadImageResponse> call, UploadReady ready)
        throws StatusException, IOException, InterruptedException {
      committed = ready.getCommittedBytes();
      int most = (int) Math.min(CHUNK_BYTES, Integer.toUnsignedLong(ready.getChunkBytesMax()));
      boolean open = true;
      for (long offset = committed; open && offset < header.getSizeBytes(); ) {
        byte[] data = new byte[(int) Math.min(most, header.getSizeBytes() - offset)];
        int length = file.read(ByteBuffer.wrap(data), offset);
        if (length <= 0) {
          throw new IOException("the file became shorter while it was sent");
        }
        open = call.write(UploadImageRequest.newBuilder().setChunk(chunk(offset, data, length)).build());
        offset += length;
      }
      if (open) {
        call.write(UploadImageRequest.newBuilder().setFinish(UploadFinish.getDefaultInstance()).build());
        call.halfClose();
      }
    }

    private static Chunk chunk(long offset, byte[] data, int length) {
      return Chunk.newBuilder()
          .setOffset(offset)
          .setCrc32(Calls.crc32(data, length))
          .setData(ByteString.copyFrom(data, 0, length))
          .build();
    }
  }
}
