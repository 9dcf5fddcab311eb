package marketplace

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
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

// scene is the whole truth of a test, by resource name, from which the naive computation reads; world must follow it.
type scene struct {
	world     world
	sequence  uint64
	replaying bool // as if nobody had seen the world yet

	services        map[string]*cataloguev1.PublicService
	bundles         map[string]*cataloguev1.OzgService
	rules           map[string]*cataloguev1.Relevance
	places          map[string]*municipalityv1.Municipality
	implementations map[string]*municipalityv1.Implementation
	solutions       map[string]*marketplacev1.Solution
}

func newScene() *scene {
	return &scene{
		world: emptyWorld(), services: map[string]*cataloguev1.PublicService{}, bundles: map[string]*cataloguev1.OzgService{},
		rules: map[string]*cataloguev1.Relevance{}, places: map[string]*municipalityv1.Municipality{},
		implementations: map[string]*municipalityv1.Implementation{}, solutions: map[string]*marketplacev1.Solution{},
	}
}

// entry is a record of the entity; nil is a tombstone.
func (s *scene) entry(token, resource string, entity proto.Message) ledger.Entry {
	s.sequence++
	return ledger.Entry{
		Subject: "kompass.test.service." + token + ".id", Sequence: s.sequence, Visible: s.sequence,
		Record: &ledgerv1.Record{Resource: resource, Deleted: entity == nil}, Entity: entity,
	}
}

func (s *scene) apply(tb interface{ Fatal(...any) }, service string, batch ...ledger.Entry) {
	w, err := apply(s.world, ledger.Name{Origin: "test", Service: service}, batch, s.replaying)
	if err != nil {
		tb.Fatal(err)
	}
	s.world = w
}

// naive is the definition of a portfolio gap, read literally: every place times every service.
func (s *scene) naive() []*marketplacev1.PortfolioGap {
	var gaps []*marketplacev1.PortfolioGap
	for name, service := range s.services {
		gap := &marketplacev1.PortfolioGap{
			PublicService: name, DisplayName: service.GetDisplayName(), OzgService: service.GetOzgService(),
			Theme: s.bundles[service.GetOzgService()].GetTheme(),
		}
		for ags, place := range s.places {
			i := s.implementations[ags+"/implementations/"+strings.TrimPrefix(name, "publicServices/")]
			if s.owes(service, place.GetSizeClass()) && !s.offered(name, place) && !settled(i) {
				gap.Municipalities++
				gap.AnnualCases += i.GetAnnualCases()
				gap.Population += place.GetPopulation()
			}
		}
		if gap.GetMunicipalities() > 0 {
			gaps = append(gaps, gap)
		}
	}
	slices.SortFunc(gaps, func(a, b *marketplacev1.PortfolioGap) int {
		return cmp.Or(cmp.Compare(b.GetMunicipalities(), a.GetMunicipalities()), cmp.Compare(b.GetAnnualCases(), a.GetAnnualCases()),
			cmp.Compare(a.GetDisplayName(), b.GetDisplayName()), cmp.Compare(a.GetPublicService(), b.GetPublicService()))
	})
	for i, gap := range gaps {
		gap.Rank = int32(i) + 1
	}
	return gaps
}

func (s *scene) owes(service *cataloguev1.PublicService, class commonv1.SizeClass) bool {
	if service.GetState() == cataloguev1.EntryState_ENTRY_STATE_WITHDRAWN {
		return false
	}
	for _, about := range []string{service.GetName(), service.GetOzgService()} {
		for _, rule := range s.rules[about].GetRules() {
			if rule.GetSizeClass() == class {
				return rule.GetObligation() == cataloguev1.Obligation_OBLIGATION_OWED
			}
		}
	}
	return false
}

func (s *scene) offered(service string, place *municipalityv1.Municipality) bool {
	for _, solution := range s.solutions {
		classes, named := solution.GetSizeClasses(), solution.GetMunicipalities()
		fits := len(classes)+len(named) == 0 || slices.Contains(classes, place.GetSizeClass()) || slices.Contains(named, place.GetName())
		if solution.GetState() == published && fits && slices.ContainsFunc(solution.GetCoverage(), func(c *marketplacev1.Coverage) bool {
			return c.GetPublicService() == service && c.GetStatus() != marketplacev1.Coverage_STATUS_DISCONTINUED &&
				(c.GetStatus() != marketplacev1.Coverage_STATUS_PLANNED || solution.GetPromisedDate() != "")
		}) {
			return true
		}
	}
	return false
}

func settled(i *municipalityv1.Implementation) bool {
	switch i.GetPhase() {
	case municipalityv1.Implementation_PHASE_NOT_APPLICABLE:
		return true
	case municipalityv1.Implementation_PHASE_ONLINE:
		return i.GetMaturity() == nil || i.GetMaturity().GetLevel() >= 3
	}
	return false
}

