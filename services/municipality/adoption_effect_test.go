package municipality

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
)

const (
	adoptionLive  = marketplacev1.Adoption_STATE_LIVE
	adoptionEnded = marketplacev1.Adoption_STATE_ENDED
)

// adopting is an adoption of Lemgo in some state.
func adopting(id string, state marketplacev1.Adoption_State, keys ...string) *marketplacev1.Adoption {
	a := &marketplacev1.Adoption{Name: "adoptions/" + id, Municipality: "municipalities/05766044", Solution: "solutions/hundesteuer-online",
		State: state, Url: "https://lemgo.example/" + id, LiveDate: "2026-11-20",
		Transitions: []*marketplacev1.AdoptionTransition{{To: state, Actor: "it-lemgo"}}}
	for _, key := range keys {
		a.Services = append(a.Services, &marketplacev1.AdoptedService{PublicService: publicServices + key})
	}
	return a
}

// lemgoWith is a state in which one implementation is recorded, on 2026-10-01, unless it is nil.
func lemgoWith(t *testing.T, recorded *municipalityv1.Implementation) records {
	r := applyAll(t, emptyRecords(), "catalogue", smallCatalogue())
	town := &municipalityv1.Municipality{Name: "municipalities/05766044", Ags: "05766044", SizeClass: 4, Kind: municipalityv1.Municipality_KIND_MUNICIPALITY}
	entities := []proto.Message{town}
	if recorded != nil {
		recorded.Name = implementationName("05766044", dogTax)
		entities = append(entities, recorded)
	}
	name := ledger.Name{Origin: "test", Service: "municipality"}
	batch := entriesOf(name, entities...)
	for i := range batch {
		batch[i].Record.Time = timeOn("2026-10-01")
	}
	r, err := apply(r, name, batch, false)
	must(t, err)
	return r
}

// gist writes what going live may change, and what it must not.
func gist(i *municipalityv1.Implementation) string {
	s := fmt.Sprint(strings.TrimPrefix(i.GetPhase().String(), "PHASE_"), " ", i.GetPhaseDate(), " ", strings.TrimPrefix(i.GetUrl(), "https://"),
		" ", strings.TrimPrefix(i.GetSolution(), solutions), " ", strings.TrimPrefix(i.GetAdoption(), adoptionPrefix))
	if m := i.GetMaturity(); m != nil {
		s += fmt.Sprintf(" %d of %s", m.GetLevel(), m.GetModel())
	}
	if i.GetAdoptionEnded() {
		s += " ended"
	}
	if i.GetDepartment()+i.GetNote()+i.GetTargetDate() != "" || i.AnnualCases != nil || i.GetPriority() != 0 {
		s += fmt.Sprintf(" %s/%s/%s/%d/%d", i.GetDepartment(), i.GetNote(), i.GetTargetDate(), i.GetAnnualCases(), i.GetPriority())
	}
	return s
}

