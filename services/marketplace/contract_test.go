package marketplace_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// bazaar is a market with a data centre, two of its municipalities and one of another's, two solutions, and a framework
// agreement on the first of them.
func bazaar(tb testing.TB) *market {
	tb.Helper()
	m := stocked(tb)
	m.publish("municipality", "dataCentre", &municipalityv1.DataCentre{Name: "dataCentres/krz"}, &municipalityv1.DataCentre{Name: "dataCentres/sit"})
	var places []resource
	for ags, centre := range map[string]string{buende: "krz", herford: "krz", "05914000": "sit"} {
		place := municipality(ags, "Ort "+ags, small, 45000)
		place.DataCentre = "dataCentres/" + centre
		places = append(places, place)
	}
	m.publish("municipality", "municipality", places...)
	if _, err := m.CreateProvider(tb.Context(), &marketplacev1.CreateProviderRequest{ProviderId: "sit", Provider: &marketplacev1.Provider{DisplayName: "SIT"}}); err != nil {
		tb.Fatal(err)
	}
	for _, id := range []string{"hund", "katze"} {
		s := offer()
		s.PromisedDate = ""
		name := m.create(s, id).GetName()
		for _, v := range []string{"submit", "publish"} {
			if _, err := verbs[v](tb.Context(), m, name); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if _, err := m.contract("rahmen", frameworkContract()); err != nil {
		tb.Fatal(err)
	}
	return m
}

func (m *market) contract(id string, c *marketplacev1.Contract) (*marketplacev1.Contract, error) {
	return m.CreateContract(m.tb.Context(), &marketplacev1.CreateContractRequest{Contract: c, ContractId: id})
}

func frameworkContract() *marketplacev1.Contract {
	return &marketplacev1.Contract{
		DisplayName: "Rahmenvertrag Hundesteuer", Kind: marketplacev1.Contract_KIND_FRAMEWORK, Provider: "providers/krz", Customer: "dataCentres/krz",
		Solutions: []string{"solutions/hund"}, StartDate: "2026-01-01", EndDate: "2027-12-31", RenewalMonths: 12, NoticeMonths: 6, Reference: "R-1",
	}
}

func callOffContract() *marketplacev1.Contract {
	return &marketplacev1.Contract{
		DisplayName: "Einzelabruf Bünde", Kind: marketplacev1.Contract_KIND_CALL_OFF, Framework: "contracts/rahmen", Customer: "municipalities/" + buende,
		Solutions: []string{"solutions/hund"}, StartDate: "2026-02-01",
	}
}

func directContract() *marketplacev1.Contract {
	return &marketplacev1.Contract{
		DisplayName: "Einzelvertrag", Kind: marketplacev1.Contract_KIND_DIRECT, Provider: "providers/sit", Organisation: "Zweckverband Beispiel",
		Municipalities: []string{"municipalities/05914000"}, Solutions: []string{"solutions/katze"}, StartDate: "2026-01-01", NoticeMonths: 3,
	}
}

// TestContractRules: each violation names its field.
func TestContractRules(t *testing.T) {
	t.Parallel()
	m := bazaar(t)
	type contract = marketplacev1.Contract
	for name, c := range map[string]struct {
		base   *contract
		change func(*contract)
		want   string // "field: beginning of the German text", empty when it is accepted
	}{
		"framework":             {frameworkContract(), func(c *contract) { c.Reference = "" }, ""},
		"call-off":              {callOffContract(), func(*contract) {}, ""},
		"direct":                {directContract(), func(*contract) {}, ""},
		"outlasts":              {callOffContract(), func(c *contract) { c.EndDate = "2199-12-31" }, ""},
		"no name":               {directContract(), func(c *contract) { c.DisplayName = " " }, "contract.displayName: fehlt"},
		"no kind":               {directContract(), func(c *contract) { c.Kind, c.Organisation, c.Customer = 0, "", "municipalities/"+buende }, "contract.kind: fehlt"},
		"no framework":          {callOffContract(), func(c *contract) { c.Framework, c.Provider = "", "providers/krz" }, "contract.framework: fehlt"},
		"framework of another":  {directContract(), func(c *contract) { c.Framework = "contracts/rahmen" }, "contract.framework: gibt es nur"},
		"unknown framework":     {callOffContract(), func(c *contract) { c.Framework = "contracts/keiner" }, "contract.framework: „contracts/keiner“ gibt es nicht"},
		"other provider":        {callOffContract(), func(c *contract) { c.Provider = "providers/sit" }, "contract.provider: der Rahmenvertrag ist mit"},
		"solution not in it":    {callOffContract(), func(c *contract) { c.Solutions = []string{"solutions/hund", "solutions/katze"} }, "contract.solutions[1]: „solutions/katze“"},
		"starts before it":      {callOffContract(), func(c *contract) { c.StartDate = "2025-12-31" }, "contract.startDate: liegt vor dem Beginn des Rahmenvertrags am 01.01.2026"},
		"no provider":           {directContract(), func(c *contract) { c.Provider = "" }, "contract.provider: fehlt"},
		"unknown provider":      {directContract(), func(c *contract) { c.Provider = "providers/keiner" }, "contract.provider: „providers/keiner“"},
		"nobody orders":         {directContract(), func(c *contract) { c.Organisation = "" }, "contract.customer: fehlt, und"},
		"two order":             {directContract(), func(c *contract) { c.Customer = "municipalities/" + buende }, "contract.organisation: steht nicht neben"},
		"framework for outside": {frameworkContract(), func(c *contract) { c.Customer, c.Organisation, c.Reference = "", "Verband", "" }, "contract.organisation: gibt es nur"},
		"address":               {directContract(), func(c *contract) { c.Organisation = "a@example.org" }, "contract.organisation: nennt eine Rolle"},
		"unknown customer":      {callOffContract(), func(c *contract) { c.Customer = "dataCentres/keins" }, "contract.customer: „dataCentres/keins“"},
		"unknown municipality":  {directContract(), func(c *contract) { c.Municipalities = append(c.Municipalities, "municipalities/99999999") }, "contract.municipalities[1]: „"},
		"no solution":           {directContract(), func(c *contract) { c.Solutions = nil }, "contract.solutions: nennt keine"},
		"unknown solution":      {directContract(), func(c *contract) { c.Solutions = []string{"solutions/maus"} }, "contract.solutions[0]: „solutions/maus“"},
		"no start":              {directContract(), func(c *contract) { c.StartDate = "" }, "contract.startDate: fehlt"},
		"no day":                {directContract(), func(c *contract) { c.EndDate = "2027-02-30" }, "contract.endDate: ist kein Tag"},
		"for ever":              {directContract(), func(c *contract) { c.EndDate = "9999-12-31" }, "contract.endDate: liegt nicht zwischen"},
		"ends before it starts": {directContract(), func(c *contract) { c.EndDate = "2025-12-31" }, "contract.endDate: liegt vor dem Beginn am 01.01.2026"},
		"goes on without end":   {directContract(), func(c *contract) { c.RenewalMonths = 12 }, "contract.renewalMonths: braucht"},
		"reference taken":       {frameworkContract(), func(*contract) {}, "contract.reference: „R-1“ hat schon „contracts/rahmen“"},
		"price":                 {directContract(), func(c *contract) { c.Prices = []*marketplacev1.Price{{Basis: marketplacev1.Price_BASIS_PER_YEAR}} }, "contract.prices[0].amountCents: muss"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.change(c.base)
			created, err := m.CreateContract(t.Context(), &marketplacev1.CreateContractRequest{Contract: c.base, ContractId: "neu", ValidateOnly: true})
			if c.want == "" {
				if err != nil || created.GetKind() == marketplacev1.Contract_KIND_CALL_OFF && created.GetProvider() != "providers/krz" {
					t.Fatalf("%v, %v", created, err)
				}
				return
			}
			reason := "INVALID_FIELD"
			if strings.HasSuffix(c.want, "gibt es nicht") || strings.HasSuffix(c.want, "“") && strings.HasPrefix(name, "unknown") || name == "unknown municipality" {
				reason = "UNKNOWN_REFERENCE"
			}
			violations, _ := wantFault(t, err, codes.InvalidArgument, reason)
			if len(violations) != 1 || !strings.HasPrefix(violations[0], c.want) {
				t.Errorf("%q, want %q", violations, c.want)
			}
		})
	}
}

// TestFrameworkForSome: who may call off from a framework agreement that names municipalities.
func TestFrameworkForSome(t *testing.T) {
	t.Parallel()
	m := bazaar(t)
	f := frameworkContract()
	f.Municipalities, f.Reference = []string{"municipalities/" + buende}, "R-2"
	if _, err := m.contract("enger-rahmen", f); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		customer       string
		municipalities []string
		want           string
	}{
		{"municipalities/" + buende, nil, ""},
		{"municipalities/" + herford, nil, "contract.customer: "},
		{"municipalities/" + buende, []string{"municipalities/" + herford}, "contract.municipalities[0]: "},
		{"dataCentres/krz", nil, "contract.municipalities: fehlt"},
		{"dataCentres/krz", []string{"municipalities/" + buende}, ""},
	} {
		called := callOffContract()
		called.Framework, called.Customer, called.Municipalities = "contracts/enger-rahmen", c.customer, c.municipalities
		_, err := m.CreateContract(t.Context(), &marketplacev1.CreateContractRequest{Contract: called, ContractId: "neu", ValidateOnly: true})
		if c.want == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		violations, _ := wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD")
		if len(violations) != 1 || !strings.HasPrefix(violations[0], c.want) {
			t.Errorf("%v: %q", c, violations)
		}
	}
}