// TestPortfolioGapsAreWhatTheyAreDefinedAs lets random histories of all three streams grow and compares after every batch.
func TestPortfolioGapsAreWhatTheyAreDefinedAs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newScene()
		s.replaying = rapid.Bool().Draw(t, "replaying")
		for range rapid.IntRange(1, 12).Draw(t, "batches") {
			switch rapid.IntRange(0, 2).Draw(t, "stream") {
			case 0:
				s.apply(t, catalogueStream, batchOf(t, s.drawCatalogue)...)
			case 1:
				s.apply(t, municipalityStream, batchOf(t, s.drawMunicipality)...)
			case 2:
				s.apply(t, ownStream, batchOf(t, s.drawSolution)...)
			}
			got, want := s.world.gaps(), s.naive()
			if !slices.EqualFunc(got, want, func(a, b *marketplacev1.PortfolioGap) bool { return proto.Equal(a, b) }) {
				t.Fatalf("gaps are\n%v\nwant\n%v", got, want)
			}
			s.checkUsers(t)
		}
	})
}

func (s *scene) checkUsers(t *rapid.T) {
	for _, solution := range s.world.solutionList() {
		users := map[string]bool{}
		for name, i := range s.implementations {
			if ags, _, _ := strings.Cut(name, "/implementations/"); i.GetSolution() == solution.GetName() && s.places[ags] != nil {
				users[ags] = true
			}
		}
		if int(solution.GetUserCount()) != len(users) {
			t.Fatalf("%s has %d users, want %d", solution.GetName(), solution.GetUserCount(), len(users))
		}
	}
}

func batchOf(t *rapid.T, draw func(*rapid.T) ledger.Entry) []ledger.Entry {
	return rapid.SliceOfN(rapid.Custom(draw), 1, 12).Draw(t, "batch")
}

func oneOf(t *rapid.T, label, pattern string, n int) string {
	return fmt.Sprintf(pattern, rapid.IntRange(0, n-1).Draw(t, label))
}

func drawClass(t *rapid.T) commonv1.SizeClass {
	return commonv1.SizeClass(rapid.Int32Range(0, 3).Draw(t, "class"))
}

func (s *scene) drawCatalogue(t *rapid.T) ledger.Entry {
	ozg := oneOf(t, "ozg", "ozgServices/1000%d", 2)
	service := oneOf(t, "service", "publicServices/9900000000000%d", 5)
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0, 1:
		e := &cataloguev1.PublicService{
			Name: service, DisplayName: rapid.SampledFrom([]string{"Abfall", "Bau", "Chemie"}).Draw(t, "name"),
			State: cataloguev1.EntryState(rapid.Int32Range(1, 2).Draw(t, "state")), OzgService: rapid.SampledFrom([]string{"", ozg}).Draw(t, "bundle"),
		}
		s.services[service] = e
		return s.entry("publicService", service, e)
	case 2:
		e := &cataloguev1.OzgService{Name: ozg, Theme: oneOf(t, "theme", "themes/t%d", 3)}
		s.bundles[ozg] = e
		return s.entry("ozgService", ozg, e)
	}
	about := rapid.SampledFrom([]string{ozg, service}).Draw(t, "about")
	r := &cataloguev1.Relevance{Name: about + "/relevance"}
	for class := int32(1); class <= 3; class++ {
		if o := rapid.Int32Range(0, 3).Draw(t, "obligation"); o > 0 {
			r.Rules = append(r.Rules, &cataloguev1.ClassRule{SizeClass: commonv1.SizeClass(class), Obligation: cataloguev1.Obligation(o)})
		}
	}
	s.rules[about] = r
	return s.entry("relevance", r.GetName(), r)
}

func (s *scene) drawMunicipality(t *rapid.T) ledger.Entry {
	ags := oneOf(t, "ags", "municipalities/0575800%d", 4)
	if rapid.Bool().Draw(t, "place") {
		e := &municipalityv1.Municipality{Name: ags, SizeClass: drawClass(t), Population: rapid.Int64Range(0, 1000).Draw(t, "population")}
		s.places[ags] = e
		return s.entry("municipality", ags, e)
	}
	name := ags + "/implementations/" + oneOf(t, "key", "9900000000000%d", 5)
	if rapid.IntRange(0, 4).Draw(t, "deleted") == 0 {
		delete(s.implementations, name)
		return s.entry("implementation", name, nil)
	}
	e := &municipalityv1.Implementation{
		Name: name, Phase: municipalityv1.Implementation_Phase(rapid.Int32Range(0, 5).Draw(t, "phase")),
		AnnualCases: proto.Int64(rapid.Int64Range(0, 50).Draw(t, "cases")), Solution: rapid.SampledFrom([]string{"", "solutions/s0", "solutions/s1"}).Draw(t, "solution"),
	}
	if rapid.Bool().Draw(t, "measured") {
		e.Maturity = &municipalityv1.Maturity{Level: rapid.Int32Range(0, 4).Draw(t, "level")}
	}
	s.implementations[name] = e
	return s.entry("implementation", name, e)
}