// TestGoLive is one service of an adoption that goes live on 2026-11-20, seen on 2026-11-23.
func TestGoLive(t *testing.T) {
	t.Parallel()
	type recorded = municipalityv1.Implementation
	live := func(change func(*marketplacev1.Adoption)) *marketplacev1.Adoption {
		a := adopting("a", adoptionLive, dogTax)
		if change != nil {
			change(a)
		}
		return a
	}
	reaches := func(m *municipalityv1.Maturity) *marketplacev1.Adoption {
		return live(func(a *marketplacev1.Adoption) { a.Services[0].Maturity = m })
	}
	on := func(day string) *marketplacev1.Adoption {
		return live(func(a *marketplacev1.Adoption) { a.LiveDate = day })
	}
	const plain = "ONLINE 2026-11-20 lemgo.example/a hundesteuer-online a"
	for name, c := range map[string]struct {
		recorded *recorded
		adoption *marketplacev1.Adoption
		want     string
	}{
		"nothing recorded": {nil, live(nil), plain},
		"own address": {nil, live(func(a *marketplacev1.Adoption) { a.Services[0].Url = "https://x.example" }),
			"ONLINE 2026-11-20 x.example hundesteuer-online a"},
		"no address": {&recorded{Url: "https://alt.example"}, live(func(a *marketplacev1.Adoption) { a.Url = "" }),
			"ONLINE 2026-11-20 alt.example hundesteuer-online a"},
		"what people said stays": {&recorded{Phase: inProgress, PhaseDate: "2026-09-01", Department: "Amt", Note: "Notiz", TargetDate: "2026-12-01", AnnualCases: cases(7), Priority: 3},
			live(nil), plain + " Amt/Notiz/2026-12-01/7/3"},
		"other solution":          {&recorded{Phase: online, PhaseDate: "2026-11-22", Solution: "solutions/alt", Adoption: "adoptions/alt", AdoptionEnded: true}, live(nil), plain},
		"no maturity known":       {&recorded{Maturity: level("2.0", 2)}, live(nil), plain + " 2 of 2.0"},
		"maturity":                {&recorded{Maturity: level("1.1", 2)}, reaches(&municipalityv1.Maturity{Level: 3, Threshold: 3}), plain + " 3 of 1.1"},
		"higher one recorded":     {&recorded{Maturity: level("1.1", 4)}, reaches(level("1.1", 3)), plain + " 4 of 1.1"},
		"higher in another model": {&recorded{Maturity: level("2.0", 4)}, reaches(level("1.1", 3)), plain + " 3 of 1.1"},
		"no such level":           {&recorded{Maturity: level("1.1", 2)}, reaches(level("1.1", 9)), plain + " 2 of 1.1"},
		"live tomorrow":           {nil, on("2026-11-24"), "ONLINE 2026-11-23 lemgo.example/a hundesteuer-online a"},
		"live without a day":      {nil, on(""), "ONLINE 2026-11-23 lemgo.example/a hundesteuer-online a"},
		"live on no day":          {nil, on("2026-02-31"), "ONLINE 2026-11-23 lemgo.example/a hundesteuer-online a"},
		"begun after that day":    {&recorded{Phase: inProgress, PhaseDate: "2026-11-22"}, live(nil), plain},
		"online before":           {&recorded{Phase: online, PhaseDate: "2026-01-01"}, live(nil), "ONLINE 2026-01-01 lemgo.example/a hundesteuer-online a"},
		"online later":            {&recorded{Phase: online, PhaseDate: "2026-11-22"}, live(nil), plain},
		"online without a day":    {&recorded{Phase: online}, live(nil), "ONLINE  lemgo.example/a hundesteuer-online a"},
		"online later, undated":   {&recorded{Phase: online}, on("2026-09-30"), "ONLINE 2026-09-30 lemgo.example/a hundesteuer-online a"},
	} {
		r := lemgoWith(t, c.recorded)
		p := r.place("05766044")
		got := gist(p.live(p.find(dogTax), c.adoption, c.adoption.GetServices()[0], dayAt(testDay)))
		if got != c.want {
			t.Errorf("%s:\n%s, want\n%s", name, got, c.want)
		}
		if again := p.find(dogTax); c.recorded != nil && !proto.Equal(again.stored("05766044"), c.recorded) {
			t.Errorf("%s: what was recorded changed to %v", name, again.stored("05766044"))
		}
	}
}

