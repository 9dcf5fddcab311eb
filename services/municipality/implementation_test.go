package municipality

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

const (
	online        = municipalityv1.Implementation_PHASE_ONLINE
	planned       = municipalityv1.Implementation_PHASE_PLANNED
	notApplicable = municipalityv1.Implementation_PHASE_NOT_APPLICABLE
)

func TestUpdateImplementationRefuses(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	w.succeed(old, publicServices+dogTax)
	lemgo := func(key string) string { return implementationName("05766044", key) }
	for name, c := range map[string]struct {
		i      *municipalityv1.Implementation
		reason string
		fields []string
	}{
		"reason missing":     {&municipalityv1.Implementation{Name: lemgo(dogTax), Phase: notApplicable}, "INVALID_FIELD", []string{"implementation.notApplicableReason"}},
		"reason not allowed": {&municipalityv1.Implementation{Name: lemgo(dogTax), Phase: online, NotApplicableReason: "x"}, "INVALID_FIELD", []string{"implementation.notApplicableReason"}},
		"no such day":        {&municipalityv1.Implementation{Name: lemgo(dogTax), TargetDate: "2027-02-29"}, "INVALID_FIELD", []string{"implementation.targetDate"}},
		"level":              {&municipalityv1.Implementation{Name: lemgo(dogTax), Maturity: &municipalityv1.Maturity{Level: 5}}, "INVALID_FIELD", []string{"implementation.maturity.level"}},
		"address":            {&municipalityv1.Implementation{Name: lemgo(dogTax), Url: "ftp://x.example"}, "INVALID_FIELD", []string{"implementation.url"}},
		"no host":            {&municipalityv1.Implementation{Name: lemgo(dogTax), Url: "https://"}, "INVALID_FIELD", []string{"implementation.url"}},
		"unknown service":    {&municipalityv1.Implementation{Name: lemgo("99999999999999")}, "UNKNOWN_REFERENCE", []string{"implementation.name"}},
		"withdrawn service":  {&municipalityv1.Implementation{Name: lemgo(old)}, "STATE_FORBIDS", []string{"implementation.name"}},
		"unknown solution":   {&municipalityv1.Implementation{Name: lemgo(dogTax), Solution: "solutions/nichts"}, "UNKNOWN_REFERENCE", []string{"implementation.solution"}},
		"draft":              {&municipalityv1.Implementation{Name: lemgo(dogTax), Solution: "solutions/entwurf"}, "STATE_FORBIDS", []string{"implementation.solution"}},
		"unknown place":      {&municipalityv1.Implementation{Name: implementationName("01001000", dogTax)}, "RESOURCE_NOT_FOUND", nil},
		"bad name":           {&municipalityv1.Implementation{Name: "municipalities/05766044/implementations/1.2"}, "INVALID_FIELD", []string{"implementation.name"}},
		"old etag":           {&municipalityv1.Implementation{Name: lemgo(dogTax), Etag: "zz"}, "ETAG_MISMATCH", nil},
	} {
		_, err := w.client.UpdateImplementation(w.ctx, &municipalityv1.UpdateImplementationRequest{Implementation: c.i})
		if got, fields := reasonOf(err); got != c.reason || !slices.Equal(fields, c.fields) {
			t.Errorf("%s: got %s %v (%v)", name, got, fields, err)
		}
		if name == "withdrawn service" && !strings.Contains(err.Error()+detailsOf(err), dogTax) {
			t.Errorf("the successor is not named: %v", detailsOf(err))
		}
	}
	listed, err := w.client.ListImplementations(w.ctx, &municipalityv1.ListImplementationsRequest{Parent: "municipalities/05766044"})
	must(t, err)
	if listed.GetTotalSize() != 0 {
		t.Errorf("something was written: %v", listed)
	}
}

