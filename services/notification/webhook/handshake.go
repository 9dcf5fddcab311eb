package webhook

import (
	"context"
	"net/http"
	"strconv"
	"strings"
)

// Ask asks a receiver whether it wants messages of this platform: the answer to an OPTIONS request has to name our origin, or
// "*", in WebHook-Allowed-Origin. The result is Delivered when it agrees; rate is how many requests a minute it allows, 0 when
// it names none ("*", no number, nothing).
func (s *Sender) Ask(ctx context.Context, address string) (result Result, rate int) {
	result, header := s.do(ctx, http.MethodOptions, address, http.Header{"Webhook-Request-Origin": {s.origin}}, nil)
	if !result.Delivered() {
		return result, 0
	}
	// 2xx alone means nothing: many servers answer OPTIONS to anybody.
	allowed := strings.TrimSpace(header.Get("WebHook-Allowed-Origin"))
	if allowed != "*" && (allowed == "" || !strings.EqualFold(allowed, s.origin)) {
		result.Class = NoConsent
		return result, 0
	}
	most, err := strconv.ParseUint(header.Get("WebHook-Allowed-Rate"), 10, 31)
	if err != nil {
		most = 0
	}
	return result, int(most)
}