// under brings an adoption of Bünde under a contract.
func (m *market) under(contract string) string {
	m.tb.Helper()
	ctx := m.tb.Context()
	a, err := m.CreateAdoption(ctx, &marketplacev1.CreateAdoptionRequest{
		Adoption: &marketplacev1.Adoption{Municipality: "municipalities/" + buende, Solution: "solutions/hund"}, AdoptionId: "buende-hund",
	})
	if err == nil {
		_, err = m.MoveAdoption(ctx, &marketplacev1.MoveAdoptionRequest{Name: a.GetName(), State: marketplacev1.Adoption_STATE_OFFERED, Offer: &marketplacev1.AdoptionOffer{Conditions: "wie besprochen"}})
	}
	if err == nil {
		_, err = m.MoveAdoption(ctx, &marketplacev1.MoveAdoptionRequest{Name: a.GetName(), State: marketplacev1.Adoption_STATE_CONTRACTED, Contract: contract})
	}
	if err != nil {
		m.tb.Fatal(err)
	}
	return a.GetName()
}

// TestContractUnderUse: what hangs on a contract keeps it from changing under its feet.
func TestContractUnderUse(t *testing.T) {
	t.Parallel()
	m := bazaar(t)
	if _, err := m.contract("abruf", callOffContract()); err != nil {
		t.Fatal(err)
	}
	adoption := m.under("contracts/abruf")
	c, err := m.GetContract(t.Context(), &marketplacev1.GetContractRequest{Name: "contracts/abruf"})
	if err != nil || len(c.GetAdoptions()) != 1 || c.GetAdoptions()[0] != adoption || c.GetState() != marketplacev1.Contract_STATE_ACTIVE {
		t.Fatalf("%v, %v", c, err)
	}
	for want, update := range map[string]*marketplacev1.Contract{
		"contract.municipalities: „" + adoption:         {Name: "contracts/abruf", Customer: "municipalities/" + herford},
		"contract.endDate: „" + adoption:                {Name: "contracts/abruf", EndDate: "2026-03-01"},
		"contract.solutions: widerspricht dem Einzel":   {Name: "contracts/rahmen", Solutions: []string{"solutions/katze"}},
		"contract.provider: widerspricht dem Einzel":    {Name: "contracts/rahmen", Provider: "providers/sit"},
		"contract.startDate: widerspricht dem Einzel":   {Name: "contracts/rahmen", StartDate: "2026-02-02"},
		"contract.municipalities: widerspricht dem Ein": {Name: "contracts/rahmen", Municipalities: []string{"municipalities/" + herford}},
	} {
		_, err := m.UpdateContract(t.Context(), &marketplacev1.UpdateContractRequest{Contract: update})
		violations, _ := wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD")
		if len(violations) != 1 || !strings.HasPrefix(violations[0], want) {
			t.Errorf("%q, want %q", violations, want)
		}
	}
	for _, update := range []*marketplacev1.Contract{
		{Name: "contracts/abruf", Municipalities: []string{"municipalities/" + herford}},
		{Name: "contracts/abruf", EndDate: "2026-03-02"},
		{Name: "contracts/rahmen", Solutions: []string{"solutions/katze", "solutions/hund"}},
		{Name: "contracts/rahmen", Note: "neu"},
	} {
		if _, err := m.UpdateContract(t.Context(), &marketplacev1.UpdateContractRequest{Contract: update}); err != nil {
			t.Errorf("%v: %v", update, err)
		}
	}
	_, err = m.UpdateContract(t.Context(), &marketplacev1.UpdateContractRequest{Contract: &marketplacev1.Contract{Name: "contracts/rahmen", Kind: marketplacev1.Contract_KIND_DIRECT}})
	wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD_MASK")
}

