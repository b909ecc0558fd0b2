package nvmed

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"google.golang.org/grpc/codes"

	nvmedv1 "github.com/nvmed/nvmed/clients/go/nvmed/v1"
)

func TestBytesLeaveThisHostWithTLSOnly(t *testing.T) {
	for _, address := range []string{"unix:/run/nvmed.sock", "/run/nvmed.sock", "localhost:1", "127.0.0.2:1", "[::1]:1"} {
		if connection, err := Dial(address, nil); err != nil {
			t.Errorf("%s: %v", address, err)
		} else {
			connection.Close()
		}
	}
	for _, address := range []string{
		"storage-7.example.com:4421", "192.0.2.1:4421", "[2001:db8::1]:4421", "127.example.com:1", "localhost",
	} {
		if _, err := Dial(address, nil); err == nil {
			t.Errorf("%s needs no TLS", address)
		}
	}
}

func TestFilesThatCannotBeUsedAreFoundBeforeTheFirstCall(t *testing.T) {
	if _, err := Dial("storage-7.example.com:4421", &TLS{CA: "/nonexistent/ca.pem"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := Dial("storage-7.example.com:4421", &TLS{CA: "dial_test.go"}); err == nil {
		t.Error("a file without certificates is taken")
	}
}

func TestADaemonThatIsNotThereIsUnavailable(t *testing.T) {
	connection, err := Dial("unix:/nonexistent/nvmed.sock", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	client := nvmedv1.NewAdminServiceClient(connection)
	_, err = client.GetServerInfo(context.Background(), &nvmedv1.GetServerInfoRequest{})
	if failure, ok := FromError(err); !ok || failure.Code != codes.Unavailable || failure.Reason != "" {
		t.Errorf("got %v", err)
	}
}
