package municipality

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/state"
)

// The size of North Rhine-Westphalia.
const (
	nrwPlaces   = 427
	nrwServices = 575
	nrwLeika    = 8557
)

// nrwCatalogue has as many services as the LeiKa, the first 575 of which everybody owes.
func nrwCatalogue() (entities []proto.Message) {
	for theme := range 14 {
		name := fmt.Sprintf("themes/thema-%02d", theme)
		entities = append(entities, &cataloguev1.Theme{Name: name, DisplayName: fmt.Sprintf("Thema %02d", theme)},
			&cataloguev1.OzgService{Name: fmt.Sprintf("ozgServices/%05d", theme), OzgId: fmt.Sprintf("%05d", theme), Theme: name})
	}
	for i := range nrwLeika {
		s := service(nrwKey(i), fmt.Sprintf("Leistung %d Bewilligung", i*7%1000), fmt.Sprintf("ozgServices/%05d", i%14))
		entities = append(entities, s)
		if i < nrwServices {
			entities = append(entities, owes(s.GetName(), 1, 2, 3, 4, 5, 6, 7))
		} else {
			entities = append(entities, owes(s.GetName()))
		}
	}
	return entities
}

func nrwKey(i int) string { return fmt.Sprintf("99%012d", i) }

func nrwAGS(place int) string { return fmt.Sprintf("05%03d%03d", place/14, place%14) }

func nrwMunicipality(place int) *municipalityv1.Municipality {
	m := &municipalityv1.Municipality{Name: municipalityName(nrwAGS(place)), Ags: nrwAGS(place), DisplayName: fmt.Sprint("Ort ", place),
		SizeClass: commonv1.SizeClass(place%7 + 1), Kind: municipalityv1.Municipality_KIND_MUNICIPALITY}
	if place%14 == 0 {
		m.Kind = municipalityv1.Municipality_KIND_DISTRICT
	}
	return m
}

func nrwImplementation(place, n int) *municipalityv1.Implementation {
	i := &municipalityv1.Implementation{Name: implementationName(nrwAGS(place), nrwKey(n)), Phase: municipalityv1.Implementation_Phase(1 + (place+n)%4),
		Department: "Bürgeramt", AnnualCases: cases(int64(n)), Solution: fmt.Sprintf("solutions/loesung-%02d", n%40)}
	if i.GetPhase() == online {
		i.Url, i.Maturity = "https://ort.example/leistung", &municipalityv1.Maturity{Model: "1.1", Level: int32(2 + n%3)}
	}
	return i
}

func nrwRecords(tb testing.TB) records {
	r := applyAll(tb, emptyRecords(), "catalogue", nrwCatalogue())
	var market []proto.Message
	for s := range 40 {
		var keys []string
		for n := s; n < nrwServices; n += 40 {
			keys = append(keys, nrwKey(n), nrwKey((n+1)%nrwServices))
		}
		market = append(market, solution(fmt.Sprintf("loesung-%02d", s), fmt.Sprint("Lösung ", s), nil, keys...))
	}
	r = applyAll(tb, r, "marketplace", market)
	for place := range nrwPlaces {
		batch := []proto.Message{nrwMunicipality(place)}
		for n := range nrwServices {
			batch = append(batch, nrwImplementation(place, n))
		}
		r = applyAll(tb, r, "municipality", batch)
	}
	return r
}

func applyAll(tb testing.TB, r records, service string, entities []proto.Message) records {
	name := ledger.Name{Origin: "test", Service: service}
	r, err := apply(r, name, entriesOf(name, entities...), false)
	must(tb, err)
	return r
}