// TestTerminate: notices keep their period, unless they are out of turn, and ends are ends of terms.
func TestTerminate(t *testing.T) {
	t.Parallel()
	m := bazaar(t)
	open, single := directContract(), directContract()
	single.EndDate = "2026-12-31"
	future := directContract()
	future.StartDate, future.EndDate, future.RenewalMonths = "2026-06-01", "2027-05-31", 12
	over := directContract()
	over.EndDate = "2026-02-28"
	for id, c := range map[string]*marketplacev1.Contract{"offen": open, "fest": single, "kommend": future, "vorbei": over} {
		if _, err := m.contract(id, c); err != nil {
			t.Fatal(err)
		}
	}
	type request = marketplacev1.TerminateContractRequest
	for _, c := range []struct {
		req  *request // its name without the collection; the day is 2026-03-02
		want string   // "notice date → end date", or the violation
	}{
		{&request{Name: "rahmen"}, "2026-03-02 → 2027-12-31"},
		{&request{Name: "rahmen", EndDate: "2028-12-31"}, "2026-03-02 → 2028-12-31"},
		{&request{Name: "rahmen", EndDate: "2028-12-30"}, "endDate: ist kein Ende einer Laufzeit; das nächste ist der 31.12.2028"},
		{&request{Name: "rahmen", EndDate: "2027-12-30"}, "endDate: die Kündigung vom 02.03.2026 kommt dafür zu spät; möglich ist frühestens der 31.12.2027"},
		{&request{Name: "rahmen", NoticeDate: "2026-03-03"}, "noticeDate: liegt in der Zukunft"},
		{&request{Name: "rahmen", NoticeDate: "2026-02-30"}, "noticeDate: ist kein Tag"},
		{&request{Name: "rahmen", EndDate: "2026-06-31"}, "endDate: ist kein Tag"},
		{&request{Name: "rahmen", Extraordinary: true}, "note: fehlt"},
		{&request{Name: "rahmen", Extraordinary: true, Note: "Insolvenz"}, "2026-03-02 → 2026-03-02"},
		{&request{Name: "rahmen", Extraordinary: true, Note: "Insolvenz", EndDate: "2026-03-31"}, "2026-03-02 → 2026-03-31"},
		{&request{Name: "rahmen", Extraordinary: true, Note: "Insolvenz", EndDate: "2026-03-01"}, "endDate: ist frühestens"},
		{&request{Name: "offen"}, "2026-03-02 → 2026-06-02"},
		{&request{Name: "offen", NoticeDate: "2025-11-30"}, "2025-11-30 → 2026-02-28"},
		{&request{Name: "offen", EndDate: "2026-06-01"}, "endDate: die Kündigung vom 02.03.2026 kommt"},
		{&request{Name: "offen", EndDate: "2026-07-15"}, "2026-03-02 → 2026-07-15"},
		{&request{Name: "fest"}, "extraordinary: der Vertrag endet am 31.12.2026 von selbst"},
		{&request{Name: "fest", Extraordinary: true, Note: "x", EndDate: "2027-01-01"}, "endDate: liegt nach dem Ende"},
		{&request{Name: "fest", Extraordinary: true, Note: "x"}, "2026-03-02 → 2026-03-02"},
		{&request{Name: "kommend"}, "2026-03-02 → 2027-05-31"},
		{&request{Name: "kommend", Extraordinary: true, Note: "x"}, "2026-03-02 → 2026-06-01"},
		{&request{Name: "vorbei"}, "endDate: der Vertrag endete am 28.02.2026"},
	} {
		c.req.Name, c.req.ValidateOnly = "contracts/"+c.req.Name, true
		done, err := m.TerminateContract(t.Context(), c.req)
		if !strings.Contains(c.want, "→") {
			reason, code := "INVALID_FIELD", codes.InvalidArgument
			if strings.Contains(c.want, ": die") || strings.Contains(c.want, ": der") {
				reason, code = "STATE_FORBIDS", codes.FailedPrecondition
			}
			violations, _ := wantFault(t, err, code, reason)
			if len(violations) != 1 || !strings.HasPrefix(violations[0], c.want) {
				t.Errorf("%v: %q", c.req, violations)
			}
			continue
		}
		if got := done.GetTermination().GetNoticeDate() + " → " + done.GetTermination().GetEndDate(); err != nil || got != c.want || done.GetTermination().GetActor() != "tester" {
			t.Errorf("%v: %v, %v", c.req, done.GetTermination(), err)
		}
	}
}

