package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// What the starter data say of three municipalities and of the offer that they adopt together: none of them has all of it
// online at its maturity.
const (
	dogs        = "solutions/beispiel-hundesteuer"
	dogsURL     = "https://service.beispiel.example/{ags}/{key}"
	spenge      = "05758032"
	vlotho      = "05758036"
	dogsGroup   = "adoptionGroups/hunde"
	dogsCallOff = "contracts/abruf-hunde"
)

var (
	dogKeys   = []string{hundesteuer, "99102013010000", "99110009000000"}
	dogLevels = []float64{4, 4, 3} // that the offer reaches
	dogPlaces = []string{"05758004", spenge, vlotho}
	dogCases  = map[string]int{"05758004": 437 + 41 + 190, spenge: 145 + 11, vlotho: 178 + 69} // known ones, a year
	dogPeople = map[string]int{"05758004": 46030, spenge: 14416, vlotho: 18495}
)

// story is the way of adoptions over REST: through one door or several in turn, with nothing but the newest token in hand.
type story struct {
	tb    testing.TB
	doors []*process
	turn  int
	token string
}

func (s *story) send(want int, method, path, body string) answer {
	s.tb.Helper()
	s.turn++
	a := s.doors[s.turn%len(s.doors)].do(want, method, path, body, "Kompass-Revision", s.token)
	if token := a.header.Get("Kompass-Revision"); token != "" {
		s.token = token
	}
	return a
}

func (s *story) get(path string) map[string]any {
	s.tb.Helper()
	return s.send(http.StatusOK, http.MethodGet, path, "").json(s.tb)
}

func (s *story) post(path, body string) map[string]any {
	s.tb.Helper()
	return s.send(http.StatusOK, http.MethodPost, path, body).json(s.tb)
}

// move moves an adoption or a group; more are further fields of the body, each with a comma before it.
func (s *story) move(name, state, more string) map[string]any {
	s.tb.Helper()
	return s.post("/v1/"+name+":move", moving(state, more))
}

func moving(state, more string) string { return `{"state":"STATE_` + state + `"` + more + `}` }

// refused expects a move to be answered with a problem whose German text says all of some words.
func (s *story) refused(name, state, more string, words ...string) {
	s.tb.Helper()
	a := s.send(http.StatusConflict, http.MethodPost, "/v1/"+name+":move", moving(state, more))
	problem := a.json(s.tb)
	if a.header.Get("Content-Type") != "application/problem+json" || problem["reason"] != "STATE_FORBIDS" {
		s.tb.Errorf("%s to %s: %s %s", name, state, a.header.Get("Content-Type"), a.body)
	}
	german := fmt.Sprint(problem["detail"])
	for _, text := range names(problem["violations"], "description") {
		de, _, _ := strings.Cut(text, " / ")
		german += "\n" + de
	}
	for _, word := range words {
		if !strings.Contains(german, word) {
			s.tb.Errorf("%s to %s: no %q in %s", name, state, word, german)
		}
	}
}

func filtered(field, value string) string {
	return "?pageSize=1000&filter=" + url.QueryEscape(field+` = "`+value+`"`)
}

// interest records the interest of municipalities as a group and answers their adoptions by municipality key.
func (s *story) interest(group string, places ...string) map[string]string {
	s.tb.Helper()
	_, id, _ := strings.Cut(group, "/")
	path := "/v1/adoptionGroups?adoptionGroupId=" + id + "&requestId=" + id
	body := `{"displayName":"Gemeinsam","solution":"` + dogs + `","urlTemplate":"` + dogsURL + `","municipalities":["municipalities/` + strings.Join(places, `","municipalities/`) + `"]}`
	first := s.post(path, body)
	if again := s.post(path, body); first["etag"] == nil || again["etag"] != first["etag"] {
		s.tb.Errorf("repeated: %v, then %v", first, again)
	}
	return s.members(group, len(places))
}

// members are the adoptions of a group by municipality key.
func (s *story) members(group string, want int) map[string]string {
	s.tb.Helper()
	found := map[string]string{}
	list := s.get("/v1/adoptions" + filtered("group", group))
	for _, a := range list["adoptions"].([]any) {
		found[strings.TrimPrefix(at(a, "municipality").(string), "municipalities/")] = at(a, "name").(string)
	}
	if len(found) != want || list["totalSize"] != float64(want) {
		s.tb.Fatalf("%s has %v, want %d of them", group, list, want)
	}
	return found
}