// BenchmarkApply is one record in batches of 4,096 that touch many places, as a replay brings them.
func BenchmarkApply(b *testing.B) {
	name := ledger.Name{Origin: "test", Service: "municipality"}
	var batches [][]ledger.Entry
	for range 60 {
		batches = append(batches, nil)
	}
	for place := range nrwPlaces {
		for n := range nrwServices {
			i := nrwImplementation(place, n)
			k := (n*nrwPlaces + place) / 4096
			batches[k] = append(batches[k], ledger.Entry{Subject: name.Subject("implementation", nrwAGS(place), nrwKey(n)), Sequence: uint64(n),
				Entity: i, Record: &ledgerv1.Record{Resource: i.GetName()}})
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		r := emptyRecords()
		for _, batch := range batches {
			r, _ = apply(r, name, batch, false)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(nrwPlaces*nrwServices), "ns/record")
}

func BenchmarkQuestions(b *testing.B) {
	r := nrwRecords(b)
	places := r.all()
	s := &Service{clock: func() time.Time { return testDay }, replica: fixedReplica(b, r)}
	ask := func(name string, f func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				must(b, f())
			}
		})
	}
	start := time.Now()
	r.progressOf(places, municipalityv1.ListProgressRequest_GROUP_BY_THEME)
	b.Logf("progress cold, catalogue derived: %v", time.Since(start))
	gaps := &municipalityv1.ListGapsRequest{Parent: places[1].municipality.GetName()}
	ask("gaps warm", func() error { _, err := s.ListGaps(b.Context(), gaps); return err })
	ask("gaps after a change", func() error {
		places[1].gaps.last.Store(nil)
		_, err := s.ListGaps(b.Context(), gaps)
		return err
	})
	filtered := &municipalityv1.ListGapsRequest{Parent: gaps.Parent, Filter: "kind = MISSING AND theme = themes/thema-03"}
	ask("gaps filtered", func() error { _, err := s.ListGaps(b.Context(), filtered); return err })
	ask("progress warm", func() error {
		_, err := s.ListProgress(b.Context(), &municipalityv1.ListProgressRequest{GroupBy: municipalityv1.ListProgressRequest_GROUP_BY_DISTRICT})
		return err
	})
	ask("progress after a change of relevance", func() error {
		for _, p := range places {
			p.tally.last.Store(nil)
		}
		_, err := s.ListProgress(b.Context(), &municipalityv1.ListProgressRequest{})
		return err
	})
	trend := &municipalityv1.ListProgressTrendRequest{GroupBy: byTheme}
	ask("trend of a year warm", func() error { _, err := s.ListProgressTrend(b.Context(), trend); return err })
	ask("trend of a year after a change of relevance", func() error {
		for _, p := range places {
			p.tally.last.Store(nil)
			p.moves.last.Store(nil)
		}
		_, err := s.ListProgressTrend(b.Context(), trend)
		return err
	})
	services := &municipalityv1.ListOnlineServicesRequest{Parent: gaps.Parent, PageSize: 50}
	ask("online services 50", func() error { _, err := s.ListOnlineServices(b.Context(), services); return err })
	searched := &municipalityv1.ListOnlineServicesRequest{Parent: gaps.Parent, PageSize: 50, Q: "bewilligung"}
	ask("online services searched", func() error { _, err := s.ListOnlineServices(b.Context(), searched); return err })
}

// fixedReplica is a replica that holds given records and follows nothing.
func fixedReplica(tb testing.TB, r records) *state.Replica[records] {
	nats, err := broker.Start(tb.TempDir(), slog.New(slog.DiscardHandler))
	must(tb, err)
	tb.Cleanup(nats.Stop)
	log, err := ledger.Site{Conn: nats.Conn, Origin: "test", Replicas: 1}.Open(tb.Context(), "municipality")
	must(tb, err)
	replica := state.New(slog.New(slog.DiscardHandler), r, apply, log)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- replica.Run(ctx) }()
	tb.Cleanup(func() { cancel(); <-done })
	must(tb, replica.Ready(ctx))
	return replica
}

// TestReplayOfNRW measures how long a service takes to be ready on 245,000 implementations; it takes long to write them.
func TestReplayOfNRW(t *testing.T) {
	if os.Getenv("KOMPASS_REPLAY") == "" {
		t.Skip("set KOMPASS_REPLAY=1 to measure the replay of North Rhine-Westphalia")
	}
	dir := t.TempDir()
	w := openWorld(t, dir)
	for place := range nrwPlaces {
		_, err := w.service.replica.Write(w.ctx, ledger.Cause{Actor: "test", RequestID: "x", Time: testDay}, func(records) ([]ledger.Draft, error) {
			own := w.service.replica.Own()
			drafts := []ledger.Draft{w.service.municipalityDraft(nrwMunicipality(place), nil)}
			for n := range nrwServices {
				i := nrwImplementation(place, n)
				drafts = append(drafts, ledger.Draft{Subject: own.Subject("implementation", nrwAGS(place), nrwKey(n)), Resource: i.GetName(), Entity: i})
			}
			return drafts, nil
		})
		must(t, err)
	}
	w.stop()
	start := time.Now()
	w = openWorld(t, dir)
	elapsed := time.Since(start)
	r, err := w.service.replica.Read()
	must(t, err)
	t.Logf("%d places ready in %v", r.places.Len(), elapsed)
}
