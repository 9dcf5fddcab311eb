package municipality

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// BenchmarkPlanAndReport asks about one municipality with 575 implementations among as many places as Germany has. The
// others have nothing recorded: what is counted about them is kept with them, so that only its sum matters here.
func BenchmarkPlanAndReport(b *testing.B) {
	const places = 10_981
	r := applyAll(b, emptyRecords(), "catalogue", nrwCatalogue())
	var market []proto.Message
	for s := range 40 {
		var keys []string
		for n := s; n < nrwServices; n += 40 {
			keys = append(keys, nrwKey(n), nrwKey((n+1)%nrwServices))
		}
		market = append(market, solution(fmt.Sprintf("loesung-%02d", s), fmt.Sprint("Lösung ", s), nil, keys...))
	}
	r = applyAll(b, r, "marketplace", market)
	var batch []proto.Message
	for place := range places {
		batch = append(batch, nrwMunicipality(place))
	}
	for n := range nrwServices {
		batch = append(batch, nrwImplementation(1, n))
	}
	r = applyAll(b, r, "municipality", batch)
	p, today := r.place(nrwAGS(1)), dayAt(testDay)
	settings := &municipalityv1.Plan{Name: planName(p.municipality.GetAgs())}
	r.reportOf(p, today)
	ask := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
	answer := func(req *municipalityv1.GetPlanRequest) func() {
		return func() {
			_, err := r.answerPlan(p, settings, req, today)
			must(b, err)
		}
	}
	ask("plan, 50 items", answer(&municipalityv1.GetPlanRequest{Name: settings.GetName()}))
	ask("plan after a change", func() {
		p.gaps.last.Store(nil)
		answer(&municipalityv1.GetPlanRequest{Name: settings.GetName()})()
	})
	ask("plan, 1,000 items", answer(&municipalityv1.GetPlanRequest{Name: settings.GetName(), PageSize: 1000}))
	ask("plan filtered", answer(&municipalityv1.GetPlanRequest{Name: settings.GetName(), Filter: "kind = MISSING AND target_date < 2027-06-01"}))
	ask("report", func() { r.reportOf(p, today) })
	changed, _ := r.districts.Get(r.place(nrwAGS(places - 2)).area)
	ask("report after a change elsewhere", func() {
		changed.sums.last.Store(nil)
		r.reportOf(p, today)
	})
}
