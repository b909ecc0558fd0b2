package dev.nvmed.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nvmed.v1.AdminServiceGrpc;
import dev.nvmed.v1.GetServerInfoRequest;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConnectionTest {
  @ParameterizedTest
  @ValueSource(strings = {"unix:/run/nvmed.sock", "unix:///run/nvmed.sock", "/run/nvmed.sock", "localhost:1",
                   "127.0.0.2:1", "[::1]:1"})
  void
  bytesThatStayOnThisHostNeedNoTls(String address) {
    Connection.open(address).shutdownNow();
  }

  @ParameterizedTest
  @ValueSource(strings = {"storage-7.example.com:7443", "192.0.2.1:7443", "[2001:db8::1]:7443", "127.example.com:1",
                   "localhost", "unix:relative"})
  void
  bytesThatLeaveItDo(String address) {
    assertThrows(IllegalArgumentException.class, () -> Connection.open(address));
  }

  @Test
  void filesThatCannotBeUsedAreFoundBeforeTheFirstCall(@TempDir Path folder) throws Exception {
    Path gone = folder.resolve("ca.pem");
    assertThrows(
        NoSuchFileException.class, () -> Connection.open("storage-7.example.com:7443", TlsFiles.of(gone, null, null)));
    Path empty = Files.writeString(folder.resolve("empty.pem"), "");
    assertThrows(IllegalArgumentException.class,
        () -> Connection.open("storage-7.example.com:7443", TlsFiles.of(empty, null, null)));
    assertThrows(IllegalArgumentException.class, () -> TlsFiles.of(empty, empty, null));
  }

  @Test
  void aDaemonThatIsNotThereIsUnavailable(@TempDir Path folder) {
    ManagedChannel channel = Connection.open(folder.resolve("nvmed.sock").toString());
    try {
      StatusRuntimeException thrown = assertThrows(StatusRuntimeException.class,
          () -> AdminServiceGrpc.newBlockingStub(channel).getServerInfo(GetServerInfoRequest.getDefaultInstance()));
      NvmedException failure = NvmedException.of(thrown);
      assertEquals(Status.Code.UNAVAILABLE, failure.code());
      assertEquals("", failure.reason());
    } finally {
      channel.shutdownNow();
    }
  }
}
