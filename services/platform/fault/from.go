package fault

import (
	"context"
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// From turns any error into one that may be shown: a fault stays (its wrapping becomes invisible to clients), the status
// of another Kompass service passes, context errors and gRPC's own get the reason of their code, everything else is
// [Internal] with err as cause. From(nil) is nil.
func From(err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	if s, ok := status.FromError(err); ok {
		if ours(s) {
			return s.Err()
		}
		return New(reasonOf(s.Code())).Cause(err)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return New(DeadlineExceeded).Cause(err)
	case errors.Is(err, context.Canceled):
		return New(Cancelled).Cause(err)
	}
	return New(Internal).Cause(err)
}

// ours tells whether the status was made by this package, in this process or another.
func ours(s *status.Status) bool {
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == Domain {
			return true
		}
	}
	return false
}

// reasonOf finds the reason for a bare gRPC code, whose text may come from anywhere and is not shown.
func reasonOf(code codes.Code) *Reason {
	switch code {
	case codes.Unimplemented:
		return Unimplemented
	case codes.DeadlineExceeded:
		return DeadlineExceeded
	case codes.Canceled:
		return Cancelled
	case codes.Unavailable:
		return StorageUnavailable
	}
	return Internal
}