// TestTerminatedContract: it cannot be terminated again, and only note and documents still change.
func TestTerminatedContract(t *testing.T) {
	t.Parallel()
	m := bazaar(t)
	terminate := &marketplacev1.TerminateContractRequest{Name: "contracts/rahmen", RequestId: "t"}
	for range 2 { // the second repeats the first
		c, err := m.TerminateContract(t.Context(), terminate)
		if err != nil || c.GetState() != marketplacev1.Contract_STATE_TERMINATED || c.GetTermEndDate() != "2027-12-31" || c.GetNoticeDate() != "" {
			t.Fatalf("%v, %v", c, err)
		}
	}
	_, err := m.TerminateContract(t.Context(), &marketplacev1.TerminateContractRequest{Name: "contracts/rahmen", Extraordinary: true, Note: "x"})
	violations, meta := wantFault(t, err, codes.FailedPrecondition, "STATE_FORBIDS")
	if meta["state"] != "TERMINATED" || len(violations) != 1 || !strings.Contains(violations[0], "schon zum 31.12.2027 gekündigt") {
		t.Errorf("%q, %v", violations, meta)
	}
	c := proto.CloneOf(frameworkContract())
	c.Name, c.Note, c.NoticeMonths = "contracts/rahmen", "neu", 1
	_, err = m.UpdateContract(t.Context(), &marketplacev1.UpdateContractRequest{Contract: c})
	violations, _ = wantFault(t, err, codes.FailedPrecondition, "STATE_FORBIDS")
	if len(violations) != 1 || !strings.HasPrefix(violations[0], "contract.noticeMonths: bleibt") {
		t.Errorf("%q", violations)
	}
	c.NoticeMonths = 6
	if c, err = m.UpdateContract(t.Context(), &marketplacev1.UpdateContractRequest{Contract: c}); err != nil || c.GetNote() != "neu" {
		t.Error(err)
	}
}