// contracts records a framework agreement and a call-off from it for some municipalities.
func (s *story) contracts(solutions string, places ...string) {
	s.tb.Helper()
	s.post("/v1/contracts?contractId=rahmen-hunde", `{"displayName":"Rahmenvertrag Hundesteuer","kind":"KIND_FRAMEWORK","provider":"providers/beispiel-rechenzentrum",
		"customer":"municipalities/`+places[0]+`","solutions":`+solutions+`,"startDate":"2020-01-01"}`)
	s.post("/v1/contracts?contractId=abruf-hunde", `{"displayName":"Abruf Hundesteuer","kind":"KIND_CALL_OFF","framework":"contracts/rahmen-hunde",
		"customer":"municipalities/`+places[0]+`","municipalities":["municipalities/`+strings.Join(places[1:], `","municipalities/`)+`"],"solutions":`+solutions+`,"startDate":"2020-01-01"}`)
}

const (
	dogsOffer = `,"offer":{"conditions":"Wie besprochen.","prices":[{"basis":"BASIS_ONCE","amountCents":"500000"},{"basis":"BASIS_PER_YEAR","amountCents":"120000"},
		{"basis":"BASIS_PER_INHABITANT","amountCents":"12"},{"basis":"BASIS_PER_CASE","amountCents":"150"}]}`
	allDone = `{"checklist":[{"kind":"KIND_VSM_ENTRY","status":"STATUS_DONE"},{"kind":"KIND_DVDV_ENTRY","status":"STATUS_DONE"},{"kind":"KIND_DVDV_CERTIFICATE","status":"STATUS_DONE"},
		{"kind":"KIND_AVV","status":"STATUS_DONE"},{"kind":"KIND_PAYMENT","status":"STATUS_NOT_NEEDED","note":"Lastschrift"},{"kind":"KIND_ACCOUNT","status":"STATUS_DONE"}]}`
	inForce = `,"contract":"` + dogsCallOff + `"`
	because = `,"note":"abgelöst"`
)

// connect takes a group from the interest to a technical connection that is complete.
func (s *story) connect(group string) {
	s.tb.Helper()
	s.move(group, "OFFERED", dogsOffer)
	s.move(group, "CONTRACTED", inForce)
	s.move(group, "CONNECTING", "")
	s.post("/v1/"+group+":check", allDone)
}

// implementationsOf are what the adoptions are about: the resource name of each with its adoption.
func implementationsOf(members map[string]string) map[string]string {
	all := map[string]string{}
	for place, adoption := range members {
		for _, key := range dogKeys {
			all["municipalities/"+place+"/implementations/"+key] = adoption
		}
	}
	return all
}

// follow waits until all implementations say of their adoption what they should.
func (s *story) follow(members map[string]string, ended bool) {
	s.tb.Helper()
	places := slices.Sorted(maps.Keys(members))
	soon(s.tb, fmt.Sprintf("implementations of %d municipalities follow", len(places)), func() error {
		for len(places) > 0 {
			if err := s.followed(places[0], members[places[0]], ended); err != nil {
				return err
			}
			places = places[1:]
		}
		return nil
	})
}

// followed says what is missing in one municipality.
func (s *story) followed(place, adoption string, ended bool) error {
	s.turn++
	a, err := s.doors[s.turn%len(s.doors)].try(http.MethodGet, "/v1/municipalities/"+place+"/implementations?pageSize=1000", nil, "Kompass-Revision", s.token)
	if err != nil || a.status != http.StatusOK {
		return fmt.Errorf("%d %s %w", a.status, a.body, err)
	}
	s.token = a.header.Get("Kompass-Revision") // who has seen it on one replica sees it on all
	want := implementationsOf(map[string]string{place: adoption})
	list, _ := a.json(s.tb)["implementations"].([]any)
	for _, i := range list {
		if at(i, "adoption") == adoption && (at(i, "adoptionEnded") == true) == ended {
			delete(want, fmt.Sprint(at(i, "name")))
		}
	}
	if len(want) > 0 {
		return fmt.Errorf("%d do not: %v", len(want), want)
	}
	return nil
}

// followTime bounds how long implementations may lag behind their adoption.
const followTime = 10 * time.Second

