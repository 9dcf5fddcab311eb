package main

import (
	"net/http"
	"testing"
	"time"
)

// TestMarketplaceOverREST walks through projects, questions, portals and findings, kills the process, and finds all of it again.
func TestMarketplaceOverREST(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, "--demo")

	p.do(200, http.MethodPost, "/v1/projects?projectId=hund", `{"displayName":"Hundesteuer gemeinsam","theme":"themes/steuern-zoll",
		"lead":"municipalities/05758004","publicServices":["publicServices/`+hundesteuer+`"],
		"participants":[{"member":"municipalities/05758004","role":"ROLE_PILOT"},{"member":"dataCentres/krz","role":"ROLE_OPERATOR"}],
		"phases":[{"phase":"PHASE_PREPARATION","plannedDate":"2026-01-31","actualDate":"2026-02-15"},{"phase":"PHASE_CONCEPT","plannedDate":"2026-03-31"}],
		"entries":[{"date":"2026-02-15","kind":"KIND_DECISION","body":"Lenkungskreis","title":"Start beschlossen","documents":[{"title":"Protokoll","url":"https://kdn.example/protokoll"}]}]}`)
	p.do(200, http.MethodPatch, "/v1/projects/hund?updateMask=phases", `{"phases":[
		{"phase":"PHASE_PREPARATION","plannedDate":"2026-01-31","actualDate":"2026-02-15"},{"phase":"PHASE_CONCEPT","plannedDate":"2026-04-30"}]}`)
	p.do(200, http.MethodPost, "/v1/questions?questionId=kosten", `{"title":"Was kostet es?","subject":"projects/hund","asker":"municipalities/05758004"}`)
	p.do(200, http.MethodPost, "/v1/questions/kosten:answer", `{"text":"Nichts.","role":"Projektleitung"}`)

	service := buende + "/implementations/" + hundesteuer
	p.do(200, http.MethodPatch, service, `{"phase":"PHASE_PLANNED","targetDate":"2020-01-01","url":"https://serviceportal.buende.example/hund"}`)
	before := p.get(buende + "/findings?pageSize=1000")
	kinds := map[any]bool{}
	list, _ := before["findings"].([]any)
	for _, f := range list {
		if at(f, "publicService") == "publicServices/"+hundesteuer {
			kinds[at(f, "kind")] = true
		}
	}
	if !kinds["KIND_LINK_NOT_REPORTED"] || !kinds["KIND_TARGET_PASSED"] || before["totalSize"] != float64(len(list)) || at(before, "counts", "total") != float64(len(list)) {
		t.Errorf("findings %v, counts %v, total %v of %d", kinds, before["counts"], before["totalSize"], len(list))
	}

	portal := at(p.get("/v1/portals?filter=municipality%3D%22municipalities/05758004%22"), "portals", 0)
	name, _ := at(portal, "name").(string)
	published, _ := at(portal, "publishedServices").(float64)
	p.do(200, http.MethodPatch, "/v1/"+name, `{"url":"https://serviceportal.buende.example","phase":"PHASE_PUBLISHED"}`)
	p.do(200, http.MethodPatch, service, `{"phase":"PHASE_ONLINE","maturity":{"level":3}}`)

	// The plan of the concept passed: the clock says so.
	for deadline := time.Now().Add(20 * time.Second); at(p.get("/v1/projects/hund"), "phases", 1, "changes", 2) == nil && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
	for _, round := range []string{"at once", "after a kill"} {
		project := p.get("/v1/projects/hund")
		if at(project, "phase") != "PHASE_PREPARATION" || at(project, "phases", 1, "changes", 1, "newDate") != "2026-04-30" || at(project, "phases", 1, "changes", 2, "missed") != true {
			t.Errorf("%s: project %v", round, project)
		}
		if at(project, "reliability", "promises") != float64(2) || at(project, "teamFindings", 0, "messageDe") == nil {
			t.Errorf("%s: reliability %v, team %v", round, at(project, "reliability"), at(project, "teamFindings"))
		}
		card := at(p.get("/v1/projects:board?theme=themes/steuern-zoll"), "columns", 1, "cards", 0)
		if at(card, "project") != "projects/hund" || at(card, "nextPhase") != "PHASE_CONCEPT" || at(card, "overdue") != true || at(card, "slipCount") != float64(1) {
			t.Errorf("%s: card %v", round, card)
		}
		if q := at(p.get("/v1/questions?filter=subject%3D%22projects/hund%22"), "questions", 0); at(q, "answers", 0, "text") != "Nichts." {
			t.Errorf("%s: question %v", round, q)
		}
		portal := p.get("/v1/" + name)
		if at(portal, "publishedServices") != published+1 || at(portal, "servicesOnPortal") != float64(1) {
			t.Errorf("%s: portal %v, it had %v services", round, portal, published)
		}
		waves, _ := p.get("/v1/portals:board")["waves"].([]any)
		if len(waves) != 3 || len(names(at(waves[0], "portals"), "name")) != 3 || len(names(at(waves[1], "portals"), "name")) != 8 || len(names(at(waves[2], "portals"), "name")) != 25 {
			t.Errorf("%s: waves %v", round, waves)
		}
		if round == "at once" {
			p.kill()
			p = start(t, dir, "--demo")
		}
	}
	p.stop()
}