// TestListContracts: what is derived on the day can be asked for.
func TestListContracts(t *testing.T) {
	t.Parallel()
	m := bazaar(t)
	for i, start := range []string{"2026-03-02", "2026-03-03"} {
		c := directContract()
		c.StartDate = start
		if _, err := m.contract(fmt.Sprintf("direkt-%d", i), c); err != nil {
			t.Fatal(err)
		}
	}
	for filter, want := range map[string]string{
		"":                     "direkt-0 direkt-1 rahmen",
		"state=UPCOMING":       "direkt-1",
		"notice_date<2028":     "rahmen",
		`kind=DIRECT`:          "direkt-0 direkt-1",
		`solutions:"katze"`:    "",
		`customer:dataCentres`: "rahmen",
	} {
		list, err := m.ListContracts(t.Context(), &marketplacev1.ListContractsRequest{Filter: filter})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range list.GetContracts() {
			got = append(got, strings.TrimPrefix(c.GetName(), "contracts/"))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q", filter, got)
		}
	}
}

// remindersAfter are the reminders of a contract as soon as there are so many.
func (m *market) remindersAfter(name string, count int, wait time.Duration) (noted []*marketplacev1.ContractReminder) {
	m.tb.Helper()
	for deadline := time.Now().Add(wait); len(noted) < count && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		c, err := m.GetContract(m.tb.Context(), &marketplacev1.GetContractRequest{Name: name})
		if err != nil {
			m.tb.Fatal(err)
		}
		noted = c.GetReminders()
	}
	return noted
}

