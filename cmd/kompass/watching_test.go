package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// rules are alert rules as Prometheus reads them.
type rules struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

// dashboard is what the test reads of a Grafana dashboard.
type dashboard struct {
	UID, Title string
	Panels     []panel
	Templating struct {
		List []struct{ Name, Definition string }
	}
}

type panel struct {
	ID          int
	Type, Title string
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct {
		Defaults struct{ Unit string }
	}
	Targets []struct{ Expr, LegendFormat string }
}

// shown are the labels of a running binary's samples, by name.
type shown map[string][]map[string]bool

var (
	sample   = regexp.MustCompile(`(?m)^(\w+)(?:\{(.*)\})? `)
	label    = regexp.MustCompile(`(\w+)="(?:[^"\\]|\\.)*"`)
	template = regexp.MustCompile(`\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}`)
)

func samples(text string) shown {
	found := shown{}
	for _, s := range sample.FindAllStringSubmatch(text, -1) {
		has := map[string]bool{"job": true, "instance": true} // which a scrape adds
		for _, l := range label.FindAllStringSubmatch(s[2], -1) {
			has[l[1]] = true
		}
		found[s[1]] = append(found[s[1]], has)
	}
	return found
}

// check names what an expression asks for that no sample has: metrics, labels to select by, labels that remain to be shown.
func (s shown) check(expr, text string) (problems []string) {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return []string{err.Error()}
	}
	known := map[string]bool{}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok || selector.Name == "up" {
			return nil
		}
		if len(s[selector.Name]) == 0 {
			problems = append(problems, "/metrics has no "+selector.Name)
		}
		for _, m := range selector.LabelMatchers {
			if m.Name != "__name__" && !slices.ContainsFunc(s[selector.Name], func(has map[string]bool) bool { return has[m.Name] }) {
				problems = append(problems, selector.Name+" has no label "+m.Name)
			}
		}
		for _, has := range s[selector.Name] {
			for l := range has {
				known[l] = true
			}
		}
		return nil
	})
	known["job"], known["instance"] = true, true
	for _, l := range append(grouped(parsed), matches(template, text)...) {
		if !known[l] {
			problems = append(problems, "nothing has a label "+l)
		}
	}
	return problems
}

// grouped lists the labels by which an expression groups.
func grouped(expr parser.Expr) (found []string) {
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if a, ok := node.(*parser.AggregateExpr); ok && !a.Without {
			found = append(found, a.Grouping...)
		}
		return nil
	})
	return found
}

func matches(r *regexp.Regexp, text string) (found []string) {
	for _, m := range r.FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

// watched starts a binary, uses it, and reads what it shows.
func watched(t *testing.T) shown {
	t.Helper()
	p := start(t, t.TempDir())
	populate(p)
	p.do(200, http.MethodPatch, buende+"/implementations/"+hundesteuer, `{"phase":"PHASE_ONLINE"}`)
	p.get("/readyz")
	metrics := string(p.do(200, http.MethodGet, "/metrics", nil).body)
	if !strings.Contains(metrics, `route="/readyz",status="200"`) {
		t.Error("a probe of /readyz is not counted as the alerts expect")
	}
	return samples(metrics)
}

// TestWatching compares alerts and dashboard with what a running binary shows: a metric of another name would never ring,
// and draw nothing.
func TestWatching(t *testing.T) {
	t.Parallel()
	var r rules
	if err := yaml.Unmarshal([]byte(deployed(t, "prometheus/alerts.yaml")), &r); err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal([]byte(deployed(t, "grafana/kompass.json")), &d); err != nil {
		t.Fatal(err)
	}
	has := watched(t)
	if problems := has.check(`kompass_nothing{a="b"} > sum by (c) (kompass_state_ready)`, ""); len(problems) != 3 {
		t.Fatalf("the check itself finds %q", problems)
	}
	t.Run("alerts", func(t *testing.T) { checkAlerts(t, r, has) })
	t.Run("dashboard", func(t *testing.T) { checkDashboard(t, d, has) })
}

func checkAlerts(t *testing.T, r rules, has shown) {
	var names []string
	for _, a := range r.Groups[0].Rules {
		for _, p := range has.check(a.Expr, fmt.Sprint(a.Annotations)) {
			t.Errorf("%s: %s", a.Alert, p)
		}
		if !slices.Contains([]string{"warning", "critical"}, a.Labels["severity"]) || a.Annotations["summary"] == "" || a.Annotations["action"] == "" || slices.Contains(names, a.Alert) {
			t.Errorf("%s: severity %q, annotations %q", a.Alert, a.Labels["severity"], a.Annotations)
		}
		names = append(names, a.Alert)
	}
	if len(names) < 28 {
		t.Errorf("only %d alerts found", len(names))
	}
}

func checkDashboard(t *testing.T, d dashboard, has shown) {
	variables := strings.NewReplacer("$__rate_interval", "5m", "$job", ".*", "$instance", ".*")
	for _, v := range d.Templating.List {
		if _, query, ok := strings.Cut(v.Definition, "label_values("); ok {
			metric, _, _ := strings.Cut(query, ",")
			for _, p := range has.check(variables.Replace(metric), "") {
				t.Errorf("variable %s: %s", v.Name, p)
			}
		}
	}
	seen, drawn := map[int]bool{}, 0
	for _, p := range d.Panels {
		if p.Title == "" || seen[p.ID] || p.GridPos.W < 1 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d %q at %+v", p.ID, p.Title, p.GridPos)
		}
		seen[p.ID] = true
		if p.Type == "row" {
			continue
		}
		if drawn++; p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("%s: unit %q, %d targets", p.Title, p.FieldConfig.Defaults.Unit, len(p.Targets))
		}
		for _, target := range p.Targets {
			for _, problem := range has.check(variables.Replace(target.Expr), target.LegendFormat) {
				t.Errorf("%s: %s", p.Title, problem)
			}
		}
	}
	if d.UID == "" || drawn < 50 {
		t.Errorf("%q has %d panels", d.UID, drawn)
	}
}
