package state_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"kompass.krz.de/services/platform/state"
)

// TestJoin: who goes from one service to the next keeps what it has seen of both, and nobody else's nonsense.
func TestJoin(t *testing.T) {
	t.Parallel()
	token := func(parts string) string { return base64.RawURLEncoding.EncodeToString([]byte(parts)) }
	for _, c := range []struct{ name, token, carried, want string }{
		{"nothing is carried", token("A=5"), "", token("A=5")},
		{"the same", token("A=5"), token("A=5"), token("A=5")},
		{"another stream", token("A=5"), token("B=7"), token("A=5,B=7")},
		{"own streams are newer", token("A=5,C=1"), token("A=3,B=7,C=1"), token("A=5,C=1,B=7")},
		{"a stream whose name ends like another one", token("XA=5"), token("A=3"), token("XA=5,A=3")},
		{"a stream named twice", token("A=5"), token("B=7,B=8"), token("A=5,B=7")},
		{"not a token", token("A=5"), "?", token("A=5")},
		{"not a token of positions", "7", token("B=7"), "7"},
		{"too long", token("A=5"), token("B=7," + strings.Repeat("x", 4000) + "=1"), token("A=5")},
	} {
		if got := state.Join(c.token, c.carried); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
