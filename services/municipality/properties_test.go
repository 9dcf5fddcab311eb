package municipality

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
)

// entriesOf are records of a stream as the replica hands them to apply.
func entriesOf(stream ledger.Name, entities ...proto.Message) []ledger.Entry {
	batch := make([]ledger.Entry, len(entities))
	for i, e := range entities {
		name := e.(interface{ GetName() string }).GetName()
		subject := stream.Subject(subjectToken(name)[0], subjectToken(name)[1])
		switch e.(type) {
		case *municipalityv1.Municipality:
			subject = stream.Subject("municipality", agsOf(name))
		case *municipalityv1.Implementation:
			subject = stream.Subject("implementation", agsOf(name), keyOf(name))
		}
		batch[i] = ledger.Entry{Subject: subject, Sequence: uint64(i + 1), Entity: e, Record: &ledgerv1.Record{Resource: name}}
	}
	return batch
}

func applied(tb rapid.TB, r records, service string, entities ...proto.Message) records {
	name := ledger.Name{Origin: "test", Service: service}
	r, err := apply(r, name, entriesOf(name, entities...))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func keyNumber(i int) string { return fmt.Sprintf("99%012d", i*7919) }

func drawImplementation(t *rapid.T, ags string, key string) *municipalityv1.Implementation {
	i := &municipalityv1.Implementation{
		Name:       implementationName(ags, key),
		Phase:      municipalityv1.Implementation_Phase(rapid.IntRange(0, 5).Draw(t, "phase")),
		Priority:   municipalityv1.Implementation_Priority(rapid.IntRange(0, 3).Draw(t, "priority")),
		Url:        rapid.SampledFrom([]string{"", "https://a.example"}).Draw(t, "url"),
		Solution:   rapid.SampledFrom([]string{"", "solutions/a", "solutions/weg"}).Draw(t, "solution"),
		TargetDate: rapid.SampledFrom([]string{"", "2026-01-01", "2027-01-01"}).Draw(t, "date"),
	}
	if level := rapid.Int32Range(-1, 4).Draw(t, "level"); level >= 0 {
		i.Maturity = &municipalityv1.Maturity{Model: "1.1", Level: level}
	}
	return i
}

// TestGapsAndProgressAgree: what is owed is online or a gap, and progress counts the same as the gaps, whatever is recorded.
func TestGapsAndProgressAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecords(t)
		var total counts
		for _, p := range r.all() {
			d := r.catalogue.dutiesOf(p.municipality.GetSizeClass())
			gaps, owed := findGaps(p, d, r.market, "2026-11-23")
			kinds := map[municipalityv1.Gap_Kind]int{}
			for i, g := range gaps {
				kinds[g.kind]++
				if i > 0 && gaps[i-1].compare(&g) >= 0 {
					t.Fatal("gaps are not in order")
				}
			}
			clean, inapplicable := 0, 0
			for _, duty := range d.owed {
				i := p.find(duty.id)
				if i.GetPhase() == notApplicable {
					inapplicable++
				} else if gapKind(i, r.market.withdrawn(i.GetSolution())) == municipalityv1.Gap_KIND_UNSPECIFIED {
					clean++
				}
			}
			if len(d.owed) != clean+len(gaps)+inapplicable || owed != clean+len(gaps) {
				t.Fatalf("owed %d (%d) != online %d + gaps %d + not applicable %d", len(d.owed), owed, clean, len(gaps), inapplicable)
			}
			var sum counts
			for _, c := range tallyOf(p, d) {
				sum.add(c)
			}
			want := counts{
				online:         int64(clean + kinds[municipalityv1.Gap_KIND_NO_LINK] + kinds[municipalityv1.Gap_KIND_SOLUTION_WITHDRAWN]),
				belowThreshold: int64(kinds[municipalityv1.Gap_KIND_BELOW_THRESHOLD]),
				inProgress:     int64(kinds[municipalityv1.Gap_KIND_IN_PROGRESS]),
				planned:        int64(kinds[municipalityv1.Gap_KIND_PLANNED]),
				open:           int64(kinds[municipalityv1.Gap_KIND_MISSING]),
				notApplicable:  int64(inapplicable),
				notAssessed:    int64(len(d.notAssessed)),
			}
			if sum != want {
				t.Fatalf("progress %+v, gaps say %+v", sum, want)
			}
			total.add(sum)
		}
		for by := range municipalityv1.ListProgressRequest_GroupBy_name {
			checkSums(t, r, municipalityv1.ListProgressRequest_GroupBy(by), total)
		}
	})
}

