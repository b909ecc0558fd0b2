package nvmed

import (
	"context"
	"io"
	"iter"

	"google.golang.org/protobuf/proto"

	nvmedv1 "github.com/nvmed/nvmed/clients/go/nvmed/v1"
)

// WatchEvents yields every message of the stream that request asks for, for as long as the loop over it goes on: a stream
// that breaks goes on from the last token, so that no event is missed or seen twice, and a snapshot that is cut is sent
// again from its beginning. Where events are missing, because the daemon was started anew or the reader was too slow, a
// message says so: Dropped. What ends the stream is the error of the last pair.
func WatchEvents(
	ctx context.Context, client nvmedv1.EventServiceClient, request *nvmedv1.WatchEventsRequest,
) iter.Seq2[*nvmedv1.WatchEventsResponse, error] {
	return func(yield func(*nvmedv1.WatchEventsResponse, error) bool) {
		var patience patience
		next := proto.CloneOf(request)
		for {
			progressed := false
			goOn, err := watch(ctx, client, next, func(message *nvmedv1.WatchEventsResponse) bool {
				progressed = true
				if message.ResumeToken != "" {
					next.ResumeToken = message.ResumeToken
				}
				return yield(message, nil)
			})
			if !goOn {
				return
			}
			if transient(err) {
				err = patience.await(ctx, err, progressed)
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// watch is one stream; it tells whether the reader wants more, and then what ended the stream.
func watch(
	ctx context.Context,
	client nvmedv1.EventServiceClient,
	request *nvmedv1.WatchEventsRequest,
	yield func(*nvmedv1.WatchEventsResponse) bool,
) (goOn bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.WatchEvents(ctx, request)
	for err == nil {
		var message *nvmedv1.WatchEventsResponse
		if message, err = stream.Recv(); err == nil && !yield(message) {
			return false, nil
		}
	}
	return err != io.EOF, err
}