// soon tries until there is no error any more.
func soon(tb testing.TB, what string, try func() error) {
	tb.Helper()
	var err error
	for begin := time.Now(); time.Since(begin) < followTime; time.Sleep(10 * time.Millisecond) {
		if err = try(); err == nil {
			tb.Logf("%s after %v", what, time.Since(begin).Round(time.Millisecond))
			return
		}
	}
	tb.Fatalf("%s: not within %v: %v", what, followTime, err)
}

// once expects of each implementation one record of going live and, when they are over, one of that.
func (s *story) once(members map[string]string, ended bool) {
	s.tb.Helper()
	for name, adoption := range implementationsOf(members) {
		var live, over int
		for _, c := range s.get("/v1/" + name + ":history?pageSize=1000")["changes"].([]any) {
			switch {
			case at(c, "implementation", "adoption") != adoption:
			case at(c, "implementation", "adoptionEnded") == true:
				over++
			default:
				live++
			}
		}
		if want := map[bool]int{true: 1}[ended]; live != 1 || over != want {
			s.tb.Errorf("%s went live by %s in %d records, want one, and was flagged in %d, want %d", name, adoption, live, over, want)
		}
	}
}

// kinds are the kinds of what a list of a municipality says about the dog tax.
func (s *story) kinds(place, list string) []string {
	s.tb.Helper()
	var found []string
	entries, _ := s.get("/v1/municipalities/" + place + "/" + list + "?pageSize=1000")[list].([]any)
	for _, e := range entries {
		if at(e, "publicService") == "publicServices/"+hundesteuer {
			found = append(found, fmt.Sprint(at(e, "kind")))
		}
	}
	return found
}

// TestAdoptionOverREST walks the whole way: a gap, the candidates for it, the interest of three municipalities, an offer, a
// call-off, the connection, live; then what follows in the municipalities, what it costs, and the end of one of them.
func TestAdoptionOverREST(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, "--demo")
	s := &story{tb: t, doors: []*process{p}}

	s.findCandidate()
	members := s.interest(dogsGroup, dogPlaces...)
	overlap := s.overlapping(members["05758004"])
	s.contracts(`["`+dogs+`","solutions/beispiel-serviceportal"]`, dogPlaces...)
	s.guarded()
	if got := s.move(dogsGroup, "LIVE", `,"requestId":"live"`); got["moved"] != float64(3) {
		t.Errorf("moved %v", got)
	}
	s.follow(members, false)
	s.closed(members)
	if again := s.move(dogsGroup, "LIVE", `,"requestId":"live"`); again["moved"] != float64(3) {
		t.Errorf("repeated: %v", again)
	}
	s.refused(members["05758004"], "OFFERED", dogsOffer, "„live“ (LIVE)", "möglich ist: „beendet“ (ENDED)")
	s.secondIsRefused(overlap, members["05758004"])
	s.costs(members)

	s.move(members[vlotho], "ENDED", because)
	s.follow(map[string]string{vlotho: members[vlotho]}, true)
	for _, round := range []string{"at once", "after a kill"} {
		s.flagged(round)
		s.once(map[string]string{vlotho: members[vlotho]}, true)
		s.once(map[string]string{"05758004": members["05758004"], spenge: members[spenge]}, false)
		if round == "at once" {
			p.kill()
			p = start(t, dir, "--demo")
			s.doors = []*process{p}
		}
	}
	s.example()
	p.stop()
}

// example finishes the connection that the starter data leave open, as docs/operations.md says.
func (s *story) example() {
	s.tb.Helper()
	const name, lage = "adoptions/beispiel-lage-hundesteuer", "05766040"
	s.refused(name, "LIVE", "", "CONNECTING", "E-Payment", "Nutzerkonten")
	s.send(http.StatusOK, http.MethodPatch, "/v1/"+name, `{"checklist":[{"kind":"KIND_PAYMENT","status":"STATUS_DONE"},{"kind":"KIND_ACCOUNT","status":"STATUS_DONE"}]}`)
	s.move(name, "LIVE", "")
	s.follow(map[string]string{lage: name}, false)
	if kinds := s.kinds(lage, "gaps"); len(kinds) > 0 {
		s.tb.Errorf("Lage still has the gap: %v", kinds)
	}
}

