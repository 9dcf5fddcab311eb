package municipality

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// carrier is what the model knows of one implementation.
type carrier struct {
	phase              municipalityv1.Implementation_Phase
	solution, adoption string
	over               bool
	records, effects   int // of its history; effects are those that adoptions wrote
}

// changed counts a record when something differs; what an adoption writes counts as an effect.
func (c *carrier) become(after carrier, effect bool) {
	after.records, after.effects = c.records, c.effects
	if after == *c {
		return
	}
	after.records++
	if effect {
		after.effects++
	}
	*c = after
}

// adoptionRun is one case of the property: a town of its own, adoptions of it, and the services that are up.
type adoptionRun struct {
	*ground
	t        *rapid.T
	ags      string
	services []*Service
	stops    []func()
	states   map[string]marketplacev1.Adoption_State
	moves    map[string]int
	model    map[string]*carrier
}

// covered are the services of an adoption: two of them meet in one.
var covered = map[string][]string{"x": {dogTax, waste}, "y": {waste, building}}

func (r *adoptionRun) id(letter string) string { return letter + "-" + r.ags }

// publishIn writes the adoption in a state, again and again if need be, and says what the model expects of it.
func (r *adoptionRun) publishIn(letter string, state marketplacev1.Adoption_State) {
	a := adopting(r.id(letter), state, covered[letter]...)
	a.Municipality, a.Solution, a.Note = municipalityName(r.ags), "solutions/"+letter, fmt.Sprint(r.moves)
	r.publish(marketplaceStream, a)
	if r.states[letter] == state {
		return
	}
	r.states[letter] = state
	r.moves[letter]++
	if state == adoptionLive {
		for _, key := range covered[letter] {
			if c := r.model[key]; c.phase != phaseNotApplicable {
				c.become(carrier{phase: online, solution: a.GetSolution(), adoption: a.GetName()}, true)
			}
		}
		return
	}
	for _, c := range r.model {
		if c.adoption == a.GetName() {
			after := *c
			after.over = true
			c.become(after, true)
		}
	}
}

// person changes phase and solution of one service, when somebody is there to take it.
func (r *adoptionRun) person(key string, phase municipalityv1.Implementation_Phase, solution string) {
	if len(r.services) == 0 {
		return
	}
	s := r.services[0]
	r.settled(s)
	m := &municipalityv1.Implementation{Name: implementationName(r.ags, key), Phase: phase, Solution: solution}
	if phase == phaseNotApplicable {
		m.NotApplicableReason = "entfällt"
	}
	if _, err := s.UpdateImplementation(context.Background(), &municipalityv1.UpdateImplementationRequest{Implementation: m}); err != nil {
		r.t.Fatal(err)
	}
	c := r.model[key]
	after := carrier{phase: phase, solution: c.solution, adoption: c.adoption, over: c.over}
	if solution != "" {
		after.solution = solution
	}
	if after.phase != c.phase || after.solution != c.solution {
		after.adoption, after.over = "", false
	}
	c.become(after, false)
}

func (r *adoptionRun) up() {
	s, stop := r.start()
	r.services, r.stops = append(r.services, s), append(r.stops, stop)
}

func (r *adoptionRun) down() {
	if n := len(r.stops); n > 0 {
		r.stops[n-1]()
		r.services, r.stops = r.services[:n-1], r.stops[:n-1]
	}
}

func (r *adoptionRun) check() {
	if len(r.services) == 0 {
		r.up()
	}
	for _, s := range r.services {
		p := r.settled(s).place(r.ags)
		for letter := range covered {
			if n := len(strings.Fields(s.effectsOf(r.tb, r.id(letter)))); n != r.moves[letter] {
				r.t.Fatalf("%d effects of %s, want %d", n, letter, r.moves[letter])
			}
		}
		for key, want := range r.model {
			got := carrier{}
			if i := p.find(key); i != nil {
				got = carrier{phase: municipalityv1.Implementation_Phase(i.phase), solution: i.solutionName(), adoption: i.rest.GetAdoption(), over: i.adoptionEnded()}
			}
			for _, e := range s.historyOf(r.tb, r.ags, key) {
				got.records++
				if strings.HasPrefix(e.Record.GetRequestId(), "adoption:") {
					got.effects++
				}
			}
			if got != *want {
				r.t.Fatalf("%s: %+v, want %+v", key, got, *want)
			}
		}
	}
}

// TestEffectsInAnyOrder: whatever order adoptions go live and end in, whoever edits between, however many replicas start and
// stop: each transition has one effect, each effect one record of an implementation, and nobody's edit is lost.
func TestEffectsInAnyOrder(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.publish(marketplaceStream, solution("x", "X", nil, dogTax), solution("y", "Y", nil, waste), solution("eigen", "Eigen", nil, waste))
	seed, stop := g.start()
	places := make([]proto.Message, 1000) // a town for each case, also for those of shrinking
	for n := range places {
		places[n] = town(nrwAGS(n))
	}
	seed.write(t, places...)
	stop()
	const cases = 40 // each starts services, so fewer than rapid draws; when one fails, it may shrink as long as it likes
	used, broken := 0, false
	rapid.Check(t, func(t *rapid.T) {
		if used >= cases && !broken {
			return
		}
		r := &adoptionRun{ground: g, t: t, ags: nrwAGS(used % len(places)), states: map[string]marketplacev1.Adoption_State{}, moves: map[string]int{}, model: map[string]*carrier{}}
		used++
		for _, key := range []string{dogTax, waste, building} {
			r.model[key] = &carrier{}
		}
		passed := false
		defer func() {
			broken = broken || !passed
			for range len(r.stops) {
				r.down()
			}
		}()
		for range rapid.IntRange(1, 10).Draw(t, "steps") {
			letter := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "adoption")
			switch op := rapid.SampledFrom([]string{"move", "move", "again", "person", "person", "up", "down"}).Draw(t, "step"); {
			case op == "move" && r.states[letter] == 0:
				r.publishIn(letter, adoptionLive)
			case op == "move" && r.states[letter] == adoptionLive:
				r.publishIn(letter, adoptionEnded)
			case op == "again" && r.states[letter] != 0:
				r.publishIn(letter, r.states[letter])
			case op == "person":
				r.person(rapid.SampledFrom([]string{dogTax, waste}).Draw(t, "service"), rapid.SampledFrom([]municipalityv1.Implementation_Phase{online, inProgress, phaseNotApplicable}).Draw(t, "phase"),
					rapid.SampledFrom([]string{"", "solutions/x", "solutions/eigen"}).Draw(t, "solution"))
			case op == "up" && len(r.services) < 2:
				r.up()
			case op == "down":
				r.down()
			}
		}
		r.check()
		passed = true
	})
}
