package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
)

// readyTimeout is how long a part may take to say that it is ready.
const readyTimeout = 2 * time.Second

// Part is something that /readyz asks by grpc.health.v1.
type Part struct {
	// Name as /readyz shows it: "catalogue".
	Name string
	// Conn leads to it.
	Conn grpc.ClientConnInterface
	// Service is the name asked for; a server that does not know it is asked for its state as a whole.
	Service string
}

// partState is one line of /readyz.
type partState struct {
	Name string `json:"name"`
	// State is SERVING, NOT_SERVING, UNKNOWN, or UNREACHABLE when nobody answered in time.
	State string `json:"state"`
}

// parts lists what readiness asks.
func (e *edge) parts() []Part {
	if e.options.Health != nil {
		return e.options.Health
	}
	var parts []Part
	for _, p := range []Part{
		{"catalogue", e.options.Catalogue, cataloguev1.CatalogueService_ServiceDesc.ServiceName},
		{"municipality", e.options.Municipality, municipalityv1.MunicipalityService_ServiceDesc.ServiceName},
		{"marketplace", e.options.Marketplace, marketplacev1.MarketplaceService_ServiceDesc.ServiceName},
		{"notification", e.options.Notification, notificationv1.NotificationService_ServiceDesc.ServiceName},
	} {
		if p.Conn != nil {
			parts = append(parts, p)
		}
	}
	return parts
}

// state asks a part.
func (p Part) state(ctx context.Context) string {
	client := healthv1.NewHealthClient(p.Conn)
	answer, err := client.Check(ctx, &healthv1.HealthCheckRequest{Service: p.Service})
	if status.Code(err) == codes.NotFound && p.Service != "" {
		answer, err = client.Check(ctx, &healthv1.HealthCheckRequest{})
	}
	if err != nil {
		return "UNREACHABLE"
	}
	return answer.GetStatus().String()
}

// alive answers as long as the process can.
func alive(x *exchange) {
	x.Header().Set("Cache-Control", "no-store")
	x.send(http.StatusOK, content{contentType: contentText, body: []byte("ok\n")}, "")
}

// ready asks all parts at once, and answers 503 unless all serve.
func (e *edge) ready(x *exchange) {
	ctx, cancel := context.WithTimeout(x.req.Context(), readyTimeout)
	defer cancel()
	parts := e.parts()
	states := make([]partState, len(parts))
	var asked sync.WaitGroup
	for i, p := range parts {
		asked.Go(func() { states[i] = partState{p.Name, p.state(ctx)} })
	}
	asked.Wait()
	code := http.StatusOK
	for _, s := range states {
		if s.State != healthv1.HealthCheckResponse_SERVING.String() {
			code = http.StatusServiceUnavailable
		}
	}
	x.Header().Set("Cache-Control", "no-store")
	if code != http.StatusOK {
		x.Header().Set("Retry-After", "1")
	}
	body, err := json.Marshal(struct {
		Ready bool        `json:"ready"`
		Parts []partState `json:"parts"`
	}{code == http.StatusOK, states})
	if err != nil {
		body = []byte(`{"ready":false,"parts":[]}`) // plain text cannot fail to marshal
	}
	x.send(code, content{contentType: contentJSON, body: body}, "")
}
