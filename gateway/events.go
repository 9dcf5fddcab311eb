package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/grpc/metadata"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
)

const (
	// contentEvents is the type of server-sent events.
	contentEvents = "text/event-stream"
	// headerLastEvent is how a client that comes back says what it has.
	headerLastEvent = "Last-Event-ID"
	// eventWriteTime bounds how long a client may take for what is sent at once; who takes longer is gone.
	eventWriteTime = 30 * time.Second
	// eventRetry is after how many milliseconds a browser that lost the stream comes back.
	eventRetry = 3000
)

// endStreams ends all streams, with a last event that says so.
func (e *edge) endStreams() { e.leave.Do(func() { close(e.leaving) }) }

// streamEvents answers with server-sent events (WHATWG HTML, 9.2). What speaks against it is said as a problem, before the
// stream begins.
func (e *edge) streamEvents(x *exchange) {
	request := &notificationv1.StreamEventsRequest{}
	if err := runtime.PopulateQueryParameters(request, x.form, utilities.NewDoubleArray(nil)); err != nil {
		x.cause = err.Error()
		x.refuse(reasonInvalidParameter)
		return
	}
	if last := x.req.Header.Get(headerLastEvent); last != "" { // newer than the query, which a browser repeats as it was
		after, err := strconv.ParseUint(last, 10, 64)
		if err != nil {
			x.refuse(reasonInvalidHeader, violate(headerLastEvent, reasonInvalidHeader, "muss die id eines Ereignisses sein", "has to be the id of an event"))
			return
		}
		request.After = &after
	}
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(x.req.Context(), x.forward))
	defer cancel()
	stream, err := notificationv1.NewNotificationServiceClient(e.options.Notification).StreamEvents(ctx, request)
	var first *notificationv1.StreamEventsResponse
	if err == nil {
		first, err = stream.Recv()
	}
	if err != nil {
		e.answerError(context.WithValue(x.req.Context(), exchangeKey{}, x), nil, nil, nil, x.req, err)
		return
	}
	w := &eventWriter{exchange: x, control: http.NewResponseController(x.ResponseWriter)}
	w.begin()
	if x.req.Method == http.MethodHead {
		return
	}
	received := make(chan *notificationv1.StreamEventsResponse)
	go receive(ctx, stream.Recv, received)
	for piece := first; ; {
		if err := w.write(piece); err != nil {
			x.cause = err.Error()
			return
		}
		var open bool
		select {
		case piece, open = <-received:
			if !open { // the service has gone; the client comes back
				return
			}
		case <-e.leaving:
			w.end(notificationv1.StreamEventsResponse_END_STOPPING)
			return
		}
		if piece.GetEnd() != notificationv1.StreamEventsResponse_END_UNSPECIFIED {
			w.end(piece.GetEnd())
			return
		}
	}
}

// receive passes on what comes, until there is no more of it or ctx ends.
func receive(ctx context.Context, next func() (*notificationv1.StreamEventsResponse, error), received chan<- *notificationv1.StreamEventsResponse) {
	defer close(received)
	for {
		piece, err := next()
		if err != nil {
			return
		}
		select {
		case received <- piece:
		case <-ctx.Done():
			return
		}
	}
}

// eventWriter writes pieces of a stream as server-sent events.
type eventWriter struct {
	*exchange
	control *http.ResponseController
	buffer  bytes.Buffer
}

// begin sends the headers. The server's limit for an answer does not hold for a stream; each write has its own.
func (w *eventWriter) begin() {
	setAll(w.Header(), "Content-Type", contentEvents, "Cache-Control", "no-store", "X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	w.buffer.WriteString("retry: " + strconv.Itoa(eventRetry) + "\n\n")
}

// write sends an event, or how far the stream has looked: a comment whose id a client brings along when it comes back.
func (w *eventWriter) write(piece *notificationv1.StreamEventsResponse) error {
	event := piece.GetEvent()
	if event == nil {
		w.buffer.WriteString(": heartbeat\n")
	} else {
		data, err := codec{}.Marshal(event)
		if err != nil {
			return err
		}
		w.buffer.WriteString("data: ") // without a name: a page hears of kinds that it does not know yet
		w.buffer.Write(data)           // JSON on one line
		w.buffer.WriteByte('\n')
	}
	w.buffer.WriteString("id: " + strconv.FormatUint(piece.GetSequence(), 10) + "\n\n")
	return w.flush()
}

// end sends the last event.
func (w *eventWriter) end(why notificationv1.StreamEventsResponse_End) {
	data, _ := json.Marshal(map[string]string{"reason": strings.TrimPrefix(why.String(), "END_")})
	w.buffer.WriteString("event: end\ndata: " + string(data) + "\n\n")
	_ = w.flush()
}

func (w *eventWriter) flush() error {
	if err := w.control.SetWriteDeadline(time.Now().Add(eventWriteTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_, err := w.Write(w.buffer.Bytes())
	w.buffer.Reset()
	if err == nil {
		err = w.control.Flush()
	}
	return err
}
