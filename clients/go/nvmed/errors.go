package nvmed

import (
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	nvmedv1 "github.com/nvmed/nvmed/clients/go/nvmed/v1"
)

// Domain is the google.rpc.ErrorInfo domain of the daemon's errors.
const Domain = "nvmed.dev"

// Error is a call or an operation that failed, with everything that the daemon says about it.
type Error struct {
	Code    codes.Code
	Message string
	// Reason is stable, for programs to branch on: docs/errors.md lists all. Empty if gRPC itself or something on the
	// way failed, and not the daemon.
	Reason string
	// Metadata has the dynamic parts of Message.
	Metadata map[string]string
	// RequestID is what the daemon's log calls the call.
	RequestID string
	// Fields are the wrong fields of the request, Gates the preconditions that do not hold.
	Fields []*errdetails.BadRequest_FieldViolation
	Gates  []*errdetails.PreconditionFailure_Violation
	// NVMe is what the drive answered, OS the system call that failed; nil if it was neither.
	NVMe *nvmedv1.NvmeStatus
	OS   *nvmedv1.OsError
	// Remedy is what to do about it, for people; empty if the daemon does not say.
	Remedy string
	// RetryDelay is how long the daemon asks to wait before another try, 0 if it does not say.
	RetryDelay time.Duration

	status *status.Status
}

// FromError returns err as an Error; false if it is nil, or does not come from a call.
func FromError(err error) (*Error, bool) {
	if err == nil {
		return nil, false
	}
	found, ok := status.FromError(err)
	if !ok {
		return nil, false
	}
	return FromStatus(found.Proto()), true
}

// FromStatus returns the Error that a status says, for example that of an operation.
func FromStatus(proto *spb.Status) *Error {
	found := status.FromProto(proto)
	failure := &Error{Code: found.Code(), Message: found.Message(), status: found}
	for _, detail := range found.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.Domain == Domain {
				failure.Reason, failure.Metadata = detail.Reason, detail.Metadata
			}
		case *errdetails.RequestInfo:
			failure.RequestID = detail.RequestId
		case *errdetails.BadRequest:
			failure.Fields = detail.FieldViolations
		case *errdetails.PreconditionFailure:
			failure.Gates = detail.Violations
		case *errdetails.Help:
			if len(detail.Links) > 0 {
				failure.Remedy = detail.Links[0].Description
			}
		case *errdetails.RetryInfo:
			failure.RetryDelay = detail.RetryDelay.AsDuration()
		case *nvmedv1.NvmeStatus:
			failure.NVMe = detail
		case *nvmedv1.OsError:
			failure.OS = detail
		}
	}
	return failure
}

func (e *Error) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("%s (%s)", e.Message, e.Code)
	}
	return fmt.Sprintf("%s (%s, %s)", e.Message, e.Reason, e.Code)
}

// GRPCStatus lets [status.FromError] and [status.Code] see through an Error.
func (e *Error) GRPCStatus() *status.Status {
	return e.status
}
