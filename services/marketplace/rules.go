package marketplace

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/maturity"
	"kompass.krz.de/services/platform/promises"
)

// checkProvider says what a provider lacks.
func checkProvider(p *marketplacev1.Provider) error {
	if strings.TrimSpace(p.GetDisplayName()) == "" {
		return fault.New(fault.InvalidField).Field("provider.display_name", missingDE, missingEN)
	}
	return nil
}

const (
	missingDE = "fehlt"
	missingEN = "is missing"
)

// checkSolution says what is wrong with a solution in itself: in every state its promised date must be a day of the
// calendar and its models must have the levels of its coverage; from its submission on it needs a name, a kind and something that it covers. prefix is the path of the
// solution in the request, "" when the request only names it.
func checkSolution(s *marketplacev1.Solution, prefix string) error {
	bad := fault.New(fault.InvalidField)
	wrong := false
	blame := func(field, de, en string) {
		bad = bad.Field(prefix+field, de, en)
		wrong = true
	}
	checkDay("promised_date", s.GetPromisedDate(), blame)
	for i, c := range s.GetCoverage() {
		if field, de, en := maturity.Check(c.GetMaturity()); field != "" {
			blame(fmt.Sprintf("coverage[%d].maturity.%s", i, field), de, en)
		}
	}
	checkOffer(s, blame)
	if complete(s.GetState()) {
		if strings.TrimSpace(s.GetDisplayName()) == "" {
			blame("display_name", missingDE, missingEN)
		}
		if s.GetKind() == marketplacev1.Solution_KIND_UNSPECIFIED {
			blame("kind", missingDE, missingEN)
		}
		if len(s.GetCoverage()) == 0 {
			blame("coverage", "nennt keine Leistung", "names no public service")
		}
	}
	if wrong {
		return bad
	}
	return nil
}

// checkReferences names every provider, municipality and public service that the changed fields refer to and that
// nobody knows. Withdrawn public services are known.
func checkReferences(w world, s *marketplacev1.Solution, changed []string) error {
	var unknown []string
	var bad *fault.Error
	check := func(field, resource string, known bool) {
		if resource == "" || known {
			return
		}
		if unknown = append(unknown, resource); bad == nil {
			bad = fault.New(fault.UnknownReference, "resource", resource)
		}
		bad = bad.Field("solution."+field, "„"+resource+"“ gibt es nicht", resource+" does not exist")
	}
	if slices.Contains(changed, "provider") {
		_, known := w.providers.Get(s.GetProvider())
		check("provider", s.GetProvider(), known)
	}
	if slices.Contains(changed, "submitter") {
		check("submitter", s.GetSubmitter(), w.places.has(s.GetSubmitter()))
	}
	if slices.Contains(changed, "coverage") {
		for i, c := range s.GetCoverage() {
			_, known := w.catalogue.services.Get(c.GetPublicService())
			check(fmt.Sprintf("coverage[%d].public_service", i), c.GetPublicService(), known)
		}
	}
	checkNamed(changed, "data_centres", s.GetDataCentres(), w.places.hasCentre, check)
	checkNamed(changed, "municipalities", s.GetMunicipalities(), w.places.has, check)
	if bad == nil {
		return nil
	}
	return bad
}

// promise notes a change of the promised date; true when there is one. The first promise counts as a change from none, and
// as one from none to none that what was awaited without a date is there.
func promise(s *marketplacev1.Solution, old string, awaited bool, at time.Time, actor string) bool {
	delivered := awaited && !promises.Awaited(s)
	if s.GetPromisedDate() == old && !delivered {
		return false
	}
	s.PromiseChanges = append(slices.Clip(s.GetPromiseChanges()), &marketplacev1.PromiseChange{
		OldDate: old, NewDate: s.GetPromisedDate(), Time: timestamppb.New(at), Actor: actor,
	})
	return true
}

// completeCoverage names the model of every maturity and fills in its threshold. It changes s, which must be the caller's own.
func completeCoverage(s *marketplacev1.Solution) {
	for _, c := range s.GetCoverage() {
		c.Maturity = maturity.Complete(c.GetMaturity())
	}
}
