package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"kompass.krz.de/services/municipality"
	"kompass.krz.de/services/platform/identity"
)

// startQuick runs the platform in this process, and looks for new findings all the time.
func startQuick(t *testing.T) *process {
	t.Helper()
	dir := t.TempDir()
	c := serveCommand{Data: dir, HTTP: "127.0.0.1:0", Grpc: freeAddress(t), Origin: "krz", Replicas: "1", LogFormat: "text", LogLevel: "error"}
	s, err := c.check()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := identity.LoadOrCreate(dir)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlatform(s, keys.OpenReads(s.openReads))
	units := p.units()
	services := &units[slices.IndexFunc(units, func(u unit) bool { return u.name == "services" })]
	run := services.run
	services.run = func(ctx context.Context) error {
		select {
		case <-p.opened:
			p.services["municipality"].(*municipality.Service).Quiet = 20 * time.Millisecond
		case <-ctx.Done():
		}
		return run(ctx)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan error, 1), make(chan error, 1)
	go func() {
		done <- supervise(ctx, s.log, units, func(ctx context.Context) error { ready <- p.becomeReady(ctx); return nil })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case err = <-ready:
	case err = <-done:
		done <- err
	case <-time.After(startLimit):
		t.Fatalf("not ready within %v", startLimit)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &process{tb: t, dir: dir, url: "http://" + p.address}
}

// TestNewFindingsReachTheInbox goes the whole way over REST: the solution that a service runs on is withdrawn, and whoever subscribed to
// findings has one message about it, however they chose them.
func TestNewFindingsReachTheInbox(t *testing.T) {
	t.Parallel()
	p := startQuick(t)
	populate(p)
	p.do(http.StatusOK, http.MethodPost, "/v1/municipalities:import", "ags;name;einwohner;groessenklasse\n05758004;Bünde, Stadt;46030;mittlere_kreisangehoerige_stadt\n"+
		"05758036;Vlotho, Stadt;18495;kleine_kreisangehoerige_gemeinde\n")
	p.do(http.StatusOK, http.MethodPost, "/v1/solutions?solutionId=bald-weg", `{"displayName":"Hund Online","kind":"KIND_FORM","coverage":[{"publicService":"publicServices/`+hundesteuer+`","maturity":{"level":3}}]}`)
	p.do(http.StatusOK, http.MethodPost, "/v1/solutions/bald-weg:submit", `{}`)
	p.do(http.StatusOK, http.MethodPost, "/v1/solutions/bald-weg:publish", `{}`)
	for choice, subscription := range map[string]string{
		"kommune":  `"preset":"PRESET_MY_MUNICIPALITY","kinds":["KIND_FINDING"]`,
		"genau":    `"topics":["municipalities/05758004/findings"]`,
		"leistung": `"topics":["publicServices/` + hundesteuer + `"],"kinds":["KIND_FINDING"]`,
		"fremd":    `"topics":["municipalities/05758036"],"kinds":["KIND_FINDING"]`,
	} {
		p.do(http.StatusOK, http.MethodPost, "/v1/recipients?recipientId="+choice, `{"displayName":"`+choice+`","municipality":"municipalities/05758004"}`)
		p.do(http.StatusOK, http.MethodPost, "/v1/subscriptions?subscriptionId="+choice, `{"displayName":"`+choice+`","recipient":"recipients/`+choice+`",`+subscription+`}`)
	}
	inbox := func(choice string) []string {
		return names(p.get("/v1/notifications?recipient=recipients/" + choice)["notifications"], "event")
	}
	p.do(http.StatusOK, http.MethodPatch, buende+"/implementations/"+hundesteuer, `{"phase":"PHASE_ONLINE","url":"https://buende.example/hund","solution":"solutions/bald-weg","maturity":{"level":3}}`)
	p.do(http.StatusOK, http.MethodPost, "/v1/solutions/bald-weg:withdraw", `{"note":"abgelöst"}`)
	for _, choice := range []string{"kommune", "genau", "leistung"} {
		for limit := time.Now().Add(30 * time.Second); len(inbox(choice)) == 0; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatalf("%s: no message", choice)
			}
		}
	}
	time.Sleep(500 * time.Millisecond) // many more looks
	for choice, want := range map[string]int{"kommune": 1, "genau": 1, "leistung": 1, "fremd": 0} {
		got := inbox(choice)
		if len(got) != want || want == 1 && !strings.Contains(got[0], "Bünde: neue Auffälligkeit bei „Hundesteuer Festsetzung“: Lösung zurückgezogen") {
			t.Errorf("%s: %d messages: %v", choice, len(got), got)
		}
	}
}
