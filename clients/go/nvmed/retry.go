package nvmed

import (
	"context"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
)

const (
	// maxFailures is how often in a row a transfer may fail without a byte in between: one over a bad line ends only
	// when it stands still.
	maxFailures = 8
	firstDelay  = 200 * time.Millisecond
	maxDelay    = 5 * time.Second
)

// transient tells whether a transfer may be taken up again after err, which says nothing about the request: the way to
// the daemon broke, it restarts, it is busy, a command was cut off, or it says when to try again. It is for what only
// reads or is committed piece by piece: of a change that failed, NextStep of its operation says what to do.
func transient(err error) bool {
	failure, ok := FromError(err)
	if !ok {
		return false
	}
	switch failure.Reason {
	case "CALL_CANCELLED", "COMMAND_TIMEOUT", "NVME_ABORTED":
		return true
	case "":
		if failure.Code == codes.Canceled {
			return true
		}
	}
	return failure.Code == codes.Unavailable || failure.RetryDelay > 0
}

// patience counts the failures in a row of one transfer.
type patience struct{ failures int }

// await pauses after a failure, before the next attempt; it returns what ends the transfer instead, if something does.
func (p *patience) await(ctx context.Context, err error, progressed bool) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	p.failures++
	if progressed {
		p.failures = 1
	}
	if p.failures >= maxFailures {
		return err
	}
	delay := min(firstDelay<<(p.failures-1), maxDelay)
	// Half of it is random, so that many clients of one daemon do not come back at once.
	delay = delay/2 + rand.N(delay/2)
	if failure, ok := FromError(err); ok {
		delay = max(delay, failure.RetryDelay)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(delay):
		return nil
	}
}
