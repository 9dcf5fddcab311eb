package notification

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/ledger"
)

var testTime = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// commitOf makes the entries of one commit; the resource names follow from the entities.
func commitOf(changes ...change) []ledger.Entry {
	entries := make([]ledger.Entry, len(changes))
	for i, c := range changes {
		entries[i] = ledger.Entry{
			Subject: "kompass.krz." + serviceOfEntity(c.entity) + "." + c.entity + "." + strings.Join(c.id, "."), Sequence: uint64(100 + i), Visible: uint64(100 + len(changes) - 1),
			Record: &ledgerv1.Record{Resource: c.name, Actor: "a", Time: timestamppb.New(testTime), ChangedFields: c.changed}, Entity: c.value,
		}
	}
	return entries
}

// recorded is a change of an entity that has a name.
func recorded(entity string, e interface {
	proto.Message
	GetName() string
}, changed ...string) change {
	return change{entity, strings.Split(e.GetName(), "/")[1:2], e.GetName(), e, changed}
}

func deleted(entity, name string) change {
	return change{entity, strings.Split(name, "/")[1:2], name, nil, nil}
}

// small is a directory of one of everything.
func small() directory {
	return emptyDirectory().applied(commitOf(
		recorded("theme", &cataloguev1.Theme{Name: "themes/bauen", DisplayName: "Bauen & Wohnen"}),
		recorded("situation", &cataloguev1.Situation{Name: "situations/umzug", DisplayName: "Umzug", Theme: "themes/bauen"}),
		recorded("ozgService", &cataloguev1.OzgService{Name: "ozgServices/10513", DisplayName: "Hundehaltung", Theme: "themes/bauen", Situation: "situations/umzug"}),
		recorded("publicService", &cataloguev1.PublicService{Name: "publicServices/99", DisplayName: "Hundesteuer", OzgService: "ozgServices/10513"}),
		recorded("dataCentre", &municipalityv1.DataCentre{Name: "dataCentres/krz", DisplayName: "krz"}),
		recorded("municipality", &municipalityv1.Municipality{Name: "municipalities/05758000", DisplayName: "Kreis Herford"}),
		recorded("municipality", &municipalityv1.Municipality{Name: "municipalities/05758004", DisplayName: "Bünde", District: "municipalities/05758000", DataCentre: "dataCentres/krz"}),
		recorded("municipality", &municipalityv1.Municipality{Name: "municipalities/05758012", DisplayName: "Herford", District: "municipalities/05758000"}),
		recorded("provider", &marketplacev1.Provider{Name: "providers/p", DisplayName: "Anbieterin"}),
		recorded("solution", &marketplacev1.Solution{Name: "solutions/s", DisplayName: "Hund Online", Provider: "providers/p"}),
		recorded("project", &marketplacev1.Project{Name: "projects/w", DisplayName: "Wohngeld digital", Theme: "themes/bauen"}),
		recorded("adoptionGroup", &marketplacev1.AdoptionGroup{Name: "adoptionGroups/g", DisplayName: "Hundesteuer OWL", Solution: "solutions/s"}),
		recorded("contract", &marketplacev1.Contract{Name: "contracts/c", DisplayName: "Rahmen Hund", Provider: "providers/p"}),
	))
}

// expected is what a test expects of an event.
type expected struct {
	kind     notificationv1.Event_Kind
	resource string
	count    int32
	de, en   string
	topics   string // sorted, separated by blanks, without the resource
}

var (
	placed   = "dataCentres/krz municipalities/05758000 municipalities/05758004"
	serviced = "ozgServices/10513 publicServices/99 situations/umzug themes/bauen"
	solved   = "providers/p solutions/s"
)

