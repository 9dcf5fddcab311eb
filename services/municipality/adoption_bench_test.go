package municipality

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// The group adoption of the benchmark: every municipality of North Rhine-Westphalia.
const (
	groupTowns    = 396
	groupServices = 12
)

// groupIn is an adoption for each town, as one move of the group writes them.
func groupIn(round int, state marketplacev1.Adoption_State) []proto.Message {
	all := make([]proto.Message, groupTowns)
	for n := range all {
		a := adopting(fmt.Sprintf("gruppe-%d-%d", round, n), state)
		a.Municipality = municipalityName(nrwAGS(n))
		for k := range groupServices {
			a.Services = append(a.Services, &marketplacev1.AdoptedService{PublicService: publicServices + nrwKey(k*7), Maturity: level("1.1", 3),
				Url: fmt.Sprintf("https://service.example/%s/%d", nrwAGS(n), k)})
		}
		all[n] = a
	}
	return all
}

// BenchmarkGoingLive is the time from the marketplace's commit of a group adoption that goes live, 396 municipalities with 12
// services each and 575 implementations recorded, until all of them are online, durable and visible; the target is 5 s.
func BenchmarkGoingLive(b *testing.B) {
	g := newGround(b)
	s, _ := g.start()
	g.publish("catalogue", nrwCatalogue()...)
	var entities []proto.Message
	for n := range groupTowns {
		entities = append(entities, town(nrwAGS(n)))
		for k := range nrwServices {
			if i := nrwImplementation(n, k); k%7 != 0 || k/7 >= groupServices { // those of the group are recorded by nobody yet
				i.Solution = ""
				entities = append(entities, i)
			}
		}
		if len(entities) > 20_000 || n == groupTowns-1 {
			s.write(b, entities...)
			entities = nil
		}
	}
	g.settled(s)
	round, worst := 0, time.Duration(0)
	for b.Loop() {
		began := time.Now()
		g.publish(marketplaceStream, groupIn(round, adoptionLive)...)
		r := g.settled(s)
		worst = max(worst, time.Since(began))
		b.StopTimer()
		for n := range groupTowns {
			p := r.place(nrwAGS(n))
			for k := range groupServices {
				if i := p.find(nrwKey(k * 7)); i == nil || i.rest.GetAdoption() != fmt.Sprintf("adoptions/gruppe-%d-%d", round, n) || municipalityv1.Implementation_Phase(i.phase) != online {
					b.Fatalf("town %d, service %d: %v", n, k, i.stored(p.ags))
				}
			}
		}
		if written := len(s.historyOf(b, nrwAGS(0), nrwKey(0))); written != round+1 {
			b.Fatalf("%d records, want %d", written, round+1)
		}
		round++
		b.StartTimer()
	}
	b.ReportMetric(worst.Seconds(), "s/worst")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/going-live")
}
