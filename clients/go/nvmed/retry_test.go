package nvmed

import (
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
)

func TestWhatIsTakenUpAgain(t *testing.T) {
	for _, one := range []struct {
		code   codes.Code
		reason string
		again  bool
	}{
		{codes.Unavailable, "DEVICE_GONE", true},
		{codes.Unavailable, "", true},
		{codes.Canceled, "", true},
		{codes.Canceled, "CALL_CANCELLED", true},
		{codes.Canceled, "OPERATION_CANCELLED", false},
		{codes.DeadlineExceeded, "COMMAND_TIMEOUT", true},
		{codes.DeadlineExceeded, "", false},
		{codes.Aborted, "NVME_ABORTED", true},
		{codes.Aborted, "TELEMETRY_GENERATION_CHANGED", false},
		{codes.FailedPrecondition, "GATE_FAILED", false},
	} {
		err := statusWith(t, one.code, &errdetails.ErrorInfo{Domain: Domain, Reason: one.reason}).Err()
		if transient(err) != one.again {
			t.Errorf("%s %s: %v, expected %v", one.code, one.reason, !one.again, one.again)
		}
	}
	again := &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)}
	if !transient(statusWith(t, codes.ResourceExhausted, again).Err()) {
		t.Error("what says when to try again is not taken up")
	}
}
