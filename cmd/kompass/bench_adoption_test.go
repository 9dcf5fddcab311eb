package main

import (
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
)

var benchAdoption = flag.Bool("bench-adoption", false, "measure and print the group adoption of make bench alone")

// TestBenchAdoption measures the group adoption alone, for work on it.
func TestBenchAdoption(t *testing.T) {
	if !*benchAdoption {
		t.Skip("part of make bench; alone with -bench-adoption")
	}
	b := &bench{t: t}
	b.adoption()
	b.print()
}

const (
	adoptionRounds  = 3   // of interest, live and end; the median counts
	adopters        = 396 // the municipalities of NRW
	adoptedServices = 12
	adoptedAll      = adopters * adoptedServices
)

// adoption measures group adoptions of municipalities that have 575 implementations each: each step over REST, and from the
// acknowledged move until the last implementation is seen changed over REST. Then the ledger must hold one record of each.
func (b *bench) adoption() {
	dir := b.t.TempDir()
	a := &bench{t: b.t, p: start(b.t, dir, "--log-level", "warn"), dir: dir}
	a.p.do(http.StatusOK, http.MethodPost, "/v1/catalogue:import", catalogueFile(0))
	a.fill(adopters, 575)
	s := &story{tb: b.t, doors: []*process{a.p}}
	s.offerToAll()
	raw := newRawStream(b.t)
	var interest, prepared, acknowledged, live, ended, looking, bare []time.Duration
	for round := range adoptionRounds {
		group := fmt.Sprint("adoptionGroups/alle-", round)
		bare = append(bare, raw.batches(b.t, adoptedAll+adopters))
		interest = append(interest, timed(func() { s.interestOfAll(group) }))
		members := s.members(group, adopters)
		prepared = append(prepared, timed(func() { s.connect(group) }))
		acknowledged = append(acknowledged, timed(func() { s.move(group, "LIVE", "") }))
		live = append(live, timed(func() { s.seen(members, "") }))
		looking = append(looking, timed(func() { s.seen(members, "") }))
		s.move(group, "ENDED", because)
		ended = append(ended, timed(func() { s.seen(members, " AND adoption_ended = true") }))
	}
	a.p.stop()
	a.oneRecordEach()
	b.add(row{what: "group interest of 396 municipalities in 12 services, over REST", value: median(interest)})
	b.add(row{what: "their offer, contract, connection and its four steps, in four requests", value: median(prepared)})
	b.add(row{what: "their move to live, until acknowledged", value: median(acknowledged)})
	value, base := slices.Max(live), median(bare)
	b.add(row{what: fmt.Sprintf("from there until all %d implementations are seen online, each by one record, the slowest of %d", adoptedAll, adoptionRounds),
		value: value, beside: "raw atomic batches of as many records", base: base, target: "≤ 5 s", met: value <= 5*time.Second})
	b.add(row{what: "of it looking: the same 396 reads once more", value: median(looking)})
	value = slices.Max(ended)
	b.add(row{what: "from their acknowledged end until all are seen flagged, the slowest", value: value, beside: "raw atomic batches of as many records", base: base,
		target: "≤ 5 s", met: value <= 5*time.Second})
}

func timed(do func()) time.Duration {
	begin := time.Now()
	do()
	return time.Since(begin)
}

// everybody are the resource names of the municipalities that fill makes, as JSON strings with commas between them.
func everybody() string {
	var all []string
	for i := range adopters {
		all = append(all, fmt.Sprintf(`"municipalities/%08d"`, 5100000+i))
	}
	return strings.Join(all, ",")
}

// offerToAll publishes an offer for some services and records a direct contract about it.
func (s *story) offerToAll() {
	s.tb.Helper()
	var coverage []string
	for i := range adoptedServices {
		coverage = append(coverage, fmt.Sprintf(`{"publicService":"publicServices/%s","maturity":{"level":4}}`, benchKey(i)))
	}
	s.post("/v1/providers?providerId=rechenzentrum", `{"displayName":"Rechenzentrum"}`)
	s.post("/v1/solutions?solutionId=paket", `{"displayName":"Paket","kind":"KIND_PRODUCT","provider":"providers/rechenzentrum","coverage":[`+strings.Join(coverage, ",")+`]}`)
	s.post("/v1/solutions/paket:submit", `{}`)
	s.post("/v1/solutions/paket:publish", `{}`)
	s.post("/v1/contracts?contractId=abruf-hunde", `{"displayName":"Vertrag","kind":"KIND_DIRECT","provider":"providers/rechenzentrum","organisation":"Verband der Gemeinden",
		"municipalities":[`+everybody()+`],"solutions":["solutions/paket"],"startDate":"2020-01-01"}`)
}

func (s *story) interestOfAll(group string) {
	s.tb.Helper()
	s.post("/v1/adoptionGroups?adoptionGroupId="+strings.TrimPrefix(group, "adoptionGroups/"), `{"displayName":"Alle","solution":"solutions/paket",
		"urlTemplate":"`+dogsURL+`","municipalities":[`+everybody()+`]}`)
}

// seen waits until every municipality shows all services of its adoption; more narrows the filter.
func (s *story) seen(members map[string]string, more string) {
	s.tb.Helper()
	places := slices.Sorted(maps.Keys(members))
	soon(s.tb, fmt.Sprintf("seen%s", more), func() error {
		for len(places) > 0 {
			filter := url.QueryEscape(`phase = online AND adoption = "` + members[places[0]] + `"` + more)
			if got := s.get("/v1/municipalities/" + places[0] + "/implementations?pageSize=1&filter=" + filter)["totalSize"]; got != float64(adoptedServices) {
				return fmt.Errorf("%s has %v", places[0], got)
			}
			places = places[1:]
		}
		return nil
	})
}

// oneRecordEach reads the ledger: each implementation went live and was flagged in one record a round.
func (b *bench) oneRecordEach() {
	b.t.Helper()
	server, err := broker.Start(b.dir, slog.New(slog.DiscardHandler))
	if err != nil {
		b.t.Fatal(err)
	}
	defer server.Stop()
	counts := map[effect]int{}
	entries(b.t, server.Conn, "municipality", 1, func(e *ledger.Entry) {
		if i, ok := e.Entity.(*municipalityv1.Implementation); ok && i.GetAdoption() != "" {
			counts[effect{i.GetName(), i.GetAdoption(), i.GetAdoptionEnded()}]++
		}
	})
	for of, n := range counts {
		if n != 1 {
			b.t.Errorf("%v: %d records", of, n)
		}
	}
	if len(counts) != 2*adoptedAll*adoptionRounds {
		b.t.Errorf("%d implementations went live or were flagged, want %d", len(counts), 2*adoptedAll*adoptionRounds)
	}
}