// TestContractsRemindOnce: a reminder is one event, however many replicas watch the clock.
func TestContractsRemindOnce(t *testing.T) {
	t.Parallel()
	m := bazaar(t)
	serve(t, m.site) // a second replica, which watches, too
	over, soon := directContract(), directContract()
	over.EndDate, soon.EndDate, soon.RenewalMonths = "2026-03-01", "2026-06-30", 12 // its last day for a notice is 31 March
	for id, c := range map[string]*marketplacev1.Contract{"vorbei": over, "bald": soon} {
		if _, err := m.contract(id, c); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"contracts/vorbei": "KIND_ENDED 2026-03-01", "contracts/bald": "KIND_NOTICE_DUE 2026-03-31"} {
		noted := m.remindersAfter(name, 1, 20*time.Second)
		if len(noted) != 1 || noted[0].GetKind().String()+" "+noted[0].GetDate() != want || noted[0].GetTime() == nil {
			t.Errorf("%s: %v, want %s", name, noted, want)
		}
	}
	// A termination changes what it reminds of.
	if _, err := m.TerminateContract(t.Context(), &marketplacev1.TerminateContractRequest{Name: "contracts/bald", Extraordinary: true, Note: "x", EndDate: "2026-03-20"}); err != nil {
		t.Fatal(err)
	}
	noted := m.remindersAfter("contracts/bald", 2, 20*time.Second)
	if len(noted) != 2 || noted[1].GetKind() != marketplacev1.ContractReminder_KIND_ENDS_SOON || noted[1].GetDate() != "2026-03-20" {
		t.Fatalf("%v", noted)
	}
	time.Sleep(2500 * time.Millisecond) // two more ticks of both replicas
	if again := m.remindersAfter("contracts/bald", 3, time.Second); len(again) != 2 {
		t.Errorf("noted again: %v", again)
	}
	if quiet := m.remindersAfter("contracts/rahmen", 1, time.Millisecond); len(quiet) > 0 {
		t.Errorf("nothing is due: %v", quiet)
	}
}