// findCandidate starts where a person does: at a gap, and at the best of what closes it.
func (s *story) findCandidate() {
	s.tb.Helper()
	gaps := s.get(buende + "/gaps?pageSize=1000")["gaps"].([]any)
	i := slices.IndexFunc(gaps, func(g any) bool { return at(g, "leikaKey") == hundesteuer })
	if i < 0 || !slices.Contains(names(at(gaps[i], "candidates"), "solution"), dogs) {
		s.tb.Fatalf("no gap with the candidate: %d", i)
	}
}

// overlapping adopts the same service by another offer: possible, and found.
func (s *story) overlapping(other string) string {
	s.tb.Helper()
	second := s.post("/v1/adoptions", `{"municipality":"municipalities/05758004","solution":"solutions/beispiel-serviceportal","url":"https://buende.beispiel.example",
		"services":[{"publicService":"publicServices/`+hundesteuer+`"}]}`)
	name, _ := second["name"].(string)
	if overlaps, _ := second["overlaps"].([]any); len(overlaps) != 1 || overlaps[0] != other {
		s.tb.Errorf("%s overlaps with %v", name, overlaps)
	}
	if overlaps, _ := s.get("/v1/" + other)["overlaps"].([]any); len(overlaps) != 1 || overlaps[0] != name {
		s.tb.Errorf("%s overlaps with %v", other, overlaps)
	}
	for _, gap := range s.get(buende + "/gaps?pageSize=1000")["gaps"].([]any) {
		underWay, _ := at(gap, "adoptions").([]any)
		if at(gap, "leikaKey") == hundesteuer && (!slices.Contains(underWay, any(name)) || !slices.Contains(underWay, any(other))) {
			s.tb.Errorf("the gap tells of %v", underWay)
		}
	}
	return name
}

// secondIsRefused takes the other adoption of the same service as far as it gets: not live beside the first one.
func (s *story) secondIsRefused(second, first string) {
	s.tb.Helper()
	s.move(second, "OFFERED", dogsOffer)
	s.move(second, "CONTRACTED", inForce)
	s.move(second, "CONNECTING", "")
	s.send(http.StatusOK, http.MethodPatch, "/v1/"+second, allDone)
	s.refused(second, "LIVE", "", "CONNECTING", hundesteuer+"“ ist dort schon mit „"+first)
	s.move(second, "WITHDRAWN", because)
}

// guarded takes the group to a complete connection, trying at each step what is not allowed yet.
func (s *story) guarded() {
	s.tb.Helper()
	s.refused(dogsGroup, "LIVE", "", "„Interesse bekundet“ (INTERESTED)", "„Angebot liegt vor“ (OFFERED)", "VSM-Eintrag ist noch offen")
	s.send(http.StatusBadRequest, http.MethodPost, "/v1/"+dogsGroup+":move", moving("OFFERED", ""))
	s.move(dogsGroup, "OFFERED", dogsOffer)
	s.refused(dogsGroup, "CONTRACTED", `,"contract":"contracts/rahmen-hunde"`, "OFFERED", "ein Rahmenvertrag: Es braucht einen Einzelabruf daraus")
	s.move(dogsGroup, "CONTRACTED", inForce)
	s.refused(dogsGroup, "LIVE", "", "„Vertrag geschlossen“ (CONTRACTED)", "möglich ist: „technische Anbindung läuft“ (CONNECTING)")
	s.move(dogsGroup, "CONNECTING", "")
	s.post("/v1/"+dogsGroup+":check", `{"checklist":[{"kind":"KIND_VSM_ENTRY","status":"STATUS_DONE"},{"kind":"KIND_AVV","status":"STATUS_DONE"}]}`)
	s.refused(dogsGroup, "LIVE", "", "CONNECTING", "DVDV-Eintrag ist noch offen", "DVDV-Zertifikat", "E-Payment", "Nutzerkonten")
	s.post("/v1/"+dogsGroup+":check", allDone)
}