// TestLivePastStays: days on which a service was online stay so when it goes live on another solution, and days before it
// went live become online only as far as the adoption says.
func TestLivePastStays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		recorded *municipalityv1.Implementation
		live     string
		want     string // standing on 2026-01-31, 2026-10-15, 2026-11-21, 2026-11-23
	}{
		"online all the time":        {&municipalityv1.Implementation{Phase: online, PhaseDate: "2026-01-01"}, "2026-11-20", "5 5 5 5"},
		"below until it is recorded": {&municipalityv1.Implementation{Phase: online, PhaseDate: "2026-01-01", Maturity: level("1.1", 1)}, "2026-11-20", "4 4 4 5"},
		"in progress until then":     {&municipalityv1.Implementation{Phase: inProgress, PhaseDate: "2026-01-01"}, "2026-11-20", "3 3 5 5"},
		"reported late":              {&municipalityv1.Implementation{Phase: online, PhaseDate: "2026-11-01"}, "2026-10-10", "0 5 5 5"},
		"begun later":                {&municipalityv1.Implementation{Phase: inProgress, PhaseDate: "2026-11-01"}, "2026-01-10", "5 5 5 5"},
	} {
		r := lemgoWith(t, c.recorded)
		a := adopting("a", adoptionLive, dogTax)
		a.LiveDate, a.Services[0].Maturity = c.live, level("1.1", 3)
		after := r.place("05766044").live(r.place("05766044").find(dogTax), a, a.GetServices()[0], dayAt(testDay))
		stream := ledger.Name{Origin: "test", Service: "municipality"}
		batch := entriesOf(stream, after)
		batch[0].Record.Time = timeOn("2026-11-23")
		r, err := apply(r, stream, batch, false)
		must(t, err)
		p := r.place("05766044")
		i := p.find(dogTax)
		line := append(slices.Clone(stepsOf(p.past, dogTax)), step{service: i.service, from: i.from, standing: i.standing})
		var got []string
		for _, iso := range []string{"2026-01-31", "2026-10-15", "2026-11-21", "2026-11-23"} {
			d, _ := dayOf(iso)
			standing := unrecorded
			if s := stepAt(line, d); s != nil {
				standing = s.standing
			}
			got = append(got, fmt.Sprint(standing))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

// TestDueInAnyOrder: the two streams may arrive in any order and in any pieces; what is due is the same.
func TestDueInAnyOrder(t *testing.T) {
	t.Parallel()
	market, own := ledger.Name{Origin: "test", Service: "marketplace"}, ledger.Name{Origin: "test", Service: "municipality"}
	edited := adopting("a", adoptionLive, dogTax)
	edited.Note = "berichtigt"
	moves := entriesOf(market, adopting("a", marketplacev1.Adoption_STATE_CONNECTING, dogTax), adopting("a", adoptionLive, dogTax), edited,
		adopting("b", adoptionLive, waste), adopting("a", adoptionEnded, dogTax), adopting("b", marketplacev1.Adoption_STATE_WITHDRAWN, waste))
	effect := func(id string, sequence uint64) ledger.Entry {
		e := &municipalityv1.AdoptionEffect{Name: "municipalities/05766044/adoptionEffects/" + id, Adoption: "adoptions/" + id, Sequence: sequence}
		entry := entriesOf(own, e)[0]
		entry.Subject = own.Subject("adoptionEffect", id)
		return entry
	}
	for name, c := range map[string]struct {
		effects []ledger.Entry
		want    string
	}{
		"nothing done":  {nil, "2 4 5"},
		"a went live":   {[]ledger.Entry{effect("a", 2)}, "4 5"},
		"both are live": {[]ledger.Entry{effect("b", 4), effect("a", 2)}, "5"},
		"a is over":     {[]ledger.Entry{effect("a", 2), effect("a", 5)}, "4"},
		"all done":      {[]ledger.Entry{effect("a", 2), effect("b", 4), effect("a", 5)}, ""},
	} {
		for cut := range len(moves) + 1 {
			r := emptyRecords()
			for _, step := range []struct {
				stream ledger.Name
				batch  []ledger.Entry
			}{{market, moves[:cut]}, {own, c.effects}, {market, moves[cut:]}} {
				var err error
				r, err = apply(r, step.stream, step.batch, true)
				must(t, err)
			}
			var due []string
			for _, one := range r.adoptions.due.All() {
				due = append(due, fmt.Sprint(one.sequence))
			}
			if strings.Join(due, " ") != c.want {
				t.Errorf("%s, cut at %d: due %v, want %s", name, cut, due, c.want)
			}
			if r.adoptions.over("adoptions/a") != true || r.adoptions.over("adoptions/b") {
				t.Errorf("%s, cut at %d: which are over is wrong", name, cut)
			}
		}
	}
}

// TestUnreadableAdoptionEffect: an entity of another type is damage, never nothing.
func TestUnreadableAdoptionEffect(t *testing.T) {
	t.Parallel()
	own, market := ledger.Name{Origin: "test", Service: "municipality"}, ledger.Name{Origin: "test", Service: "marketplace"}
	odd := entriesOf(own, &cataloguev1.Theme{Name: "themes/a"})
	odd[0].Subject = own.Subject("adoptionEffect", "a")
	if _, err := apply(emptyRecords(), own, odd, false); err == nil {
		t.Error("a theme is taken for an effect")
	}
	odd[0].Subject = market.Subject("adoption", "a")
	if _, err := apply(emptyRecords(), market, odd, false); err == nil {
		t.Error("a theme is taken for an adoption")
	}
}

// TestClearedByPeople: who changes phase or solution takes a service away from its adoption; nothing else does.
func TestClearedByPeople(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*municipalityv1.Implementation)
		want   bool
	}{
		"phase":    {func(i *municipalityv1.Implementation) { i.Phase = inProgress }, true},
		"solution": {func(i *municipalityv1.Implementation) { i.Solution = "solutions/alt" }, true},
		"address":  {func(i *municipalityv1.Implementation) { i.Url = "https://neu.example" }, false},
		"maturity": {func(i *municipalityv1.Implementation) { i.Maturity = level("", 4) }, false},
		"date":     {func(i *municipalityv1.Implementation) { i.PhaseDate = "2026-01-01" }, false},
	} {
		before := &municipalityv1.Implementation{Phase: online, Solution: "solutions/gut", Adoption: "adoptions/a", AdoptionEnded: true}
		after := proto.CloneOf(before)
		c.change(after)
		settle(before, after)
		if cleared := after.GetAdoption() == "" && !after.GetAdoptionEnded(); cleared != c.want {
			t.Errorf("%s: %v", name, after)
		}
		if changed := changedFields(before, after); slices.Contains(changed, "adoption") != c.want || slices.Contains(changed, "adoption_ended") != c.want {
			t.Errorf("%s: changed %v", name, changed)
		}
	}
}

// timeOn is some moment of a day.
func timeOn(iso string) *timestamppb.Timestamp {
	d, _ := dayOf(iso)
	return timestamppb.New(time.Unix((int64(d)-1)*secondsOfDay+9*60*60, 0))
}
