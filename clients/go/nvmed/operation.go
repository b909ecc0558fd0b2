package nvmed

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// waitAtATime is how long one call asks the daemon to wait.
const waitAtATime = 30 * time.Second

// Wait waits until operation is done and puts what it answered into response, for example a
// nvmedv1.StageFirmwareResponse. An operation that failed is an [Error], the same as a failed call; a connection that
// breaks is made again, since the operation goes on without it, as it does when ctx ends the waiting.
func Wait(
	ctx context.Context,
	client longrunningpb.OperationsClient,
	operation *longrunningpb.Operation,
	response proto.Message,
) error {
	var patience patience
	for !operation.GetDone() {
		request := &longrunningpb.WaitOperationRequest{Name: operation.GetName(), Timeout: durationpb.New(waitAtATime)}
		latest, err := client.WaitOperation(ctx, request)
		switch {
		case err == nil:
			operation, patience.failures = latest, 0
		case !transient(err):
			return err
		default:
			if err := patience.await(ctx, err, false); err != nil {
				return err
			}
		}
	}
	if failure := operation.GetError(); failure != nil {
		return FromStatus(failure)
	}
	if err := operation.GetResponse().UnmarshalTo(response); err != nil {
		return fmt.Errorf("%s: %w", operation.GetName(), err)
	}
	return nil
}