func (s *scene) drawSolution(t *rapid.T) ledger.Entry {
	e := &marketplacev1.Solution{
		Name:  oneOf(t, "id", "solutions/s%d", 3),
		State: rapid.SampledFrom([]marketplacev1.Solution_State{draft, published, withdrawn}).Draw(t, "state"),

		PromisedDate: rapid.SampledFrom([]string{"", "2020-01-01"}).Draw(t, "promised"),
	}
	if class := drawClass(t); class != 0 {
		e.SizeClasses = append(e.SizeClasses, class)
	}
	for i := range 5 {
		if rapid.IntRange(0, 3).Draw(t, "named") == 0 {
			e.Municipalities = append(e.Municipalities, fmt.Sprintf("municipalities/0575800%d", i))
		}
		if rapid.Bool().Draw(t, "covers") {
			e.Coverage = append(e.Coverage, &marketplacev1.Coverage{
				PublicService: fmt.Sprintf("publicServices/9900000000000%d", i),
				Status:        marketplacev1.Coverage_Status(rapid.Int32Range(0, 4).Draw(t, "status")),
			})
		}
	}
	s.solutions[e.GetName()] = e
	return s.entry("solution", e.GetName(), e)
}

// TestApplyLeavesTheStateBeforeAsItIs is what makes snapshots safe to read.
func TestApplyLeavesTheStateBeforeAsItIs(t *testing.T) {
	t.Parallel()
	s := newScene()
	s.apply(t, catalogueStream,
		s.entry("publicService", "publicServices/99000000000001", &cataloguev1.PublicService{Name: "publicServices/99000000000001"}),
		s.entry("relevance", "publicServices/99000000000001/relevance", &cataloguev1.Relevance{Rules: []*cataloguev1.ClassRule{
			{SizeClass: commonv1.SizeClass_SIZE_CLASS_KREIS, Obligation: cataloguev1.Obligation_OBLIGATION_OWED},
		}}))
	s.apply(t, municipalityStream, s.entry("municipality", "municipalities/05758000", &municipalityv1.Municipality{SizeClass: commonv1.SizeClass_SIZE_CLASS_KREIS}))
	const name = "municipalities/05758000/implementations/99000000000001"
	s.apply(t, municipalityStream, s.entry("implementation", name, &municipalityv1.Implementation{Phase: municipalityv1.Implementation_PHASE_PLANNED}))
	before := s.world
	s.apply(t, municipalityStream, s.entry("implementation", name, &municipalityv1.Implementation{Phase: municipalityv1.Implementation_PHASE_ONLINE}))
	if len(before.gaps()) != 1 || len(s.world.gaps()) != 0 {
		t.Errorf("before %v, after %v", before.gaps(), s.world.gaps())
	}
	if _, err := apply(before, ledger.Name{Origin: "test", Service: ownStream}, []ledger.Entry{s.entry("adoption", "adoptions/1", &marketplacev1.Provider{})}, false); err == nil {
		t.Error("an unknown kind of entity in the own stream must stop the replica")
	}
	if _, err := apply(before, ledger.Name{Origin: "test", Service: ownStream}, []ledger.Entry{s.entry("solution", "solutions/1", &marketplacev1.Provider{})}, false); err == nil {
		t.Error("an entity of the wrong type must stop the replica")
	}
}

// TestEqualGapsComeInGermanOrder sorts Ä beside A; among equal names the resource name decides.
func TestEqualGapsComeInGermanOrder(t *testing.T) {
	t.Parallel()
	s := newScene()
	for i, name := range []string{"Zaun", "Übermittlung", "Äste", "Arbeit", "Äste", "Bau"} {
		resource := fmt.Sprintf("publicServices/9900000000000%d", 9-i)
		s.apply(t, catalogueStream, s.entry("publicService", resource, &cataloguev1.PublicService{DisplayName: name}),
			s.entry("relevance", resource+"/relevance", &cataloguev1.Relevance{Rules: []*cataloguev1.ClassRule{
				{SizeClass: commonv1.SizeClass_SIZE_CLASS_KREIS, Obligation: cataloguev1.Obligation_OBLIGATION_OWED},
			}}))
	}
	s.apply(t, municipalityStream, s.entry("municipality", "municipalities/05758000", &municipalityv1.Municipality{SizeClass: commonv1.SizeClass_SIZE_CLASS_KREIS}))
	var names []string
	for _, g := range s.world.gaps() {
		names = append(names, g.GetDisplayName()+g.GetPublicService()[len("publicServices/9900000000000"):])
	}
	if got := strings.Join(names, " "); got != "Arbeit6 Äste5 Äste7 Bau4 Übermittlung8 Zaun9" {
		t.Errorf("order is %s", got)
	}
}
