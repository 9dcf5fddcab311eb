package municipality

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"pgregory.net/rapid"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
)

// TestRecallIsThatOfTheModel: what is read back from the ledger stands on every day as the model and the state say, and
// of the present it is the newest record.
func TestRecallIsThatOfTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		entries, model := drawHistory(t)
		if len(entries) == 0 {
			return
		}
		past := recall(entries)
		for n, want := range model.days {
			got := unrecorded
			if found := past.on(modelDay(n)); len(found) > 0 {
				got = found[0].standing
				if message := found[0].stored("05766000"); standingOf(message) != got {
					t.Fatalf("%v: on %v %v stands as %s", entries, modelDay(n), message, standingNames[got])
				}
			}
			if got != want {
				t.Fatalf("%v: on %v %s, the model says %s", entries, modelDay(n), standingNames[got], standingNames[want])
			}
		}
		today := past.on(endOfTime)
		if last := entries[len(entries)-1]; last.Entity == nil && len(today) > 0 ||
			last.Entity != nil && !proto.Equal(today[0].stored("05766000"), last.Entity) {
			t.Fatalf("%v: now %v, written %v", entries, today, last.Entity)
		}
	})
}

// TestRecallCorrectsDates: a corrected date shows on the days before the correction was written, also one from before 1970.
func TestRecallCorrectsDates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		history []told
		on      string
		want    string // phase date and the record that speaks
	}{
		"corrected backwards":           {[]told{{"2026-02-01", online, "2026-02-01", 3}, {"2026-06-01", online, "2026-01-20", 3}}, "2026-01-25", "2026-01-20 Satz 1"},
		"corrected forwards":            {[]told{{"2026-02-01", online, "2026-02-01", 3}, {"2026-06-01", online, "2026-03-01", 3}}, "2026-04-01", "2026-03-01 Satz 1"},
		"the correction itself":         {[]told{{"2026-02-01", online, "2026-02-01", 3}, {"2026-06-01", online, "2026-01-20", 3}}, "2026-06-01", "2026-01-20 Satz 2"},
		"a note in between":             {[]told{{"2026-02-01", online, "2026-02-01", 3}, {"2026-03-01", online, "2026-02-01", 3}, {"2026-06-01", online, "2026-01-20", 3}}, "2026-03-02", "2026-01-20 Satz 2"},
		"the phase before keeps its":    {[]told{{"2026-01-01", planned, "2026-01-01", 0}, {"2026-02-01", online, "2026-02-01", 3}, {"2026-06-01", online, "2026-03-01", 3}}, "2026-02-15", "2026-01-01 Satz 1"},
		"from before 1970":              {[]told{{"2026-02-01", online, "1949-05-23", 3}, {"2026-06-01", online, "2026-01-20", 3}}, "2026-01-25", "2026-01-20 Satz 1"},
		"to before 1970":                {[]told{{"2026-02-01", online, "2026-02-01", 3}, {"2026-06-01", online, "1949-05-23", 3}}, "1980-01-01", "1949-05-23 Satz 1"},
		"removed":                       {[]told{{"2026-02-01", online, "", 3}, {"2026-06-01", 0, "", removal}}, "2026-06-01", ""},
		"removed, the day before":       {[]told{{"2026-02-01", online, "2026-02-01", 3}, {"2026-06-01", 0, "", removal}}, "2026-05-31", "2026-02-01 Satz 1"},
		"a late report before anything": {[]told{{"2026-06-01", online, "2026-02-01", 3}}, "2026-02-01", "2026-02-01 Satz 1"},
		"the day before that":           {[]told{{"2026-06-01", online, "2026-02-01", 3}}, "2026-01-31", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var entries []ledger.Entry
			for i, r := range c.history {
				entries = append(entries, r.entry(i+1))
			}
			d, _ := dayOf(c.on)
			got := ""
			for _, i := range recall(entries).on(d) {
				m := i.stored("05766000")
				got = m.GetPhaseDate() + " " + m.GetNote()
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// seen is what clients saw of a place.
type seen struct {
	list     *municipalityv1.ListImplementationsResponse
	gaps     *municipalityv1.ListGapsResponse
	online   *municipalityv1.ListOnlineServicesResponse
	progress *municipalityv1.ListProgressResponse
}

// look asks everything about a place as of a day. Candidates are left out: they follow the marketplace of today.
func (w *world) look(ags, asOf string) (s seen) {
	w.tb.Helper()
	var err error
	parent := municipalityName(ags)
	s.list, err = w.client.ListImplementations(w.ctx, &municipalityv1.ListImplementationsRequest{Parent: parent, AsOf: asOf, PageSize: 1000})
	must(w.tb, err)
	s.gaps, err = w.client.ListGaps(w.ctx, &municipalityv1.ListGapsRequest{Parent: parent, AsOf: asOf, PageSize: 1000, IncludeNotAssessed: true})
	must(w.tb, err)
	for _, g := range s.gaps.GetGaps() {
		g.Candidates = nil
	}
	s.online, err = w.client.ListOnlineServices(w.ctx, &municipalityv1.ListOnlineServicesRequest{Parent: parent, AsOf: asOf, PageSize: 1000})
	must(w.tb, err)
	s.progress, err = w.client.ListProgress(w.ctx, &municipalityv1.ListProgressRequest{GroupBy: byMunicipality, AsOf: asOf})
	must(w.tb, err)
	return s
}

func (s seen) differs(o seen) string {
	for _, pair := range [][2]proto.Message{{s.list, o.list}, {s.gaps, o.gaps}, {s.online, o.online}, {s.progress, o.progress}} {
		if !proto.Equal(pair[0], pair[1]) {
			return fmt.Sprintf("%v\nwant\n%v", pair[0], pair[1])
		}
	}
	return ""
}

// TestPastDaysAnswerAsTheyDid: as long as nobody corrects the past, every past day answers what it answered then, also
// after a restart.
func TestPastDaysAnswerAsTheyDid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := smallWorldIn(t, dir)
	places, keys := []string{"05766044", "05766000"}, []string{dogTax, waste, marriage, fishing, carPlates}
	random := rand.New(rand.NewPCG(1, 2))
	saw := map[string]seen{}
	today := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	for range 25 {
		today = today.AddDate(0, 0, 1+random.IntN(3))
		day := today.Format(time.DateOnly)
		w.setDay(day)
		for range random.IntN(5) {
			w.changeSomething(random, implementationName(places[random.IntN(2)], keys[random.IntN(len(keys))]))
		}
		for _, ags := range places {
			saw[ags+" "+day] = w.look(ags, "")
		}
	}
	w.setDay("2026-11-23")
	compare := func(when string) {
		t.Helper()
		for at, then := range saw {
			if d := w.look(at[:8], at[9:]).differs(then); d != "" {
				t.Fatalf("%s, %s\n%s", when, at, d)
			}
		}
	}
	compare("later")
	w.stop()
	w = openWorld(t, dir)
	w.setDay("2026-11-23")
	compare("started again")
}

func (w *world) changeSomething(random *rand.Rand, name string) {
	w.tb.Helper()
	change := &municipalityv1.Implementation{
		Name: name, Note: fmt.Sprint(random.Int()), Url: []string{"", "https://a.example", "https://b.example"}[random.IntN(3)],
		Phase:      []municipalityv1.Implementation_Phase{planned, inProgress, online, online}[random.IntN(4)],
		TargetDate: []string{"", "2026-09-20", "2026-10-10"}[random.IntN(3)],
		Maturity:   &municipalityv1.Maturity{Level: int32(random.IntN(4))},
	}
	mask := [][]string{{"note"}, {"url"}, {"phase", "maturity"}, {"phase", "url", "note"}, {"target_date"}}[random.IntN(5)]
	var err error
	if random.IntN(7) == 0 {
		_, err = w.client.DeleteImplementation(w.ctx, &municipalityv1.DeleteImplementationRequest{Name: name})
		if reason, _ := reasonOf(err); reason == "RESOURCE_NOT_FOUND" {
			return
		}
	} else {
		_, err = w.client.UpdateImplementation(w.ctx, &municipalityv1.UpdateImplementationRequest{Implementation: change, UpdateMask: &fieldmaskpb.FieldMask{Paths: mask}})
	}
	must(w.tb, err)
}

// TestAsOfFollowsCorrections: what is known today about a past day, and what is no day to ask about.
func TestAsOfFollowsCorrections(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	const lemgo, kreis = "05766044", "05766000"
	tax, plates := implementationName(lemgo, dogTax), implementationName(kreis, carPlates)
	get := func(name, day string) (*municipalityv1.Implementation, error) {
		return w.client.GetImplementation(w.ctx, &municipalityv1.GetImplementationRequest{Name: name, AsOf: day})
	}
	_, err := get(tax, "2026-03-01")
	wantReason(t, err, "RESOURCE_NOT_FOUND")
	w.patch(&municipalityv1.Implementation{Name: tax, Phase: online, Url: "https://alt.example", PhaseDate: "2026-03-01", Maturity: &municipalityv1.Maturity{Level: 3}})
	w.patch(&municipalityv1.Implementation{Name: plates, Phase: online, Url: "https://kreis.example", PhaseDate: "2026-05-01"})
	_, err = get(tax, "2026-02-28")
	wantReason(t, err, "RESOURCE_NOT_FOUND")
	then, err := get(tax, "2026-03-01")
	must(t, err)
	if then.GetUrl() != "https://alt.example" || !then.GetFulfilled() || then.GetDisplayName() != "Hundesteuer Festsetzung" || then.GetEtag() == "" {
		t.Errorf("then %v", then)
	}
	w.setDay("2026-11-30")
	w.patch(&municipalityv1.Implementation{Name: tax, Url: "https://neu.example", PhaseDate: "2026-04-01"})
	_, err = get(tax, "2026-03-31")
	wantReason(t, err, "RESOURCE_NOT_FOUND")
	then, err = get(tax, "2026-11-29")
	must(t, err)
	if then.GetUrl() != "https://alt.example" || then.GetPhaseDate() != "2026-04-01" {
		t.Errorf("after the correction %v", then)
	}
	if then, err = get(tax, "2026-11-30"); err != nil || then.GetUrl() != "https://neu.example" {
		t.Errorf("today %v, %v", then, err)
	}
	offers := func(day, q string) (urls []string) {
		t.Helper()
		answer, err := w.client.ListOnlineServices(w.ctx, &municipalityv1.ListOnlineServicesRequest{Parent: municipalityName(lemgo), AsOf: day, Q: q})
		must(t, err)
		for _, o := range answer.GetOnlineServices() {
			urls = append(urls, o.GetUrl())
		}
		return urls
	}
	for day, want := range map[string]string{"2026-03-31": "[]", "2026-04-30": "[https://alt.example]", "2026-05-01": "[https://alt.example https://kreis.example]", "": "[https://neu.example https://kreis.example]"} {
		if got := fmt.Sprint(offers(day, "")); got != want {
			t.Errorf("online on %q: %s, want %s", day, got, want)
		}
	}
	if got := fmt.Sprint(offers("2026-05-01", "Zulassung")); got != "[https://kreis.example]" {
		t.Errorf("searched: %s", got)
	}
	page, err := w.client.ListImplementations(w.ctx, &municipalityv1.ListImplementationsRequest{Parent: municipalityName(lemgo), AsOf: "2026-05-01", Filter: `url = "https://alt.example"`})
	if err != nil || page.GetTotalSize() != 1 {
		t.Errorf("filtered %v, %v", page, err)
	}
	for _, day := range []string{"2026-12-01", "2026-02-30", "1969-12-31"} {
		_, err := get(tax, day)
		wantReason(t, err, "INVALID_FIELD", "asOf")
		_, err = w.client.ListGaps(w.ctx, &municipalityv1.ListGapsRequest{Parent: municipalityName(lemgo), AsOf: day})
		wantReason(t, err, "INVALID_FIELD", "asOf")
	}
	_, err = w.client.ListGaps(w.ctx, &municipalityv1.ListGapsRequest{Parent: "municipalities/09162000", AsOf: "2026-03-01"})
	wantReason(t, err, "RESOURCE_NOT_FOUND")
}