// closed looks at what the adoption changed, as each who cares for it: the municipality, its gap list, its portal.
func (s *story) closed(members map[string]string) {
	s.tb.Helper()
	for _, place := range dogPlaces {
		online := names(s.get("/v1/municipalities/" + place + "/onlineServices?pageSize=1000")["onlineServices"], "url")
		for i, key := range dogKeys {
			address := strings.NewReplacer("{ags}", place, "{key}", key).Replace(dogsURL)
			got := s.get("/v1/municipalities/" + place + "/implementations/" + key)
			if got["phase"] != "PHASE_ONLINE" || got["solution"] != dogs || got["url"] != address || at(got, "maturity", "level") != dogLevels[i] || got["adoption"] != members[place] {
				s.tb.Errorf("%s %s: %v", place, key, got)
			}
			if !slices.Contains(online, address) {
				s.tb.Errorf("the portal of %s does not see %s", place, address)
			}
		}
		if kinds := s.kinds(place, "gaps"); len(kinds) > 0 {
			s.tb.Errorf("%s still has the gap: %v", place, kinds)
		}
	}
	if department := s.get(buende + "/implementations/" + hundesteuer)["department"]; department != "Steueramt" {
		s.tb.Errorf("department %v", department)
	}
	s.once(members, false)
}

// costs compares the overviews with what the prices come to by hand: all of next year, and the rest of this one.
func (s *story) costs(members map[string]string) {
	s.tb.Helper()
	live, err := time.Parse(time.DateOnly, fmt.Sprint(s.get("/v1/" + members["05758004"])["liveDate"]))
	if err != nil {
		s.tb.Fatal(err)
	}
	year := time.Date(live.Year(), 12, 31, 0, 0, 0, 0, time.UTC).YearDay()
	days := year - live.YearDay() + 1
	rest := func(cents int) int { return (2*cents*days + year) / (2 * year) } // half up
	for place := range members {
		terms := []int{120000, 12 * dogPeople[place], 150 * dogCases[place]}
		s.cost(place, live.Year()+1, terms[0]+terms[1]+terms[2], 0)
		s.cost(place, live.Year(), 500000+rest(terms[0])+rest(terms[1])+rest(terms[2]), 500000)
	}
	lines, _ := s.get(fmt.Sprintf("%s/costs?year=%d", buende, live.Year()+1))["lines"].([]any)
	for i, line := range lines {
		german, _ := at(line, "messageDe").(string)
		if at(line, "adoption") != members["05758004"] || at(line, "contract") != dogsCallOff || !strings.Contains(german, []string{"1.200,00", "0,12", "1,50"}[i%3]) {
			s.tb.Errorf("line %v", line)
		}
	}
	if len(lines) != 3 { // what is paid once is paid this year
		s.tb.Errorf("%d lines", len(lines))
	}
	filter := url.QueryEscape(`municipality = "municipalities/05758004" OR municipality = "municipalities/` + spenge + `" OR municipality = "municipalities/` + vlotho + `"`)
	all := s.get(fmt.Sprintf("/v1/costs?year=%d&filter=%s", live.Year()+1, filter))
	if all["totalSize"] != float64(3) || at(all, "totals", 0, "amountCents") != "1467942" { // 3 × 1.200 € + 12 ct × 78.941 + 1,50 € × 1.071
		s.tb.Errorf("all three: %v", all)
	}
}

func (s *story) cost(place string, year, amount, once int) {
	s.tb.Helper()
	got := s.get(fmt.Sprintf("/v1/municipalities/%s/costs?year=%d", place, year))
	total := at(got, "totals", 0)
	if at(total, "currency") != "EUR" || at(total, "amountCents") != fmt.Sprint(amount) || fmt.Sprint(at(total, "onceCents")) != fmt.Sprint(once) {
		s.tb.Errorf("%s pays %v in %d, want %d cents, %d of them once", place, got, year, amount, once)
	}
}

// flagged finds what ended in every list that people look at.
func (s *story) flagged(round string) {
	s.tb.Helper()
	if kinds := s.kinds(vlotho, "gaps"); !slices.Equal(kinds, []string{"KIND_ADOPTION_ENDED"}) {
		s.tb.Errorf("%s: gaps %v", round, kinds)
	}
	if kinds := s.kinds(vlotho, "findings"); !slices.Contains(kinds, "KIND_ADOPTION_ENDED") {
		s.tb.Errorf("%s: findings %v", round, kinds)
	}
	if counts := at(s.get("/v1/municipalities/"+vlotho+"/findings"), "counts"); at(counts, "adoptionEnded") != float64(len(dogKeys)) {
		s.tb.Errorf("%s: counts %v", round, counts)
	}
	if kinds := s.kinds(spenge, "gaps"); len(kinds) > 0 {
		s.tb.Errorf("%s: who goes on has gaps: %v", round, kinds)
	}
}
