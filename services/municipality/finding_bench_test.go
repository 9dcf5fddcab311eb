package municipality

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
)

// germanPlaces is how many municipalities Germany has.
const germanPlaces = 11_000

func germanAGS(place int) string { return fmt.Sprintf("05%06d", place) }

// germanRecords are 11,000 municipalities with 575 implementations each, one in twelve of which has a finding.
func germanRecords(tb testing.TB) records {
	r := applyAll(tb, emptyRecords(), "catalogue", nrwCatalogue())
	var offers []proto.Message
	for s := range 40 {
		offers = append(offers, solution(fmt.Sprintf("loesung-%02d", s), fmt.Sprint("Lösung ", s), nil, nrwKey(s)))
	}
	r = applyAll(tb, r, "marketplace", offers)
	own := ledger.Name{Origin: "test", Service: "municipality"}
	for place := range germanPlaces {
		m := town(germanAGS(place))
		batch := []ledger.Entry{{Subject: own.Subject("municipality", m.GetAgs()), Sequence: 1, Visible: 1, Entity: m, Record: &ledgerv1.Record{Resource: m.GetName()}}}
		for n := range nrwServices {
			i := nrwImplementation(place, n)
			i.Name = implementationName(m.GetAgs(), nrwKey(n))
			if i.GetPhase() != online || n%3 == 0 {
				i.Phase, i.Url = online, "https://ort.example/leistung"
			}
			if n%12 == 0 {
				i.Url = ""
			}
			batch = append(batch, ledger.Entry{Subject: own.Subject("implementation", m.GetAgs(), nrwKey(n)), Sequence: uint64(n), Visible: uint64(n), Entity: i, Record: &ledgerv1.Record{Resource: i.GetName()}})
		}
		var err error
		r, err = apply(r, own, batch, false)
		must(tb, err)
	}
	return r
}

// BenchmarkLookAtGermany is a look at all municipalities: when nothing is new, without its pauses and with them, and what the known
// findings take of the memory.
func BenchmarkLookAtGermany(b *testing.B) {
	r := germanRecords(b)
	due := make([]string, 0, germanPlaces)
	known := &pending{findings: map[string]notedFindings{}}
	f, found := r.finder(dayAt(testDay)), 0
	for ags, p := range r.places.All() {
		all := f.foundAt(p)
		due, found = append(due, ags), found+len(all)
		known.findings[ags] = notedFindings{message: &municipalityv1.KnownFindings{Known: byKind(all)}}
	}
	before := heap()
	r.mergeFindings(known)
	taken := float64(heap()-before) / 1e6
	runtime.KeepAlive(known)
	f = r.finder(dayAt(testDay))
	b.Run("nothing new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, ags := range due {
				k, _ := r.findings.Get(ags)
				if f.differ(r.place(ags), k.list()) {
					b.Fatal(ags)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/germanPlaces/nrwServices, "ns/implementation")
		b.ReportMetric(float64(found), "findings")
		b.ReportMetric(taken, "MB-known")
	})
	b.Run("nothing new, with pauses", func(b *testing.B) {
		look := &findingLook{today: dayAt(testDay)}
		for b.Loop() {
			if differ, err := look.differing(context.Background(), r, due); len(differ) > 0 || err != nil {
				b.Fatal(len(differ), err)
			}
		}
	})
	b.Run("decide 1000", func(b *testing.B) {
		look := &findingLook{service: &Service{replica: fixedReplica(b, r)}, today: dayAt(testDay.AddDate(0, 0, 1)), before: emptyRecords().findings, news: true}
		none := r
		none.findings = emptyRecords().findings
		b.ReportAllocs()
		for b.Loop() {
			if drafts, _ := look.decide(none, due[:1000]); len(drafts) != 1000 {
				b.Fatal(len(drafts))
			}
		}
	})
	runtime.KeepAlive(r)
}

// BenchmarkNoteGermany records the findings of all municipalities for the first time, in one write, while somebody else changes
// something all the time: how long does such a change take at most?
func BenchmarkNoteGermany(b *testing.B) {
	r := germanRecords(b)
	s := &Service{replica: fixedReplica(b, r)}
	due := make([]string, 0, germanPlaces)
	for ags := range r.places.All() {
		due = append(due, ags)
	}
	longest := time.Duration(0)
	for b.Loop() { // once: the second time nothing is new
		look := &findingLook{service: s, cause: ledger.Cause{Actor: clockActor, RequestID: clockActor, Time: testDay}, today: dayAt(testDay), before: r.findings}
		done := make(chan error)
		go func() { _, err := look.run(context.Background(), due); done <- err }()
		for n, over := 0, false; !over; n++ {
			select {
			case err := <-done:
				must(b, err)
				over = true
			default:
				begin := time.Now()
				i := nrwImplementation(0, n%nrwServices)
				i.Name, i.Note = implementationName(germanAGS(n%germanPlaces), nrwKey(n%nrwServices)), fmt.Sprint(n)
				s.write(b, i)
				longest = max(longest, time.Since(begin))
			}
		}
	}
	b.ReportMetric(float64(longest.Milliseconds()), "ms-longest-write")
	if after, err := s.replica.Read(); err != nil || after.findings.Len() != germanPlaces {
		b.Fatal("not all were noted", err)
	}
}

// heap is the live heap, in bytes.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
