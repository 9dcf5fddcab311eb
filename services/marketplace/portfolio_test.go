package marketplace_test

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

const (
	district = commonv1.SizeClass_SIZE_CLASS_KREIS
	middle   = commonv1.SizeClass_SIZE_CLASS_MITTLERE_KREISANGEHOERIGE_STADT
	owed     = cataloguev1.Obligation_OBLIGATION_OWED
	notOwed  = cataloguev1.Obligation_OBLIGATION_NOT_OWED
	vehicle  = "99036008001000"
	waste    = "99001003000000"
	register = "99115005104000"
	lapsed   = "99999999999999"
)

// region is a Kreis with three municipalities that owe a few services and have some of them.
func region(t *testing.T) *market {
	m := open(t)
	gone := publicService(lapsed, "Gibt es nicht mehr", "10001")
	gone.State = cataloguev1.EntryState_ENTRY_STATE_WITHDRAWN
	m.publish("catalogue", "ozgService", &cataloguev1.OzgService{Name: "ozgServices/10001", Theme: "themes/steuern-zoll"})
	m.publish("catalogue", "publicService", publicService(dogTax, "Hundesteuer Anmeldung", "10001"), publicService(building, "Baugenehmigung Erteilung", ""),
		publicService(vehicle, "Kfz-Zulassung", ""), publicService(waste, "Äste und Grünschnitt", ""), publicService(register, "Meldebescheinigung", ""), gone)
	m.publish("catalogue", "relevance",
		relevance("ozgServices/10001", rule(small, owed), rule(middle, owed)),
		relevance("publicServices/"+building, rule(district, owed), rule(middle, owed), rule(small, notOwed)),
		relevance("publicServices/"+vehicle, rule(district, owed)),
		relevance("publicServices/"+waste, rule(small, owed)),
		relevance("publicServices/"+register, rule(small, owed), rule(middle, owed)))
	m.publish("municipality", "municipality",
		municipality("05758000", "Herford, Kreis", district, 250000), municipality(buende, "Bünde", middle, 45000),
		municipality("05758016", "Hiddenhausen", small, 19000), municipality("05758020", "Kirchlengern", small, 16000),
		municipality("05758099", "Noch zu klären", commonv1.SizeClass_SIZE_CLASS_UNSPECIFIED, 1))
	below := implementation(buende, dogTax, municipalityv1.Implementation_PHASE_ONLINE)
	below.Maturity, below.AnnualCases = &municipalityv1.Maturity{Model: "1.1", Level: 2}, proto.Int64(700)
	planned := implementation("05758020", dogTax, municipalityv1.Implementation_PHASE_PLANNED)
	planned.AnnualCases = proto.Int64(300)
	m.publish("municipality", "implementation", below, planned,
		implementation("05758016", dogTax, municipalityv1.Implementation_PHASE_ONLINE),
		implementation(buende, building, municipalityv1.Implementation_PHASE_NOT_APPLICABLE),
		implementation("05758000", vehicle, municipalityv1.Implementation_PHASE_ONLINE))
	return m
}

// gaps are the portfolio gaps, a line each.
func (m *market) gaps(filter string) (lines []string) {
	m.tb.Helper()
	req := &marketplacev1.ListPortfolioGapsRequest{PageSize: 1, Filter: filter}
	for {
		page, err := m.ListPortfolioGaps(m.tb.Context(), req)
		if err != nil {
			m.tb.Fatal(err)
		}
		for _, g := range page.GetPortfolioGaps() {
			lines = append(lines, fmt.Sprintf("%d of %d: %s (%s%s) municipalities %d cases %d population %d",
				g.GetRank(), page.GetTotalSize(), g.GetDisplayName(), g.GetOzgService(), g.GetTheme(), g.GetMunicipalities(), g.GetAnnualCases(), g.GetPopulation()))
		}
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			return lines
		}
	}
}

func (m *market) wantGaps(t *testing.T, filter string, want ...string) {
	t.Helper()
	if got := m.gaps(filter); !slices.Equal(got, want) {
		t.Errorf("gaps are\n%q\nwant\n%q", got, want)
	}
}

// TestPortfolioGaps holds a region to the list that a person would write down for it.
func TestPortfolioGaps(t *testing.T) {
	t.Parallel()
	m := region(t)
	m.wantGaps(t, "",
		"1 of 4: Meldebescheinigung () municipalities 3 cases 0 population 80000",
		"2 of 4: Hundesteuer Anmeldung (ozgServices/10001themes/steuern-zoll) municipalities 2 cases 1000 population 61000",
		"3 of 4: Äste und Grünschnitt () municipalities 2 cases 0 population 35000",
		"4 of 4: Baugenehmigung Erteilung () municipalities 1 cases 0 population 250000")
	m.wantGaps(t, "annual_cases > 0", "2 of 1: Hundesteuer Anmeldung (ozgServices/10001themes/steuern-zoll) municipalities 2 cases 1000 population 61000")

	// A draft closes nothing; published it closes the gap of the classes it is for; withdrawn the gap is back.
	s := offer()
	s.Provider, s.SizeClasses = "", []commonv1.SizeClass{small}
	s.Coverage = []*marketplacev1.Coverage{{PublicService: "publicServices/" + register}, {PublicService: "publicServices/" + waste}}
	name := m.create(s, "s").GetName()
	before := m.gaps("")
	for _, verb := range []string{"submit", "publish"} {
		if _, err := verbs[verb](t.Context(), m, name); err != nil {
			t.Fatal(err)
		}
	}
	m.wantGaps(t, "",
		"1 of 3: Hundesteuer Anmeldung (ozgServices/10001themes/steuern-zoll) municipalities 2 cases 1000 population 61000",
		"2 of 3: Baugenehmigung Erteilung () municipalities 1 cases 0 population 250000",
		"3 of 3: Meldebescheinigung () municipalities 1 cases 0 population 45000")
	if _, err := verbs["withdraw"](t.Context(), m, name); err != nil {
		t.Fatal(err)
	}
	m.wantGaps(t, "", before...)

	_, err := m.ListPortfolioGaps(t.Context(), &marketplacev1.ListPortfolioGapsRequest{PageToken: "x"})
	wantFault(t, err, codes.InvalidArgument, "INVALID_PAGE_TOKEN")
}