func TestWhatHappened(t *testing.T) {
	t.Parallel()
	adoption := func(id, ags, group string, state marketplacev1.Adoption_State, changed ...string) change {
		return recorded("adoption", &marketplacev1.Adoption{Name: "adoptions/" + id, Contract: "contracts/c", Municipality: "municipalities/" + ags, Solution: "solutions/s", Group: group, State: state,
			Services: []*marketplacev1.AdoptedService{{PublicService: "publicServices/99"}}}, changed...)
	}
	implementation := func(ags, key string, phase municipalityv1.Implementation_Phase, changed ...string) change {
		name := "municipalities/" + ags + "/implementations/" + key
		return change{"implementation", []string{ags, key}, name, &municipalityv1.Implementation{Name: name, PublicService: "publicServices/" + key, Phase: phase, Solution: "solutions/s"}, changed}
	}
	solution := func(edit func(*marketplacev1.Solution), changed ...string) change {
		s := &marketplacev1.Solution{Name: "solutions/s", DisplayName: "Hund Online", Provider: "providers/p", Coverage: []*marketplacev1.Coverage{{PublicService: "publicServices/99"}},
			DataCentres: []string{"dataCentres/krz"}, Submitter: "municipalities/05758012", PromiseChanges: []*marketplacev1.PromiseChange{{OldDate: "2027-01-31", NewDate: "2027-03-31"}}}
		edit(s)
		return recorded("solution", s, changed...)
	}
	found := func(kind municipalityv1.Finding_Kind, ids ...string) *municipalityv1.FoundServices {
		return &municipalityv1.FoundServices{Kind: kind, PublicServices: ids}
	}
	findings := func(ags string, appeared ...*municipalityv1.FoundServices) change {
		known := append([]*municipalityv1.FoundServices{found(municipalityv1.Finding_KIND_UNTOUCHED, "98")}, appeared...)
		return recorded("finding", &municipalityv1.KnownFindings{Name: "municipalities/" + ags + "/findings", Known: known, Appeared: appeared}, "known", "appeared")
	}
	withdrawn, passed := municipalityv1.Finding_KIND_SOLUTION_WITHDRAWN, municipalityv1.Finding_KIND_TARGET_PASSED
	offered := "dataCentres/krz municipalities/05758000 municipalities/05758012 " + serviced + " providers/p"
	online, planned := municipalityv1.Implementation_PHASE_ONLINE, municipalityv1.Implementation_PHASE_PLANNED
	for name, c := range map[string]struct {
		commit []change
		want   []expected
	}{
		"a theme": {[]change{recorded("theme", &cataloguev1.Theme{Name: "themes/neu", DisplayName: "Neu"})},
			[]expected{{notificationv1.Event_KIND_CATALOGUE_REVISION, "themes/neu", 1, "Katalog: „Neu“ hat sich geändert", `Catalogue: "Neu" changed`, ""}}},
		"an import of the catalogue": {[]change{
			recorded("publicService", &cataloguev1.PublicService{Name: "publicServices/99", DisplayName: "Hundesteuer", OzgService: "ozgServices/10513"}),
			recorded("procedure", &cataloguev1.Procedure{Name: "procedures/001"}),
			recorded("succession", &cataloguev1.Succession{Name: "publicServices/98/succession", Successors: []string{"publicServices/99"}}),
			recorded("revision", &cataloguev1.CatalogueRevision{Name: "catalogueRevisions/7", Number: 7, Added: 12, Changed: 3, Withdrawn: 1})},
			[]expected{{notificationv1.Event_KIND_CATALOGUE_REVISION, "catalogueRevisions/7", 4, "Katalog, Stand 7: 12 neu, 3 geändert, 1 entfallen", "Catalogue, revision 7: 12 new, 3 changed, 1 withdrawn",
				"ozgServices/10513 procedures/001 publicServices/98 publicServices/98/succession publicServices/99 situations/umzug themes/bauen"}}},
		"a succession": {[]change{recorded("succession", &cataloguev1.Succession{Name: "publicServices/99/succession"})},
			[]expected{{notificationv1.Event_KIND_SUCCESSION, "publicServices/99/succession", 1, "Nachfolge von „Hundesteuer“ festgelegt", `What replaces "Hundesteuer" was decided`, serviced}}},
		"a relevance": {[]change{recorded("relevance", &cataloguev1.Relevance{Name: "ozgServices/10513/relevance"})},
			[]expected{{notificationv1.Event_KIND_RELEVANCE, "ozgServices/10513/relevance", 1, "Zuständigkeit für „Hundehaltung“ geändert", `Who owes "Hundehaltung" changed`, "ozgServices/10513 situations/umzug themes/bauen"}}},
		"a municipality that moves to another Kreis": {[]change{recorded("municipality", &municipalityv1.Municipality{Name: "municipalities/05758004", DisplayName: "Bünde", District: "municipalities/05999000"})},
			[]expected{{notificationv1.Event_KIND_MUNICIPALITY, "municipalities/05758004", 1, "Bünde: Stammdaten geändert", "Bünde: master data changed", "municipalities/05999000"}}},
		"a data centre": {[]change{recorded("dataCentre", &municipalityv1.DataCentre{Name: "dataCentres/krz", DisplayName: "krz neu"})},
			[]expected{{notificationv1.Event_KIND_MUNICIPALITY, "dataCentres/krz", 1, "krz neu: Stammdaten geändert", "krz neu: master data changed", ""}}},
		"implementations of two municipalities": {[]change{implementation("05758004", "99", planned, "note"), implementation("05758012", "99", planned, "note"), implementation("05758004", "98", planned, "note")},
			[]expected{
				{notificationv1.Event_KIND_IMPLEMENTATION, "municipalities/05758004/implementations/99", 2, "Bünde: 2 Umsetzungsstände geändert", "Bünde: 2 implementations changed",
					placed + " municipalities/05758004/implementations/98 publicServices/98 " + serviced + " " + solved},
				{notificationv1.Event_KIND_IMPLEMENTATION, "municipalities/05758012/implementations/99", 1, "Herford: Umsetzungsstand von „Hundesteuer“ geändert", `Herford: implementation of "Hundesteuer" changed`,
					"municipalities/05758000 municipalities/05758012 " + serviced + " " + solved}}},
		"a service goes online": {[]change{implementation("05758004", "99", online, "phase", "url")},
			[]expected{{notificationv1.Event_KIND_ONLINE, "municipalities/05758004/implementations/99", 1, "Bünde: „Hundesteuer“ ist online", `Bünde: "Hundesteuer" is online`, placed + " " + serviced + " " + solved}}},
		"a service that is online gets an address": {[]change{implementation("05758004", "99", online, "url")},
			[]expected{{notificationv1.Event_KIND_IMPLEMENTATION, "municipalities/05758004/implementations/99", 1, "Bünde: Umsetzungsstand von „Hundesteuer“ geändert", `Bünde: implementation of "Hundesteuer" changed`, placed + " " + serviced + " " + solved}}},
		"an implementation is deleted": {[]change{{"implementation", []string{"05758004", "99"}, "municipalities/05758004/implementations/99", nil, nil}},
			[]expected{{notificationv1.Event_KIND_IMPLEMENTATION, "municipalities/05758004/implementations/99", 1, "Bünde: Umsetzungsstand von „Hundesteuer“ gelöscht", `Bünde: implementation of "Hundesteuer" deleted`, placed + " " + serviced}}},
		"a plan": {[]change{recorded("plan", &municipalityv1.Plan{Name: "municipalities/05758004/plan"})},
			[]expected{{notificationv1.Event_KIND_PLAN, "municipalities/05758004/plan", 1, "Bünde: Umsetzungsplan geändert", "Bünde: plan changed", placed}}},
		"a portal": {[]change{recorded("portal", &municipalityv1.Portal{Name: "portals/b", DisplayName: "Serviceportal Bünde", Municipality: "municipalities/05758004"})},
			[]expected{{notificationv1.Event_KIND_PORTAL, "portals/b", 1, "Serviceportal Bünde geändert", "Serviceportal Bünde changed", placed}}},
		"findings of two municipalities appear": {[]change{
			findings("05758004", found(withdrawn, "97", "99"), found(passed, "99")),
			findings("05758012", found(passed, "99"))},
			[]expected{
				{notificationv1.Event_KIND_FINDING, "municipalities/05758004/findings", 1, "Bünde: 3 neue Auffälligkeiten: 2 × Lösung zurückgezogen, 1 × Zieltermin verstrichen",
					"Bünde: 3 new findings: 2 × solution withdrawn, 1 × target date passed", placed + " publicServices/97 " + serviced},
				{notificationv1.Event_KIND_FINDING, "municipalities/05758012/findings", 1, "Herford: neue Auffälligkeit bei „Hundesteuer“: Zieltermin verstrichen",
					`Herford: new finding for "Hundesteuer": target date passed`, "municipalities/05758000 municipalities/05758012 " + serviced}}},
		"findings go away":     {[]change{findings("05758004")}, nil},
		"what an adoption did": {[]change{{"adoptionEffect", []string{"a"}, "municipalities/05758004/adoptionEffects/a", &municipalityv1.AdoptionEffect{}, nil}}, nil},
		"a provider": {[]change{recorded("provider", &marketplacev1.Provider{Name: "providers/p", DisplayName: "Anbieterin"})},
			[]expected{{notificationv1.Event_KIND_PROVIDER, "providers/p", 1, "Anbieter „Anbieterin“ geändert", `Provider "Anbieterin" changed`, ""}}},
		"a solution": {[]change{solution(func(*marketplacev1.Solution) {}, "description")},
			[]expected{{notificationv1.Event_KIND_SOLUTION, "solutions/s", 1, "Lösung „Hund Online“ geändert", `Solution "Hund Online" changed`, offered}}},
		"a solution is published": {[]change{solution(func(s *marketplacev1.Solution) { s.State = marketplacev1.Solution_STATE_PUBLISHED }, "state")},
			[]expected{{notificationv1.Event_KIND_SOLUTION_PUBLISHED, "solutions/s", 1, "Neue Lösung im Marktplatz: „Hund Online“", `New solution in the marketplace: "Hund Online"`, offered}}},
		"a solution is withdrawn": {[]change{solution(func(s *marketplacev1.Solution) { s.State = marketplacev1.Solution_STATE_WITHDRAWN }, "state")},
			[]expected{{notificationv1.Event_KIND_SOLUTION_WITHDRAWN, "solutions/s", 1, "Lösung „Hund Online“ zurückgezogen", `Solution "Hund Online" withdrawn`, offered}}},
		"a promised date is put off": {[]change{solution(func(*marketplacev1.Solution) {}, "promised_date", "promise_changes")},
			[]expected{{notificationv1.Event_KIND_PROMISE, "solutions/s", 1, "„Hund Online“: zugesagter Termin verschoben, von 31.01.2027 auf 31.03.2027", `"Hund Online": promised date put off, from 2027-01-31 to 2027-03-31`, offered}}},
		"a promised date passes": {[]change{solution(func(s *marketplacev1.Solution) {
			s.PromiseChanges = append(s.PromiseChanges, &marketplacev1.PromiseChange{OldDate: "2027-03-31", NewDate: "2027-03-31", Missed: true})
		}, "promise_changes")},
			[]expected{{notificationv1.Event_KIND_PROMISE, "solutions/s", 1, "„Hund Online“: der zugesagte Termin ist verstrichen (31.03.2027)", `"Hund Online": the promised date passed (2027-03-31)`, offered}}},
		"a promised date comes nearer": {[]change{solution(func(s *marketplacev1.Solution) {
			s.PromiseChanges = append(s.PromiseChanges, &marketplacev1.PromiseChange{OldDate: "2027-03-31", NewDate: "2027-02-01"})
		}, "promised_date", "promise_changes")},
			[]expected{{notificationv1.Event_KIND_SOLUTION, "solutions/s", 1, "Lösung „Hund Online“ geändert", `Solution "Hund Online" changed`, offered}}},
		"a solution is delivered": {[]change{solution(func(s *marketplacev1.Solution) {
			s.PromiseChanges = append(s.PromiseChanges, &marketplacev1.PromiseChange{OldDate: "2027-03-31"})
		}, "promised_date", "promise_changes")},
			[]expected{{notificationv1.Event_KIND_SOLUTION, "solutions/s", 1, "Lösung „Hund Online“ geändert", `Solution "Hund Online" changed`, offered}}},
		"a solution is deleted": {[]change{deleted("solution", "solutions/s")},
			[]expected{{notificationv1.Event_KIND_SOLUTION, "solutions/s", 1, "„Hund Online“ gelöscht", `"Hund Online" deleted`, "providers/p"}}},
		"a project": {[]change{recorded("project", &marketplacev1.Project{Name: "projects/w", DisplayName: "Wohngeld digital", Theme: "themes/bauen", Lead: "dataCentres/krz",
			Participants: []*marketplacev1.Participant{{Member: "municipalities/05758004"}}, Solutions: []string{"solutions/s"}})},
			[]expected{{notificationv1.Event_KIND_PROJECT, "projects/w", 1, "Umsetzungsprojekt „Wohngeld digital“ geändert", `Project "Wohngeld digital" changed`, placed + " " + solved + " themes/bauen"}}},
		"a phase of a project slips": {[]change{recorded("project", &marketplacev1.Project{Name: "projects/w", DisplayName: "Wohngeld digital", Phases: []*marketplacev1.ProjectPhase{
			{Changes: []*marketplacev1.PromiseChange{{OldDate: "2026-01-01", NewDate: "2026-02-01", Time: timestamppb.New(testTime.Add(-time.Hour))}}},
			{Changes: []*marketplacev1.PromiseChange{{OldDate: "2027-01-01", NewDate: "2027-02-01", Time: timestamppb.New(testTime)}}}}}, "phases")},
			[]expected{{notificationv1.Event_KIND_PROMISE, "projects/w", 1, "Zugesagter Termin von „Wohngeld digital“ verschoben oder verstrichen", `A promised date of "Wohngeld digital" was put off or passed`, ""}}},
		"a phase slipped earlier": {[]change{recorded("project", &marketplacev1.Project{Name: "projects/w", DisplayName: "Wohngeld digital", Phases: []*marketplacev1.ProjectPhase{
			{Changes: []*marketplacev1.PromiseChange{{OldDate: "2026-01-01", NewDate: "2026-02-01", Time: timestamppb.New(testTime.Add(-time.Hour))}}}}}, "phases")},
			[]expected{{notificationv1.Event_KIND_PROJECT, "projects/w", 1, "Umsetzungsprojekt „Wohngeld digital“ geändert", `Project "Wohngeld digital" changed`, ""}}},
		"a question": {[]change{recorded("question", &marketplacev1.Question{Name: "questions/q", Title: "Mandantenfähig?", Subject: "solutions/s", Asker: "municipalities/05758012"})},
			[]expected{{notificationv1.Event_KIND_QUESTION, "questions/q", 1, "Neue Frage: „Mandantenfähig?“", `New question: "Mandantenfähig?"`, "municipalities/05758000 municipalities/05758012 " + solved}}},
		"an answer": {[]change{recorded("question", &marketplacev1.Question{Name: "questions/q", Title: "Mandantenfähig?", Subject: "projects/w"}, "answers")},
			[]expected{{notificationv1.Event_KIND_ANSWER, "questions/q", 1, "Antwort auf die Frage „Mandantenfähig?“", `Answer to the question "Mandantenfähig?"`, "projects/w themes/bauen"}}},
		"an adoption": {[]change{adoption("a", "05758004", "", marketplacev1.Adoption_STATE_OFFERED, "note")},
			[]expected{{notificationv1.Event_KIND_ADOPTION, "adoptions/a", 1, "Nachnutzung „Hund Online, Bünde“ geändert", `Adoption "Hund Online, Bünde" changed`, "contracts/c " + placed + " " + serviced + " " + solved}}},
		"an adoption moves": {[]change{adoption("a", "05758004", "", marketplacev1.Adoption_STATE_LIVE, "state", "transitions")},
			[]expected{{notificationv1.Event_KIND_ADOPTION_MOVED, "adoptions/a", 1, "Bünde: Nachnutzung von „Hund Online“: live", `Bünde: adoption of "Hund Online": live`, "contracts/c " + placed + " " + serviced + " " + solved}}},
		"a group adoption begins": {[]change{
			recorded("adoptionGroup", &marketplacev1.AdoptionGroup{Name: "adoptionGroups/g", DisplayName: "Hundesteuer OWL", Solution: "solutions/s", Coordinator: "dataCentres/krz"}),
			adoption("a", "05758004", "adoptionGroups/g", marketplacev1.Adoption_STATE_INTERESTED, "state"),
			{"adoptionTurn", []string{"05758004"}, "municipalities/05758004/adoptionTurn", nil, nil},
			adoption("b", "05758012", "adoptionGroups/g", marketplacev1.Adoption_STATE_INTERESTED, "state")},
			[]expected{{notificationv1.Event_KIND_ADOPTION_MOVED, "adoptions/a", 2, "Nachnutzung von „Hund Online“ in 2 Kommunen: Interesse bekundet", `Adoption of "Hund Online" in 2 municipalities: interested`,
				"adoptionGroups/g adoptions/b contracts/c municipalities/05758012 " + placed + " " + serviced + " " + solved}}},
		"a group adoption changes": {[]change{recorded("adoptionGroup", &marketplacev1.AdoptionGroup{Name: "adoptionGroups/g", DisplayName: "Hundesteuer OWL", Solution: "solutions/s"})},
			[]expected{{notificationv1.Event_KIND_ADOPTION, "adoptionGroups/g", 1, "Nachnutzung „Hundesteuer OWL“ geändert", `Adoption "Hundesteuer OWL" changed`, solved}}},
		"a contract": {[]change{recorded("contract", &marketplacev1.Contract{Name: "contracts/d", DisplayName: "Abruf", Provider: "providers/p", Framework: "contracts/c", Customer: "municipalities/05758004", Solutions: []string{"solutions/s"}})},
			[]expected{{notificationv1.Event_KIND_CONTRACT, "contracts/d", 1, "Vertrag „Abruf“ geändert", `Contract "Abruf" changed`, "contracts/c " + placed + " " + solved}}},
		"a contract reminds": {[]change{recorded("contract", &marketplacev1.Contract{Name: "contracts/c", DisplayName: "Rahmen Hund", Reminders: []*marketplacev1.ContractReminder{
			{Kind: marketplacev1.ContractReminder_KIND_ENDED, Date: "2020-01-01"}, {Kind: marketplacev1.ContractReminder_KIND_NOTICE_DUE, Date: "2027-03-31"}}}, "reminders")},
			[]expected{{notificationv1.Event_KIND_CONTRACT_REMINDER, "contracts/c", 1, "„Rahmen Hund“: Kündigung nur noch bis 31.03.2027", `"Rahmen Hund": notice possible until 2027-03-31 only`, ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			commit := commitOf(c.commit...)
			stream := ledger.Name{Origin: "krz", Service: serviceOfEntity(c.commit[0].entity)}
			events := small().entered(commit).happened(stream, commit)
			if len(events) != len(c.want) {
				t.Fatalf("%d events, want %d: %v", len(events), len(c.want), events)
			}
			for i, e := range events {
				check(t, e, c.want[i])
			}
		})
	}
}

func check(t *testing.T, e *notificationv1.Event, want expected) {
	t.Helper()
	topics := slices.Sorted(slices.Values(e.GetTopics()))
	wanted := slices.Compact(slices.Sorted(slices.Values(append(strings.Fields(want.topics), want.resource))))
	if e.GetKind() != want.kind || e.GetResource() != want.resource || e.GetCount() != want.count || e.GetSummaryDe() != want.de || e.GetSummaryEn() != want.en {
		t.Errorf("got %s %s %d %q %q\nwant %+v", e.GetKind(), e.GetResource(), e.GetCount(), e.GetSummaryDe(), e.GetSummaryEn(), want)
	}
	if !slices.Equal(topics, wanted) {
		t.Errorf("topics %v\nwant   %v", topics, wanted)
	}
	if !strings.HasPrefix(e.GetType(), "de.kompass.") || !strings.HasSuffix(e.GetType(), ".v1") || strings.Contains(e.GetType(), "..") || e.GetActor() != "a" {
		t.Errorf("type %q, actor %q", e.GetType(), e.GetActor())
	}
}

// TestEveryKind has a type and, unless its summary is made otherwise, a phrase; every entity has a kind.
func TestEveryKind(t *testing.T) {
	t.Parallel()
	for number, name := range notificationv1.Event_Kind_name {
		kind := notificationv1.Event_Kind(number)
		if (types[kind] == "") != (kind == notificationv1.Event_KIND_UNSPECIFIED) {
			t.Errorf("%s has the type %q", name, types[kind])
		}
	}
	if n := len(slices.Compact(slices.Sorted(maps.Values(types)))); n != len(types) {
		t.Errorf("%d types for %d kinds", n, len(types))
	}
	for kind, p := range phrases {
		for _, text := range []string{p.oneDE, p.manyDE, p.oneEN, p.manyEN} {
			if strings.Count(text, "%") != 1 {
				t.Errorf("%s: %q", kind, text)
			}
		}
	}
	for number, name := range marketplacev1.Adoption_State_name {
		if number != 0 && states[marketplacev1.Adoption_State(number)][0] == "" {
			t.Errorf("%s has no name", name)
		}
	}
	for number, name := range municipalityv1.Finding_Kind_name {
		if kind := municipalityv1.Finding_Kind(number); number != 0 && (findingNames[kind][0] == "" || findingNames[kind][1] == "") {
			t.Errorf("%s has no name", name)
		}
	}
	for number, name := range marketplacev1.ContractReminder_Kind_name {
		if reminded[marketplacev1.ContractReminder_Kind(number)][1] == "" {
			t.Errorf("%s has no text", name)
		}
	}
}

// TestLargeCommits makes one event of a catalogue, however large, with everything it concerns; of anything else as many as can
// tell all that they concern.
func TestLargeCommits(t *testing.T) {
	t.Parallel()
	var imported, places []change
	for i := range 9000 {
		id := strconv.Itoa(i)
		imported = append(imported, recorded("publicService", &cataloguev1.PublicService{Name: "publicServices/" + id, OzgService: "ozgServices/" + strconv.Itoa(i/15)}))
		places = append(places, recorded("municipality", &municipalityv1.Municipality{Name: "municipalities/" + id, District: "municipalities/k" + strconv.Itoa(i%400)}))
	}
	imported = append(imported, recorded("revision", &cataloguev1.CatalogueRevision{Name: "catalogueRevisions/1", Number: 1, Added: 9000}))
	commit := commitOf(imported...)
	events := emptyDirectory().entered(commit).happened(ledger.Name{Origin: "krz", Service: "catalogue"}, commit)
	if len(events) != 1 || events[0].GetCount() != 9001 || len(events[0].GetResources()) != maxResources || len(events[0].GetTopics()) != 9000+600+1 {
		t.Fatalf("%d events: %d, %d resources, %d topics", len(events), events[0].GetCount(), len(events[0].GetResources()), len(events[0].GetTopics()))
	}
	for _, topic := range []string{"ozgServices/599", "publicServices/0", "publicServices/8999"} {
		if !slices.Contains(events[0].GetTopics(), topic) {
			t.Errorf("%s is missing", topic)
		}
	}
	if size := proto.Size(events[0]); size > 1<<20 {
		t.Errorf("the event has %d bytes", size)
	}
	commit = commitOf(places...)
	ids, told := map[string]bool{}, map[string]bool{}
	for _, e := range emptyDirectory().entered(commit).happened(ledger.Name{Origin: "krz", Service: "municipality"}, commit) {
		ids[e.GetId()] = true
		for _, topic := range e.GetTopics() {
			told[topic] = true
		}
	}
	if len(ids) != 9 || len(told) != 9400 {
		t.Errorf("%d events concern %d resources", len(ids), len(told))
	}
}

// TestDirectory follows what is renamed, moved and deleted.
func TestDirectory(t *testing.T) {
	t.Parallel()
	d := small()
	gone := commitOf(deleted("solution", "solutions/s"))
	if got := d.entered(gone).nameOf("solutions/s"); got != "Hund Online" {
		t.Errorf("while it is deleted it is called %q", got)
	}
	if got := d.applied(gone).nameOf("solutions/s"); got != "solutions/s" {
		t.Errorf("after that %q", got)
	}
	back := append(gone, commitOf(recorded("solution", &marketplacev1.Solution{Name: "solutions/s", DisplayName: "Wieder da"}))...)
	if got := d.applied(back).nameOf("solutions/s"); got != "Wieder da" {
		t.Errorf("and when it comes again %q", got)
	}
	if got := d.nameOf("solutions/s"); got != "Hund Online" {
		t.Errorf("the directory before changed: %q", got)
	}
}
