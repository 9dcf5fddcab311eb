package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
)

// TestSplit runs each service and the gateway as a process of its own on an external NATS server.
func TestSplit(t *testing.T) {
	t.Parallel()
	nats, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, NoSigs: true, NoLog: true, MaxPayload: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	nats.Start()
	t.Cleanup(func() { nats.Shutdown(); nats.WaitForShutdown() })
	if !nats.ReadyForConnections(20 * time.Second) {
		t.Fatal("NATS is not ready")
	}
	// The processes share a data directory's key, as a secret would be shared between them.
	dir := t.TempDir()
	start(t, dir).stop()
	key := (&process{tb: t, dir: dir}).key()
	flags := []string{"--nats-url", nats.ClientURL(), "--replicas", "1"}
	addresses := []string{}
	for _, part := range []string{"catalogue", "municipality", "marketplace"} {
		own := t.TempDir()
		writeKey(t, own, key)
		p, _ := launch(t, own, append([]string{"--only", part}, flags...)...)
		addresses = append(addresses, "--"+part+"-addr", p.grpc)
	}
	own := t.TempDir()
	writeKey(t, own, key)
	edge := start(t, own, append(append([]string{"--only", "gateway"}, flags...), addresses...)...)
	for deadline := time.Now().Add(startLimit); ; time.Sleep(50 * time.Millisecond) {
		if a, err := edge.try(http.MethodGet, "/readyz", nil); err == nil && a.status == http.StatusOK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the parts are not ready")
		}
	}
	edge.do(200, http.MethodPost, "/v1/catalogue:import", "leika_key;name;ozg_id\n99102013002000;Hundesteuer Festsetzung;10160\n")
	revision := edge.do(200, http.MethodPost, "/v1/catalogue:import", "target;mittlere_kreisangehoerige_stadt\n99102013002000;ja\n").header.Get("Kompass-Revision")
	edge.do(200, http.MethodPost, "/v1/municipalities:import", "ags;name;einwohner;groessenklasse\n05758004;Bünde, Stadt;46030;mittlere_kreisangehoerige_stadt\n")
	gaps := edge.do(200, http.MethodGet, buende+"/gaps", nil, "Kompass-Revision", revision).json(t)
	if got := strings.Join(names(gaps["gaps"], "leikaKey"), " "); got != hundesteuer {
		t.Fatalf("gaps %q", got)
	}
	edge.do(200, http.MethodPatch, buende+"/implementations/"+hundesteuer, `{"phase":"PHASE_ONLINE","maturity":{"level":3},"url":"https://buende.example/hund"}`, "Kompass-Revision", revision)
	if gaps := edge.get(buende + "/gaps"); gaps["totalSize"] != float64(0) {
		t.Errorf("the gap is still there: %v", gaps)
	}
	if out, code := kompass(t, "verify", "--nats-url", nats.ClientURL()); code != 0 || strings.Count(out, "clean") != 3 {
		t.Errorf("verify: %d\n%s", code, out)
	}
}
