package marketplace

import (
	"fmt"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/list"
)

// NRW: 396 municipalities and 31 Kreise with 575 implementations each, the whole LeiKa, 2,000 solutions.
const (
	nrwPlaces          = 427
	nrwServices        = 8557
	nrwImplementations = 575
	nrwSolutions       = 2000
	batchSize          = 4096
)

func key(i int) string { return fmt.Sprintf("99%012d", i%nrwServices) }

func nrwCatalogue(s *scene) (batch []ledger.Entry) {
	for i := range nrwServices {
		p := &cataloguev1.PublicService{
			Name: "publicServices/" + key(i), DisplayName: fmt.Sprintf("Genehmigung für Überfahrten Nr. %d", i*7919%nrwServices), OzgService: fmt.Sprintf("ozgServices/%05d", 10000+i/15),
		}
		batch = append(batch, s.entry("publicService", p.GetName(), p))
		if i%15 == 0 {
			r := &cataloguev1.Relevance{}
			for class := commonv1.SizeClass(1); class <= 7; class++ {
				r.Rules = append(r.Rules, &cataloguev1.ClassRule{SizeClass: class, Obligation: cataloguev1.Obligation_OBLIGATION_OWED})
			}
			batch = append(batch, s.entry("relevance", p.GetOzgService()+"/relevance", r))
		}
	}
	return batch
}

func nrwStates(s *scene) (batch []ledger.Entry) {
	for p := range nrwPlaces {
		ags := fmt.Sprintf("municipalities/05%06d", p)
		batch = append(batch, s.entry("municipality", ags, &municipalityv1.Municipality{Name: ags, SizeClass: commonv1.SizeClass(1 + p%7), Population: int64(10000 + p)}))
		for i := range nrwImplementations {
			e := &municipalityv1.Implementation{
				Name: ags + "/implementations/" + key(p*31+i*13), Phase: municipalityv1.Implementation_Phase(i % 6),
				AnnualCases: proto.Int64(int64(i)), Solution: fmt.Sprintf("solutions/s%d", i%nrwSolutions),
			}
			batch = append(batch, s.entry("implementation", e.GetName(), e))
		}
	}
	return batch
}

func nrwOffers(s *scene) (batch []ledger.Entry) {
	for i := range nrwSolutions {
		e := &marketplacev1.Solution{Name: fmt.Sprintf("solutions/s%d", i), State: published, SizeClasses: []commonv1.SizeClass{commonv1.SizeClass(1 + i%7)}}
		for c := range 20 {
			e.Coverage = append(e.Coverage, &marketplacev1.Coverage{PublicService: "publicServices/" + key(i*17+c*101), Maturity: &municipalityv1.Maturity{Level: 3}})
		}
		batch = append(batch, s.entry("solution", e.GetName(), e))
	}
	return batch
}

// replay applies records in batches as large as the ledger hands them over.
func (s *scene) replay(tb testing.TB, service string, records []ledger.Entry) {
	for from := 0; from < len(records); from += batchSize {
		s.apply(tb, service, records[from:min(from+batchSize, len(records))]...)
	}
}

var nrw = sync.OnceValue(func() *scene {
	s, tb := newScene(), &testing.B{}
	s.replay(tb, catalogueStream, nrwCatalogue(s))
	s.replay(tb, municipalityStream, nrwStates(s))
	s.replay(tb, ownStream, nrwOffers(s))
	return s
})

// BenchmarkPortfolioGapsCold computes everything anew, as after an import of the catalogue.
func BenchmarkPortfolioGapsCold(b *testing.B) {
	w := nrw().world
	for b.Loop() {
		w.catalogue.duties = sync.OnceValue(w.catalogue.computeDuties)
		w.deriveOwn()
		w.derive()
		if len(w.gaps()) == 0 {
			b.Fatal("no gaps")
		}
	}
}

// BenchmarkPortfolioGapsAfterChange computes what depends on the places, as after a change of one implementation.
func BenchmarkPortfolioGapsAfterChange(b *testing.B) {
	s := *nrw()
	change := s.entry("implementation", "municipalities/05000100/implementations/"+key(5), &municipalityv1.Implementation{Phase: municipalityv1.Implementation_PHASE_ONLINE})
	s.world.gaps()
	for b.Loop() {
		s.apply(b, municipalityStream, change)
		s.world.gaps()
	}
}

// BenchmarkPortfolioGapsWarm asks again when nothing changed.
func BenchmarkPortfolioGapsWarm(b *testing.B) {
	w := nrw().world
	w.gaps()
	for b.Loop() {
		w.gaps()
	}
}

// BenchmarkPortfolioGapsFiltered answers a page out of all gaps by a filter.
func BenchmarkPortfolioGapsFiltered(b *testing.B) {
	gaps := nrw().world.gaps()
	req := &marketplacev1.ListPortfolioGapsRequest{Filter: `ozg_service = "ozgServices/10100" OR municipalities < 50`}
	for b.Loop() {
		page, _, _, err := list.Page(req, gaps, list.Options[*marketplacev1.PortfolioGap]{Key: (*marketplacev1.PortfolioGap).GetPublicService, Ranked: true})
		if err != nil || len(page) == 0 {
			b.Fatal(len(page), err)
		}
	}
}

// BenchmarkSolutionListAfterChange counts the users of all solutions anew.
func BenchmarkSolutionListAfterChange(b *testing.B) {
	w := nrw().world
	for b.Loop() {
		w.places.users = sync.OnceValue(w.places.countUsers)
		w.derive()
		w.solutionList()
	}
}

// BenchmarkReplayStates applies the 245,952 records of the municipality stream; ns/record is what one costs.
func BenchmarkReplayStates(b *testing.B) {
	records := nrwStates(newScene())
	for b.Loop() {
		newScene().replay(b, municipalityStream, records)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(records)), "ns/record")
}