func checkSums(t *rapid.T, r records, by municipalityv1.ListProgressRequest_GroupBy, want counts) {
	groups, all := r.progressOf(r.all(), by)
	var owed, online, notAssessed int64
	for _, g := range groups {
		owed, online, notAssessed = owed+g.GetOwed(), online+g.GetOnline(), notAssessed+g.GetNotAssessed()
	}
	if owed != want.owed() || online != want.online || notAssessed != want.notAssessed || all.GetOwed() != owed || int(all.GetMunicipalities()) != len(r.all()) {
		t.Fatalf("%v: groups say %d/%d/%d, total %v, want %+v", by, owed, online, notAssessed, all, want)
	}
}

func drawRecords(t *rapid.T) records {
	const services = 12
	var catalogue, places []proto.Message
	catalogue = append(catalogue, &cataloguev1.Theme{Name: "themes/a", DisplayName: "A"},
		&cataloguev1.OzgService{Name: "ozgServices/1", Theme: "themes/a"}, owes("ozgServices/1", 5, 6))
	for i := range services {
		s := service(keyNumber(i), fmt.Sprint("Leistung ", i), rapid.SampledFrom([]string{"", "ozgServices/1"}).Draw(t, "ozg"))
		s.State = cataloguev1.EntryState(rapid.IntRange(1, 2).Draw(t, "state"))
		catalogue = append(catalogue, s)
		if rapid.Bool().Draw(t, "own rule") {
			catalogue = append(catalogue, owes(s.GetName(), commonv1.SizeClass(rapid.IntRange(1, 7).Draw(t, "class"))))
		}
	}
	for i, ags := range []string{"05766000", "05766004", "05711000", "05758004"} {
		places = append(places, &municipalityv1.Municipality{Name: municipalityName(ags), Ags: ags,
			SizeClass: commonv1.SizeClass(rapid.IntRange(0, 7).Draw(t, "class")), Kind: municipalityv1.Municipality_Kind([]int32{3, 1, 2, 1}[i])})
		for _, n := range rapid.SliceOfDistinct(rapid.IntRange(0, services+2), rapid.ID[int]).Draw(t, "recorded") {
			places = append(places, drawImplementation(t, ags, keyNumber(n)))
		}
	}
	r := applied(t, emptyRecords(), "catalogue", catalogue...)
	r = applied(t, r, "marketplace", solution("a", "A", nil, keyNumber(1)),
		solution("weg", "Weg", func(s *marketplacev1.Solution) { s.State = marketplacev1.Solution_STATE_WITHDRAWN }))
	return applied(t, r, "municipality", places...)
}

// TestBatchesDoNotMatter: the same records in one batch or in many lead to the same state.
func TestBatchesDoNotMatter(t *testing.T) {
	t.Parallel()
	name := ledger.Name{Origin: "test", Service: "municipality"}
	rapid.Check(t, func(t *rapid.T) {
		entities := []proto.Message{&municipalityv1.Municipality{Name: "municipalities/05766000", Ags: "05766000"}}
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 9), 0, 40).Draw(t, "keys") {
			entities = append(entities, drawImplementation(t, "05766000", keyNumber(n)))
		}
		batch := entriesOf(name, entities...)
		for i := range batch[1:] {
			if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
				batch[i+1].Entity = nil
			}
		}
		together, err := apply(emptyRecords(), name, batch)
		if err != nil {
			t.Fatal(err)
		}
		alone := emptyRecords()
		model := map[string]*municipalityv1.Implementation{}
		for i := range batch {
			if alone, err = apply(alone, name, batch[i:i+1]); err != nil {
				t.Fatal(err)
			}
			if one, ok := batch[i].Entity.(*municipalityv1.Implementation); ok {
				model[one.GetName()] = one
			} else {
				delete(model, batch[i].Record.GetResource())
			}
		}
		a, b := together.place("05766000").implementations, alone.place("05766000").implementations
		if len(a) != len(b) || len(a) != len(model) {
			t.Fatalf("%d, %d and %d implementations", len(a), len(b), len(model))
		}
		for i := range a {
			if a[i] != b[i] || model[a[i].GetName()] != a[i] || i > 0 && a[i-1].GetName() >= a[i].GetName() {
				t.Fatalf("implementation %d differs or is out of order", i)
			}
		}
	})
}
