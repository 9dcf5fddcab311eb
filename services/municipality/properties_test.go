package municipality

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
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
	r, err := apply(r, name, entriesOf(name, entities...), false)
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
	if i.GetPhase() == online && i.GetSolution() != "" {
		i.Adoption, i.AdoptionEnded = "adoptions/a", rapid.Bool().Draw(t, "over")
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
			gaps, owed := findGaps(p, d, r.market, dayAt(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)))
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
				if i.standingNow() == standsNotApplicable {
					inapplicable++
				} else if r.market.gapKind(i) == municipalityv1.Gap_KIND_UNSPECIFIED {
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
				online:         int64(clean + kinds[municipalityv1.Gap_KIND_NO_LINK] + kinds[municipalityv1.Gap_KIND_SOLUTION_WITHDRAWN] + kinds[municipalityv1.Gap_KIND_ADOPTION_ENDED]),
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

// TestBatchesDoNotMatter: the same records in one batch, in many, or in a replay lead to the same state, and that is what a
// map would hold.
func TestBatchesDoNotMatter(t *testing.T) {
	t.Parallel()
	name := ledger.Name{Origin: "test", Service: "municipality"}
	rapid.Check(t, func(t *rapid.T) {
		entities := []proto.Message{&municipalityv1.Municipality{Name: "municipalities/05766000", Ags: "05766000", DataCentre: "dataCentres/krz"}}
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 9), 0, 40).Draw(t, "keys") {
			entities = append(entities, drawImplementation(t, "05766000", keyNumber(n)))
		}
		batch := entriesOf(name, entities...)
		model := map[string]*municipalityv1.Implementation{}
		for i := range batch {
			batch[i].Record.Time = timestamppb.New(time.Date(2026, 1, 1+i/3, 0, 0, 0, 0, time.UTC))
			if i > 0 && rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
				batch[i].Entity = nil
			}
			if one, ok := batch[i].Entity.(*municipalityv1.Implementation); ok {
				model[one.GetName()] = one
			} else {
				delete(model, batch[i].Record.GetResource())
			}
		}
		together, err := apply(emptyRecords(), name, batch, false)
		if err != nil {
			t.Fatal(err)
		}
		alone, replayed := emptyRecords(), emptyRecords()
		for i := range batch {
			alone, err = apply(alone, name, batch[i:i+1], false)
			if err != nil {
				t.Fatal(err)
			}
			if replayed, err = apply(replayed, name, batch[i:i+1], true); err != nil {
				t.Fatal(err)
			}
		}
		if replayed, err = apply(replayed, name, nil, false); err != nil {
			t.Fatal(err)
		}
		a, b, c := together.place("05766000"), alone.place("05766000"), replayed.place("05766000")
		if !reflect.DeepEqual(a.implementations, b.implementations) || !reflect.DeepEqual(a.implementations, c.implementations) ||
			!slices.Equal(a.past, b.past) || !slices.Equal(a.past, c.past) || a.sequence != b.sequence || a.sequence != c.sequence {
			t.Fatalf("in one batch\n%v\n%v\nalone\n%v\n%v\nreplayed\n%v\n%v", a.implementations, a.past, b.implementations, b.past, c.implementations, c.past)
		}
		checkUsers(t, together)
		checkUsers(t, alone)
		checkUsers(t, replayed)
		for n := range a.implementations {
			i := &a.implementations[n]
			want := model[implementationName(a.ags, i.service.String())]
			if got := i.stored(a.ags); !proto.Equal(got, want) {
				t.Fatalf("kept\n%v\nwant\n%v", got, want)
			}
			if n > 0 && a.implementations[n-1].service.String() >= i.service.String() {
				t.Fatal("out of order")
			}
		}
		if len(a.implementations) != len(model) {
			t.Fatalf("%d implementations, want %d", len(a.implementations), len(model))
		}
	})
}

// checkUsers compares the counts that every change moves with a count of everything.
func checkUsers(t *rapid.T, r records) {
	want := map[string]int{}
	for _, p := range r.all() {
		for _, s := range p.solutionsInUse() {
			want[s+" "]++
			want[s+" area "+p.area]++
			if centre := p.municipality.GetDataCentre(); centre != "" {
				want[s+" centre "+centre]++
			}
		}
	}
	got := map[string]int{}
	for s, u := range r.users.All() {
		if u.all != 0 {
			got[s+" "] = u.all
		}
		for _, c := range u.areas {
			got[s+" area "+c.key] = c.n
		}
		for _, c := range u.centres {
			got[s+" centre "+c.key] = c.n
		}
	}
	if !maps.Equal(got, want) {
		t.Fatalf("users\n%v\nwant\n%v", got, want)
	}
}

// TestWhatIsKeptIsWhatWasWritten: nothing that the contract allows, or a newer version of it writes, is lost in memory.
func TestWhatIsKeptIsWhatWasWritten(t *testing.T) {
	t.Parallel()
	days := []string{"", "1969-12-31", "1970-01-01", "2027-02-28", "2149-06-06", "2149-06-07", "9999-12-31", "0001-01-01", "2027-13-45", "nonsense"}
	rapid.Check(t, func(t *rapid.T) {
		m := drawImplementation(t, "05766000", keyNumber(1))
		m.Phase = municipalityv1.Implementation_Phase(rapid.SampledFrom([]int32{0, 1, 4, 5, 77, 300, -1}).Draw(t, "phase"))
		m.Priority = municipalityv1.Implementation_Priority(rapid.SampledFrom([]int32{0, 3, 255, 256}).Draw(t, "priority"))
		m.TargetDate, m.PhaseDate = rapid.SampledFrom(days).Draw(t, "target"), rapid.SampledFrom(days).Draw(t, "since")
		m.Note, m.NotApplicableReason = rapid.SampledFrom([]string{"", "Notiz"}).Draw(t, "note"), rapid.SampledFrom([]string{"", "Grund"}).Draw(t, "reason")
		m.Adoption, m.AdoptionEnded = rapid.SampledFrom([]string{"", "adoptions/a"}).Draw(t, "adoption"), rapid.Bool().Draw(t, "over")
		if rapid.Bool().Draw(t, "measured") {
			m.Maturity = &municipalityv1.Maturity{Model: rapid.SampledFrom([]string{"", "1.1", "2.0", "3.0"}).Draw(t, "model"), Level: rapid.Int32Range(-1, 40).Draw(t, "level")}
		}
		if rapid.Bool().Draw(t, "counted") {
			m.AnnualCases = cases(rapid.SampledFrom([]int64{0, 1, 1e9, 1 << 40, -5}).Draw(t, "cases"))
		}
		if rapid.Bool().Draw(t, "newer") {
			m.ProtoReflect().SetUnknown([]byte{0xa2, 0x06, 0x01, 'x'})
		}
		i := recorded(m, &ledger.Entry{Sequence: 7, Record: &ledgerv1.Record{}})
		if got := i.stored("05766000"); !proto.Equal(got, m) {
			t.Fatalf("kept\n%v\nwritten\n%v", got, m)
		}
	})
}
