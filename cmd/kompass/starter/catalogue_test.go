package starter_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	leikaKey    = regexp.MustCompile(`^[0-9]{14}$`)
	ozgID       = regexp.MustCompile(`^[0-9]{5}$`)
	typisierung = regexp.MustCompile(`^[1-6]([/,][1-6])*$`)
)

// effective is the rule that holds for a service: its own, or the one its OZG service passes on.
func effective(rules map[string]row, service row) (row, bool) {
	if own, ok := rules[service["leika_key"]]; ok {
		return own, true
	}
	inherited, ok := rules["ozg:"+service["ozg_id"]]
	return inherited, ok
}

func TestPublicServices(t *testing.T) {
	t.Parallel()
	services := read(t, "public_services.csv")
	if len(services) < 220 {
		t.Errorf("%d services, want at least 220", len(services))
	}
	for _, r := range services {
		where := r["leika_key"] + " " + r["name"]
		if !leikaKey.MatchString(r["leika_key"]) || !ozgID.MatchString(r["ozg_id"]) || !typisierung.MatchString(r["typisierung"]) {
			t.Errorf("%s: key, OZG id %q or typisierung %q has the wrong form", where, r["ozg_id"], r["typisierung"])
		}
		if r["name"] == "" || !strings.HasSuffix(r["summary"], ".") {
			t.Errorf("%s: name and a summary that is a sentence are required, got %q", where, r["summary"])
		}
		if cases := r["annual_cases_per_1000"]; cases != "" {
			if n := number(t, where, cases); n <= 0 || n > 100 {
				t.Errorf("%s: %v cases for 1,000 inhabitants are not plausible", where, n)
			}
		}
		for _, keyword := range strings.Split(r["keywords"], ";") {
			if keyword != strings.TrimSpace(keyword) || keyword != strings.ToLower(keyword) {
				t.Errorf("%s: keyword %q is not a plain lower case word", where, keyword)
			}
		}
	}
}

func TestRelevanceRules(t *testing.T) {
	t.Parallel()
	services, ozg := index(t, "public_services.csv", "leika_key"), index(t, "ozg_services.csv", "ozg_id")
	for target, r := range index(t, "relevance.csv", "target") {
		id, inherited := strings.CutPrefix(target, "ozg:")
		if _, known := ozg[id]; inherited && !known {
			t.Errorf("%s: no such OZG service", target)
		}
		if _, known := services[target]; !inherited && !known {
			t.Errorf("%s: no such service", target)
		}
		for _, class := range classes {
			if !slices.Contains([]string{"ja", "nein", "offen"}, r[class]) {
				t.Errorf("%s: %s is %q", target, class, r[class])
			}
		}
		if r["note"] == "" {
			t.Errorf("%s: a rule needs its reason", target)
		}
	}
}

func TestEveryServiceHasARule(t *testing.T) {
	t.Parallel()
	rules := index(t, "relevance.csv", "target")
	undecided := 0
	for _, service := range read(t, "public_services.csv") {
		rule, ok := effective(rules, service)
		if !ok {
			t.Errorf("%s %s has neither a rule of its own nor one of OZG service %s", service["leika_key"], service["name"], service["ozg_id"])
		} else if !slices.ContainsFunc(classes, func(class string) bool { return rule[class] == "ja" }) &&
			slices.ContainsFunc(classes, func(class string) bool { return rule[class] == "offen" }) {
			undecided++
		}
	}
	if undecided < 3 || undecided > 20 {
		t.Errorf("%d services are open for everybody, want a handful", undecided)
	}
}

// Golden cases a professional would check first; order of the values as in classes.
func TestRelevanceGolden(t *testing.T) {
	t.Parallel()
	const (
		municipality = "ja ja ja ja ja nein nein"
		kreisOnly    = "ja nein nein nein nein ja ja"
		authority    = "ja ja nein nein nein ja ja"
		nobody       = "nein nein nein nein nein nein nein"
	)
	cases := []struct{ name, key, want string }{
		{"Hundesteuer", "99102013002000", municipality},
		{"Personalausweis", "99008001012000", municipality},
		{"Reisepass verloren", "99085001014003", municipality},
		{"Reisepass im Ausland", "99085001012012", nobody},
		{"Wohnsitz anmelden", "99115005104000", municipality},
		{"Gewerbe anmelden", "99050012104000", municipality},
		{"Gaststättenerlaubnis", "99025002005000", municipality},
		{"Eheurkunde", "99059004012000", municipality},
		{"Wohngeld", "99107023017000", municipality},
		{"Grundsteuer", "99102012002002", municipality},
		{"Grundsteuermessbetrag", "99102056128000", nobody},
		{"Denkmal", "99033002000000", municipality},
		{"Kfz-Zulassung", "99036008007000", kreisOnly},
		{"Fahrerlaubnis", "99023002000000", kreisOnly},
		{"Elterngeld", "99041006017000", kreisOnly},
		{"Schwerbehindertenausweis", "99015007012001", kreisOnly},
		{"Belehrung IfSG", "99003002000000", kreisOnly},
		{"Baugenehmigung", "99012008001000", "ja ja ja ja nein ja ja"},
		{"Genehmigungsfreistellung", "99012027000000", municipality},
		{"Unterhaltsvorschuss", "99107021017000", "ja ja ja offen nein ja ja"},
		{"Aufenthaltserlaubnis", "99010001001000", "ja nein ja nein nein ja ja"},
		{"Einbürgerung", "99099002006000", "ja offen ja nein nein ja ja"},
		{"Bewohnerparkausweis", "99108001000000", "ja ja ja ja nein ja ja"},
		{"Betreuungsverfügung", "99003033035000", "ja nein ja nein nein ja ja"},
		{"Bewachungsgewerbe", "99050004005000", "ja offen nein nein nein ja ja"},
		{"Leichenpass", "99101003012000", municipality},
		{"Gewässerbenutzung", "99129011005000", authority},
		{"Sperrmüll", "99001009004000", municipality},
		{"Verhaltensprüfung von Hunden", "99110009029001", kreisOnly},
		{"Kleiner Waffenschein", "99089069001000", nobody},
		{"Kirchenaustritt", "99073001000000", nobody},
		{"Blindengeld", "99107030080000", nobody},
		{"Kurabgabe", "99139002000000", "offen offen offen offen offen nein nein"},
	}
	rules, services := index(t, "relevance.csv", "target"), index(t, "public_services.csv", "leika_key")
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rule, ok := effective(rules, services[c.key])
			if !ok {
				t.Fatalf("%s has no rule", c.key)
			}
			values := make([]string, len(classes))
			for i, class := range classes {
				values[i] = rule[class]
			}
			if got := strings.Join(values, " "); got != c.want {
				t.Errorf("%s: got %q, want %q", c.key, got, c.want)
			}
		})
	}
}