// TestMaturityIsJudgedAsItWouldBeStored: what an edit leaves out comes from what is recorded, before any rule looks.
func TestMaturityIsJudgedAsItWouldBeStored(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	type maturity = municipalityv1.Maturity
	for name, c := range map[string]struct {
		key    string
		before *maturity
		edit   *maturity
		mask   string
		want   *maturity // nil: refused
		blames string
	}{
		"a level into 2.0":            {dogTax, &maturity{Model: "2.0", Level: 5}, &maturity{Level: 6}, "maturity.level", &maturity{Model: "2.0", Level: 6}, ""},
		"a level into 1.1":            {waste, &maturity{Level: 3}, &maturity{Level: 5}, "maturity.level", nil, "implementation.maturity.level"},
		"level without model":         {marriage, &maturity{Model: "2.0", Level: 5}, &maturity{Level: 3}, "maturity", &maturity{Model: "2.0", Level: 3}, ""},
		"level without model or mask": {building, &maturity{Model: "2.0", Level: 5}, &maturity{Level: 6}, "", &maturity{Model: "2.0", Level: 6}, ""},
		"model that lacks the level":  {carPlates, &maturity{Model: "2.0", Level: 5}, &maturity{Model: "1.1"}, "maturity.model", nil, "implementation.maturity.level"},
		"nothing recorded":            {fishing, nil, &maturity{Level: 4}, "maturity.level", &maturity{Model: "1.1", Level: 4}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := &municipalityv1.Implementation{Name: implementationName("05766044", c.key)}
			if c.before != nil {
				w.patch(&municipalityv1.Implementation{Name: i.GetName(), Maturity: c.before})
			}
			i.Maturity = c.edit
			req := &municipalityv1.UpdateImplementationRequest{Implementation: i}
			if c.mask != "" {
				req.UpdateMask = &fieldmaskpb.FieldMask{Paths: []string{c.mask}}
			}
			after, err := w.client.UpdateImplementation(w.ctx, req)
			if c.want == nil {
				wantReason(t, err, "INVALID_FIELD", c.blames)
				return
			}
			must(t, err)
			if m := after.GetMaturity(); m.GetModel() != c.want.GetModel() || m.GetLevel() != c.want.GetLevel() {
				t.Errorf("maturity is %v", m)
			}
		})
	}
}

func TestReasonGoesWithItsPhase(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	name := implementationName("05766044", dogTax)
	i := w.patch(&municipalityv1.Implementation{Name: name, Phase: notApplicable, NotApplicableReason: "keine Hunde", Note: "bleibt"})
	after, err := w.client.UpdateImplementation(w.ctx, &municipalityv1.UpdateImplementationRequest{
		Implementation: &municipalityv1.Implementation{Name: name, Phase: planned, Etag: i.GetEtag()}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"phase"}},
	})
	must(t, err)
	if after.GetNotApplicableReason() != "" || after.GetNote() != "bleibt" || after.GetEtag() == i.GetEtag() {
		t.Errorf("after: %v", after)
	}
	same := w.patch(&municipalityv1.Implementation{Name: name, Phase: planned})
	if same.GetEtag() != after.GetEtag() {
		t.Error("a change of nothing was written")
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	name := implementationName("05766044", dogTax)
	with := func(header, value string) context.Context {
		return metadata.AppendToOutgoingContext(w.ctx, header, value)
	}
	update := func(ctx context.Context, note string, validateOnly bool) (*municipalityv1.Implementation, error) {
		return w.client.UpdateImplementation(ctx, &municipalityv1.UpdateImplementationRequest{
			Implementation: &municipalityv1.Implementation{Name: name, Note: note}, ValidateOnly: validateOnly})
	}
	_, err := update(with("if-match", `"1"`), "a", false)
	wantReason(t, err, "ETAG_MISMATCH")
	would, err := update(w.ctx, "a", true)
	must(t, err)
	if would.GetNote() != "a" || would.GetEtag() != "" {
		t.Errorf("would be %v", would)
	}
	_, err = w.client.GetImplementation(w.ctx, &municipalityv1.GetImplementationRequest{Name: name})
	wantReason(t, err, "RESOURCE_NOT_FOUND")
	for _, validateOnly := range []bool{true, false} {
		_, err = update(with("if-match", "*"), "a", validateOnly)
		wantReason(t, err, "ETAG_MISMATCH")
	}
	first, err := update(with("if-none-match", "*"), "a", false)
	must(t, err)
	_, err = update(with("if-none-match", "*"), "b", false)
	wantReason(t, err, "ETAG_MISMATCH")
	second, err := update(with("if-match", `"`+first.GetEtag()+`"`), "b", false)
	must(t, err)
	second, err = update(with("if-match", "*"), second.GetNote()+"b", false)
	must(t, err)
	_, err = update(with("if-match", `"`+first.GetEtag()+`"`), "c", false)
	wantReason(t, err, "ETAG_MISMATCH")
	_, err = w.client.DeleteImplementation(w.ctx, &municipalityv1.DeleteImplementationRequest{Name: name, Etag: first.GetEtag()})
	wantReason(t, err, "ETAG_MISMATCH")
	_, err = w.client.DeleteImplementation(w.ctx, &municipalityv1.DeleteImplementationRequest{Name: name, Etag: second.GetEtag()})
	must(t, err)
	_, err = w.client.GetImplementation(w.ctx, &municipalityv1.GetImplementationRequest{Name: name})
	wantReason(t, err, "RESOURCE_NOT_FOUND")
}

