package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
)

var (
	adoptionKills  = flag.Int("adoption-kills", 2, "how often TestAdoptionKill kills while adoptions go live, and as often while they end")
	adoptionPlaces = flag.Int("adoption-places", 60, "how many municipalities adopt together in TestAdoptionKill")
)

// TestAdoptionKill runs the services as processes of their own, the municipality service twice. Adoptions go live while both of it
// are down, and go live and end while they are being killed: each has its effect, exactly once.
func TestAdoptionKill(t *testing.T) {
	t.Parallel()
	f := startFleetOf(t, 1, func(part string) int {
		if part == "municipality" {
			return 2
		}
		return 1
	})
	f.ready()
	s := &story{tb: t, doors: f.doors()}
	places := s.settle(*adoptionPlaces)
	s.contracts(`["`+dogs+`"]`, places...)

	group := dogsGroup
	members := s.interest(group, places...)
	s.connect(group)
	f.kill(f.of("municipality"))
	s.move(group, "LIVE", "")
	f.restart(f.of("municipality"))
	s.follow(members, false)
	want := map[effect]int{}
	expect(want, members, false)

	for round := range *adoptionKills {
		f.whileKilling(func() { s.move(group, "ENDED", because) })
		s.follow(members, true)
		expect(want, members, true)
		group = fmt.Sprint(dogsGroup, "-", round)
		members = s.interest(group, places...)
		s.connect(group)
		f.whileKilling(func() { s.move(group, "LIVE", "") })
		s.follow(members, false)
		expect(want, members, false)
	}

	f.checkEffects(want)
	s.once(members, false)
	if out, code := kompass(t, "verify", "--nats-url", f.cluster.url()); code != 0 {
		t.Errorf("verify: %d\n%s", code, out)
	}
	for _, m := range f.members {
		m.process.stop()
	}
}

// settle imports municipalities that owe the services of the offer, and the offer.
func (s *story) settle(n int) (places []string) {
	s.tb.Helper()
	catalogue, rules := "leika_key;name;ozg_id\n", "target;kreisfreie_stadt\n"
	for _, key := range dogKeys {
		catalogue += key + ";Leistung " + key + ";10160\n"
		rules += key + ";ja\n"
	}
	table := "ags;name;einwohner;groessenklasse\n"
	for i := range n {
		places = append(places, fmt.Sprintf("%08d", 5100000+i))
		table += fmt.Sprintf("%s;Ort %d;%d;kreisfreie_stadt\n", places[i], i, 100000+i)
	}
	s.post("/v1/catalogue:import", catalogue)
	s.post("/v1/catalogue:import", rules)
	s.post("/v1/municipalities:import", table)
	s.post("/v1/providers?providerId=beispiel-rechenzentrum", `{"displayName":"Rechenzentrum"}`)
	coverage := ""
	for i, key := range dogKeys {
		coverage += fmt.Sprintf(`,{"publicService":"publicServices/%s","maturity":{"level":%v}}`, key, dogLevels[i])
	}
	s.post("/v1/solutions?solutionId=beispiel-hundesteuer", `{"displayName":"Hundesteuer online","kind":"KIND_PRODUCT","provider":"providers/beispiel-rechenzentrum","coverage":[`+coverage[1:]+`]}`)
	s.post("/v1/"+dogs+":submit", `{}`)
	s.post("/v1/"+dogs+":publish", `{}`)
	return places
}

// effect is what happens to one resource by an adoption: that it went live, or that it ended.
type effect struct {
	resource, adoption string
	ended              bool
}

// expect adds the effects of a move of all members.
func expect(want map[effect]int, members map[string]string, ended bool) {
	for name, adoption := range implementationsOf(members) {
		want[effect{name, adoption, ended}]++
	}
}

// checkEffects reads the municipality stream: as many records of each effect as are wanted, and no others; and one record of
// the municipality service about each move.
func (s *fleet) checkEffects(want map[effect]int) {
	s.tb.Helper()
	got, noted := map[effect]int{}, map[string]int{}
	entries(s.tb, s.cluster.conn, "municipality", len(s.cluster.nodes), func(e *ledger.Entry) {
		switch of := e.Entity.(type) {
		case *municipalityv1.Implementation:
			got[effect{of.GetName(), of.GetAdoption(), of.GetAdoptionEnded()}]++
		case *municipalityv1.AdoptionEffect:
			noted[of.GetAdoption()]++
		}
	})
	moves, wrong := map[string]int{}, []string{}
	for e, n := range want {
		if got[e] != n {
			wrong = append(wrong, fmt.Sprintf("%v has %d records, want %d", e, got[e], n))
		}
		delete(got, e)
		moves[e.adoption]++
	}
	for adoption, n := range moves {
		if noted[adoption] != n/len(dogKeys) {
			wrong = append(wrong, fmt.Sprintf("%s moved %d times and was noted %d times", adoption, n/len(dogKeys), noted[adoption]))
		}
	}
	if len(wrong) > 0 || len(got) > 0 {
		s.tb.Fatalf("%d effects are wrong, such as %q; nothing called for %d others", len(wrong), wrong[:min(3, len(wrong))], len(got))
	}
	s.tb.Logf("%d effects of %d adoptions, each once", len(want), len(moves))
}

// whileKilling kills one or both of the municipality services at a random moment around a move and starts them again.
func (s *fleet) whileKilling(move func()) {
	s.tb.Helper()
	victims := s.of("municipality")
	if n := rand.IntN(4); n < len(victims) {
		victims = victims[n : n+1]
	}
	moment, before := time.Duration(rand.IntN(60)*(1+rand.IntN(4)))*time.Millisecond, s.last("municipality")
	var killing sync.WaitGroup
	begin := time.Now()
	killing.Go(func() {
		time.Sleep(moment)
		s.kill(victims)
	})
	move()
	moved := time.Since(begin).Round(time.Millisecond)
	killing.Wait()
	s.tb.Logf("moved after %v, killed %d of 2 after %v: %d records", moved, len(victims), moment, s.last("municipality")-before)
	s.restart(victims)
}

// last is how many records the stream of a service has.
func (s *fleet) last(service string) uint64 {
	s.tb.Helper()
	stream, err := s.cluster.js.Stream(s.tb.Context(), "KOMPASS_KRZ_"+strings.ToUpper(service))
	if err != nil {
		s.tb.Fatal(err)
	}
	return stream.CachedInfo().State.LastSeq
}

// kill ends processes at the same moment, as a power cut would.
func (s *fleet) kill(victims []*member) {
	var group sync.WaitGroup
	for _, m := range victims {
		group.Go(m.process.kill)
	}
	group.Wait()
}

func (s *fleet) restart(victims []*member) {
	s.tb.Helper()
	for _, m := range victims {
		m.start(s.tb)
	}
	s.ready()
}
