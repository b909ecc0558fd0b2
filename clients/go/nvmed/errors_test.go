package nvmed

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	nvmedv1 "github.com/nvmed/nvmed/clients/go/nvmed/v1"
)

func statusWith(t *testing.T, code codes.Code, details ...protoadapt.MessageV1) *status.Status {
	t.Helper()
	with, err := status.New(code, "no").WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return with
}

func TestAnErrorHasEverythingThatAStatusSays(t *testing.T) {
	failure := FromStatus(statusWith(t, codes.FailedPrecondition,
		&errdetails.ErrorInfo{Domain: Domain, Reason: "GATE_FAILED", Metadata: map[string]string{"slot": "1"}},
		&errdetails.RequestInfo{RequestId: "abc"},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "slot"}}},
		&errdetails.PreconditionFailure{Violations: []*errdetails.PreconditionFailure_Violation{{Type: "SLOT_WRITABLE"}}},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)},
		&nvmedv1.NvmeStatus{StatusCodeType: 1, StatusCode: 6, Opcode: 0x10},
		&nvmedv1.OsError{Errno: 5},
		&errdetails.Help{Links: []*errdetails.Help_Link{{Description: "use another slot"}}},
	).Proto())
	got := fmt.Sprint(
		failure.Code, failure.Message, failure.Reason, failure.Metadata, failure.RequestID,
		failure.Fields[0].Field, failure.Gates[0].Type, failure.RetryDelay, failure.NVMe.StatusCode, failure.OS.Errno,
		failure.Remedy,
	)
	want := fmt.Sprint(
		codes.FailedPrecondition, "no", "GATE_FAILED", map[string]string{"slot": "1"}, "abc",
		"slot", "SLOT_WRITABLE", 1500*time.Millisecond, 6, 5,
		"use another slot",
	)
	if got != want {
		t.Errorf("got %s, expected %s", got, want)
	}
	if status.Code(failure) != codes.FailedPrecondition || failure.Error() != "no (GATE_FAILED, FailedPrecondition)" {
		t.Errorf("got %v", failure)
	}
}

func TestWhatOthersSayIsNoReasonOfTheDaemons(t *testing.T) {
	with := statusWith(t, codes.Unavailable, &errdetails.ErrorInfo{Domain: "example.com", Reason: "GATE_FAILED"})
	failure, ok := FromError(fmt.Errorf("wrapped: %w", with.Err()))
	if !ok || failure.Reason != "" || failure.Code != codes.Unavailable {
		t.Errorf("got %v", failure)
	}
}

func TestWhatIsNotFromACallIsNone(t *testing.T) {
	for _, err := range []error{nil, errors.New("no")} {
		if failure, ok := FromError(err); ok {
			t.Errorf("%v is %v", err, failure)
		}
	}
}
