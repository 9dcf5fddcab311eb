package server_test

import (
	"bytes"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/server"
)

// TestCause: a digest is made only for requests that can be repeated, and tells everything but the id apart.
func TestCause(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	digest := func(r server.Change) []byte {
		t.Helper()
		c, err := server.Cause(t.Context(), r, now)
		if err != nil || !c.Time.Equal(now) {
			t.Fatal(c, err)
		}
		return c.Digest
	}
	submit := &marketplacev1.SubmitSolutionRequest{Name: "solutions/a", RequestId: "1"}
	before := proto.Clone(submit)
	first := digest(submit)
	if len(first) == 0 || !proto.Equal(before, submit) {
		t.Fatalf("digest %x, request afterwards %v", first, submit)
	}
	tests := []struct {
		name    string
		request server.Change
		same    bool
	}{
		{"another id", &marketplacev1.SubmitSolutionRequest{Name: "solutions/a", RequestId: "2"}, true},
		{"another field", &marketplacev1.SubmitSolutionRequest{Name: "solutions/b", RequestId: "1"}, false},
		{"another verb with the same bytes", &marketplacev1.PublishSolutionRequest{Name: "solutions/a", RequestId: "1"}, false},
	}
	for _, tt := range tests {
		if same := bytes.Equal(first, digest(tt.request)); same != tt.same {
			t.Errorf("%s: same digest %v, want %v", tt.name, same, tt.same)
		}
	}
	if d := digest(&marketplacev1.SubmitSolutionRequest{Name: "solutions/a"}); d != nil {
		t.Errorf("a request without id has the digest %x", d)
	}
}
