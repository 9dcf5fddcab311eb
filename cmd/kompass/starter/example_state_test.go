package starter_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"kompass.krz.de/cmd/kompass/starter"
)

// checkExampleURL demands an https address under the reserved name, so that no example ever leads to somebody.
func checkExampleURL(t *testing.T, where, address string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || !strings.HasSuffix(u.Host, ".beispiel.example") {
		t.Errorf("%s: %q is not https under beispiel.example", where, address)
	}
}

// checkDate demands an ISO date or nothing.
func checkDate(t *testing.T, where, date string) {
	t.Helper()
	if _, err := time.Parse(time.DateOnly, date); date != "" && err != nil {
		t.Errorf("%s: %v", where, err)
	}
}

func TestProvidersAndSolutionsAreMarkedAsExamples(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ file, link string }{{"providers.csv", "url"}, {"solutions.csv", "link"}} {
		for _, r := range read(t, c.file) {
			if r["example"] != "ja" || !strings.HasSuffix(r["name"], " (Beispiel)") || !strings.HasPrefix(r["id"], "beispiel-") {
				t.Errorf("%s: %s %q is not marked", c.file, r["id"], r["name"])
			}
			checkExampleURL(t, r["id"], r[c.link])
		}
	}
}

func TestAdoptionsAndContractsAreMarkedAsExamples(t *testing.T) {
	t.Parallel()
	contracts := index(t, "contracts.csv", "id")
	for id, r := range contracts {
		if r["example"] != "ja" || !strings.HasSuffix(r["name"], " (Beispiel)") || !strings.HasPrefix(id, "beispiel-") || r["note"] != "Beispieldaten" {
			t.Errorf("contracts.csv: %s is not marked", id)
		}
		checkDate(t, id, r["start_date"])
	}
	for id, r := range index(t, "adoptions.csv", "id") {
		if r["example"] != "ja" || !strings.HasPrefix(id, "beispiel-") || r["note"] != "Beispieldaten" {
			t.Errorf("adoptions.csv: %s is not marked", id)
		}
		if r["url"] != "" {
			checkExampleURL(t, id, r["url"])
		}
		if c := contracts[r["contract"]]; r["contract"] != "" && (c["kind"] != "CALL_OFF" || c["customer"] != "municipalities/"+r["ags"] || c["solutions"] != r["solution"]) {
			t.Errorf("adoptions.csv: %s is not what %s is about", id, r["contract"])
		}
		checkDate(t, id, r["planned_date"])
	}
}

func TestSolutions(t *testing.T) {
	t.Parallel()
	allowed := map[string][]string{
		"kind": {"EFA_SERVICE", "PRODUCT", "FORM", "MODULE", "PORTAL"},
		"efa_state": {
			"", "REUSE_IN_CLARIFICATION", "REUSE_CERTAIN", "DEVELOPMENT_STATE", "DEVELOPMENT_KDN", "DEVELOPMENT_IN_CLARIFICATION", "NONE",
		},
		"status":          {"DRAFT", "PUBLISHED", "WITHDRAWN"},
		"size_classes":    classes,
		"base_components": {"", "Servicekonto.NRW", "BundID", "Mein Unternehmenskonto", "ePayBL", "pmPayment", "Formularserver", "FIT-Connect", "DVDV", "XTA/OSCI"},
	}
	status, kinds := map[string]int{}, map[string]int{}
	for _, r := range read(t, "solutions.csv") {
		status[r["status"]]++
		kinds[r["kind"]]++
		checkDate(t, r["id"], r["promised_date"])
		for column, values := range allowed {
			for _, value := range strings.Split(r[column], ";") {
				if !slices.Contains(values, value) {
					t.Errorf("%s: %s has %q", r["id"], column, value)
				}
			}
		}
	}
	if len(kinds) != 5 || status["DRAFT"] != 1 || status["WITHDRAWN"] != 1 || status["PUBLISHED"] < 20 {
		t.Errorf("kinds %v, states %v: want every kind, one draft, one withdrawn, the others published", kinds, status)
	}
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	covered, levels, solutions := map[string]int{}, map[string]int{}, map[string]bool{}
	for _, r := range read(t, "solution_coverage.csv") {
		covered[r["leika_key"]]++
		levels[r["maturity"]]++
		solutions[r["solution"]] = true
		if !slices.Contains([]string{"0", "1", "2", "3", "4"}, r["maturity"]) {
			t.Errorf("%s %s: maturity %q", r["solution"], r["leika_key"], r["maturity"])
		}
	}
	overlapping := 0
	for _, n := range covered {
		if n > 1 {
			overlapping++
		}
	}
	share := float64(len(covered)) / float64(len(read(t, "public_services.csv")))
	if share < 0.5 || share > 0.75 || overlapping < 10 || levels["2"] < 20 {
		t.Errorf("%.0f %% covered, %d of it twice, levels %v: want gaps, choices and weak solutions to show", 100*share, overlapping, levels)
	}
	for id := range index(t, "solutions.csv", "id") {
		if !solutions[id] {
			t.Errorf("%s covers nothing", id)
		}
	}
}

