package server

import (
	"context"
	"errors"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	"kompass.krz.de/services/platform/fault"
)

// scripted is a stream that receives requests for themes of these names.
type scripted struct {
	grpc.ServerStream
	names  []string
	header metadata.MD
}

func (s *scripted) Context() context.Context { return context.Background() }

func (s *scripted) SetHeader(md metadata.MD) error {
	s.header = metadata.Join(s.header, md)
	return nil
}

func (s *scripted) RecvMsg(m any) error {
	if len(s.names) == 0 {
		return errors.New("end")
	}
	m.(*cataloguev1.GetThemeRequest).Name, s.names = s.names[0], s.names[1:]
	return nil
}

// The contract has no stream of its own yet; when it gets one, its requests are checked and its handler knows who calls.
func TestStreamsRunThroughTheSameSteps(t *testing.T) {
	t.Parallel()
	o := Options{Authenticator: everybody{}}
	o.setDefaults()
	steps, err := o.Steps()
	if err != nil {
		t.Fatal(err)
	}
	ss := &scripted{names: []string{"themes/bildung", "BILDUNG"}}
	var taken []string
	var actor string
	err = stream(steps)(nil, ss, &grpc.StreamServerInfo{FullMethod: "/a.B/C"}, func(_ any, s grpc.ServerStream) error {
		actor = Actor(s.Context())
		for {
			var req cataloguev1.GetThemeRequest
			if err := s.RecvMsg(&req); err != nil {
				return err
			}
			taken = append(taken, req.GetName())
		}
	})
	if !fault.Is(err, fault.InvalidField) || !slices.Equal(taken, []string{"themes/bildung"}) || actor != "everybody" {
		t.Errorf("%s took %v, then %v", actor, taken, err)
	}
	if len(ss.header.Get(HeaderRequestID)) != 1 {
		t.Errorf("headers are %v", ss.header)
	}
}

type everybody struct{}

func (everybody) Authenticate(context.Context, string) (string, error) { return "everybody", nil }