func TestRequestIDHasOneEffect(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	name := implementationName("05766044", dogTax)
	req := &municipalityv1.UpdateImplementationRequest{Implementation: &municipalityv1.Implementation{Name: name, Note: "eins"}, RequestId: "r-1"}
	first, err := w.client.UpdateImplementation(w.ctx, req)
	must(t, err)
	w.patch(&municipalityv1.Implementation{Name: name, Note: "zwei"})
	again, err := w.client.UpdateImplementation(w.ctx, req)
	must(t, err)
	if again.GetNote() != "zwei" || again.GetEtag() == first.GetEtag() {
		t.Errorf("the repetition had an effect: %v", again)
	}
	req.Implementation.Note = "drei"
	_, err = w.client.UpdateImplementation(w.ctx, req)
	wantReason(t, err, "REQUEST_ID_REUSED")
}

func TestBatchIsAtomic(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	one := func(key string, note string) *municipalityv1.UpdateImplementationRequest {
		return &municipalityv1.UpdateImplementationRequest{Implementation: &municipalityv1.Implementation{Name: implementationName("05766044", key), Note: note}}
	}
	bad := one(waste, "")
	bad.Implementation.TargetDate = "2027-04-31"
	batch := func(requests ...*municipalityv1.UpdateImplementationRequest) (*municipalityv1.BatchUpdateImplementationsResponse, error) {
		return w.client.BatchUpdateImplementations(w.ctx, &municipalityv1.BatchUpdateImplementationsRequest{Parent: "municipalities/05766044", Requests: requests})
	}
	_, err := batch(one(dogTax, "a"), bad)
	wantReason(t, err, "INVALID_FIELD", "requests[1].implementation.targetDate")
	_, err = batch(one(dogTax, "a"), one("99999999999999", ""))
	wantReason(t, err, "UNKNOWN_REFERENCE", "requests[1].implementation.name")
	_, err = batch(one(dogTax, "a"), one(dogTax, "b"))
	wantReason(t, err, "INVALID_FIELD", "requests[1].implementation.name")
	stranger := one(dogTax, "a")
	stranger.Implementation.Name = implementationName("05766020", dogTax)
	_, err = batch(stranger)
	wantReason(t, err, "INVALID_FIELD", "requests[0].implementation.name")
	if listed, _ := w.client.ListImplementations(w.ctx, &municipalityv1.ListImplementationsRequest{Parent: "municipalities/05766044"}); listed.GetTotalSize() != 0 {
		t.Fatalf("a refused batch wrote %v", listed)
	}
	answer, err := batch(one(dogTax, "a"), one(building, "b"), one(waste, "c"))
	must(t, err)
	var notes []string
	for _, i := range answer.GetImplementations() {
		notes = append(notes, i.GetNote())
	}
	if !slices.Equal(notes, []string{"a", "b", "c"}) {
		t.Errorf("answers: %v", notes)
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	name := implementationName("05766044", dogTax)
	w.patch(&municipalityv1.Implementation{Name: name, Phase: planned, TargetDate: "2027-01-01"})
	w.patch(&municipalityv1.Implementation{Name: name, Phase: online, AnnualCases: cases(7)})
	_, err := w.client.DeleteImplementation(w.ctx, &municipalityv1.DeleteImplementationRequest{Name: name})
	must(t, err)
	req := &municipalityv1.ListImplementationHistoryRequest{Name: name, PageSize: 2}
	page, err := w.client.ListImplementationHistory(w.ctx, req)
	must(t, err)
	if len(page.GetChanges()) != 2 || page.GetTotalSize() != 3 || page.GetChanges()[0].GetImplementation() != nil {
		t.Fatalf("first page: %v", page)
	}
	second := page.GetChanges()[1]
	if !slices.Equal(second.GetChangedFields(), []string{"phase", "annualCases"}) || second.GetImplementation().GetPhase() != online ||
		second.GetActor() != "administrator" || !second.GetTime().AsTime().Equal(testDay) || second.GetRequestId() == "" {
		t.Errorf("second change: %v", second)
	}
	req.PageToken = page.GetNextPageToken()
	page, err = w.client.ListImplementationHistory(w.ctx, req)
	must(t, err)
	if len(page.GetChanges()) != 1 || page.GetNextPageToken() != "" || page.GetChanges()[0].GetImplementation().GetPhase() != planned {
		t.Errorf("second page: %v", page)
	}
	_, err = w.client.ListImplementationHistory(w.ctx, &municipalityv1.ListImplementationHistoryRequest{Name: implementationName("05766044", waste)})
	wantReason(t, err, "RESOURCE_NOT_FOUND")
}

// TestNoUpdateIsLost lets 16 writers count up one field, each on the version that it read.
func TestNoUpdateIsLost(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	name := implementationName("05766044", dogTax)
	w.patch(&municipalityv1.Implementation{Name: name, AnnualCases: cases(0)})
	const writers, each = 16, 5
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range each {
				for {
					i, err := w.client.GetImplementation(w.ctx, &municipalityv1.GetImplementationRequest{Name: name})
					if err != nil {
						t.Error(err)
						return
					}
					_, err = w.client.UpdateImplementation(w.ctx, &municipalityv1.UpdateImplementationRequest{
						Implementation: &municipalityv1.Implementation{Name: name, Etag: i.GetEtag(), AnnualCases: cases(i.GetAnnualCases() + 1)}})
					if err == nil {
						break
					}
					if reason, _ := reasonOf(err); reason != "ETAG_MISMATCH" && reason != "CONCURRENT_CHANGE" {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	group.Wait()
	i, err := w.client.GetImplementation(w.ctx, &municipalityv1.GetImplementationRequest{Name: name})
	must(t, err)
	if i.GetAnnualCases() != writers*each {
		t.Errorf("counted %d, want %d", i.GetAnnualCases(), writers*each)
	}
}

// TestWhatWasRecordedStaysEditable: a withdrawn solution or service does not lock what was recorded on it.
func TestWhatWasRecordedStaysEditable(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	name := implementationName("05766044", dogTax)
	w.patch(&municipalityv1.Implementation{Name: name, Phase: planned, Solution: "solutions/hundesteuer-online"})
	gone := solution("hundesteuer-online", "Hundesteuer online", nil)
	gone.State = marketplacev1.Solution_STATE_WITHDRAWN
	w.publish("marketplace", gone)
	withdrawn := service(dogTax, "Hundesteuer (alt)", "ozgServices/10291")
	withdrawn.State = cataloguev1.EntryState_ENTRY_STATE_WITHDRAWN
	w.publish("catalogue", withdrawn)
	i := w.patch(&municipalityv1.Implementation{Name: name, Note: "abgelöst"})
	if !i.GetSolutionWithdrawn() || i.GetNote() != "abgelöst" || i.GetDisplayName() != "Hundesteuer (alt)" {
		t.Errorf("after both are withdrawn: %v", i)
	}
}