// maturities says which levels go with a phase: what is online has one, what does not apply has none.
var maturities = map[string][]string{
	"OPEN": {"", "0", "1"}, "PLANNED": {"", "0", "1"}, "IN_PROGRESS": {"", "0", "1"}, "ONLINE": {"1", "2", "3", "4"}, "NOT_APPLICABLE": {""},
}

func TestImplementations(t *testing.T) {
	t.Parallel()
	phases := map[string]int{}
	for _, r := range read(t, "implementations.csv") {
		where := r["ags"] + " " + r["leika_key"]
		phases[r["phase"]]++
		if r["note"] != "Beispieldaten" {
			t.Errorf("%s is not marked as example data", where)
		}
		if allowed, known := maturities[r["phase"]]; !known || !slices.Contains(allowed, r["maturity"]) {
			t.Errorf("%s: %s with maturity %q", where, r["phase"], r["maturity"])
		}
		if r["url"] != "" {
			checkExampleURL(t, where, r["url"])
		}
		if r["url"] != "" && r["phase"] != "ONLINE" || (r["reason"] != "") != (r["phase"] == "NOT_APPLICABLE") || r["department"] == "" {
			t.Errorf("%s: %s with url %q, reason %q, department %q", where, r["phase"], r["url"], r["reason"], r["department"])
		}
		if !slices.Contains([]string{"NONE", "LOW", "MEDIUM", "HIGH"}, r["priority"]) {
			t.Errorf("%s: priority %q", where, r["priority"])
		}
		if r["annual_cases"] != "" {
			number(t, where, r["annual_cases"])
		}
		checkDate(t, where, r["target_date"])
	}
	if len(phases) != len(maturities) {
		t.Errorf("phases %v, want every one to be shown", phases)
	}
}

func TestImplementationsFollowTheRules(t *testing.T) {
	t.Parallel()
	rules, places := index(t, "relevance.csv", "target"), index(t, "places.csv", "ags")
	services, solutions := index(t, "public_services.csv", "leika_key"), index(t, "solutions.csv", "id")
	maturity := map[string]string{}
	for _, r := range read(t, "solution_coverage.csv") {
		maturity[r["solution"]+r["leika_key"]] = r["maturity"]
	}
	recorded := map[string]int{}
	withdrawn := 0
	for _, r := range read(t, "implementations.csv") {
		where, class := r["ags"]+" "+r["leika_key"], places[r["ags"]]["size_class"]
		recorded[r["ags"]]++
		if rule, _ := effective(rules, services[r["leika_key"]]); rule[class] != "ja" {
			t.Errorf("%s: a %s does not owe it", where, class)
		}
		if r["solution"] == "" {
			continue
		}
		s := solutions[r["solution"]]
		if level, ok := maturity[r["solution"]+r["leika_key"]]; !ok || r["phase"] == "ONLINE" && level != r["maturity"] {
			t.Errorf("%s: %s covers it with %q, recorded is %q", where, r["solution"], level, r["maturity"])
		}
		if s["status"] == "DRAFT" || !slices.Contains(strings.Split(s["size_classes"], ";"), class) {
			t.Errorf("%s: %s is a draft or not meant for a %s", where, r["solution"], class)
		}
		if s["status"] == "WITHDRAWN" {
			withdrawn++
		}
	}
	if withdrawn == 0 {
		t.Error("nobody uses the withdrawn solution; its gap could not be shown")
	}
	checkShares(t, recorded)
}

// checkShares demands for every place a state of about half of what it owes, and files of modest size in all.
func checkShares(t *testing.T, recorded map[string]int) {
	t.Helper()
	rules, services := index(t, "relevance.csv", "target"), read(t, "public_services.csv")
	total := 0
	for ags, p := range index(t, "places.csv", "ags") {
		owed := 0
		for _, s := range services {
			if rule, _ := effective(rules, s); rule[p["size_class"]] == "ja" {
				owed++
			}
		}
		total += recorded[ags]
		if share := float64(recorded[ags]) / float64(owed); share < 0.25 || share > 0.85 {
			t.Errorf("%s records %d of %d owed", p["name"], recorded[ags], owed)
		}
	}
	raw, err := starter.FS.ReadFile("implementations.csv")
	if err != nil || total >= 6000 || len(raw) >= 700_000 {
		t.Errorf("%d rows, %d bytes, %v: want below 6,000 and 700 kB", total, len(raw), err)
	}
}
