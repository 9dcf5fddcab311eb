package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func freeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

const (
	buende      = "/v1/municipalities/05758004"
	hundesteuer = "99102013002000" // Hundesteuer Festsetzung
)

// TestMainJob is the README's promise on starter data: gaps, candidates, a state change, an own solution, what a portal reads.
func TestMainJob(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "--demo")

	gaps := p.get(buende + "/gaps?pageSize=1000")
	list, _ := gaps["gaps"].([]any)
	if len(list) < 20 || gaps["totalSize"] != float64(len(list)) {
		t.Fatalf("%d gaps, totalSize %v", len(list), gaps["totalSize"])
	}
	i := slices.IndexFunc(list, func(g any) bool { return at(g, "candidates", 0) != nil && at(g, "kind") == "KIND_MISSING" })
	if i < 0 {
		t.Fatal("no missing service has a candidate")
	}
	gap := list[i]
	service := at(gap, "publicService").(string)
	key := strings.TrimPrefix(service, "publicServices/")
	if at(gap, "candidates", 0, "rank") != float64(1) || at(gap, "candidates", 0, "reasons", 0, "messageDe") == nil {
		t.Errorf("candidate without rank or reason: %v", at(gap, "candidates", 0))
	}

	solution := at(gap, "candidates", 0, "solution").(string)
	body := `{"phase":"PHASE_ONLINE","maturity":{"level":3},"url":"https://buende.example/dienst","solution":"` + solution + `"}`
	changed := p.do(200, http.MethodPatch, buende+"/implementations/"+key, body)
	if changed.json(t)["fulfilled"] != true || changed.header.Get("Etag") == "" || changed.header.Get("Kompass-Revision") == "" {
		t.Errorf("changed: %s %v", changed.body, changed.header)
	}
	after := p.get(buende + "/gaps?pageSize=1000")
	if slices.Contains(names(after["gaps"], "publicService"), service) {
		t.Error("the gap is still there")
	}
	online := p.get(buende + "/onlineServices?pageSize=1000")
	if !slices.Contains(names(online["onlineServices"], "url"), "https://buende.example/dienst") {
		t.Error("the portal does not see the service")
	}
	if history := p.get(buende + "/implementations/" + key + ":history"); at(history, "changes", 0, "actor") != "administrator" {
		t.Errorf("history: %v", history)
	}
	ownSolution(t, p, list[(i+1)%len(list)])
	p.stop()
}

// ownSolution lets a municipality offer a solution of its own for a gap, and take it out again.
func ownSolution(t *testing.T, p *process, gap any) {
	t.Helper()
	service := at(gap, "publicService").(string)
	p.do(200, http.MethodPost, "/v1/solutions?solutionId=eigene-loesung", `{"displayName":"Eigene Lösung","kind":"KIND_FORM","submitter":"municipalities/05758004",
		"coverage":[{"publicService":"`+service+`","maturity":{"level":3}}]}`)
	p.do(200, http.MethodPost, "/v1/solutions/eigene-loesung:submit", `{}`)
	revision := p.do(200, http.MethodPost, "/v1/solutions/eigene-loesung:publish", `{}`).header.Get("Kompass-Revision")
	candidates := func(revision string) []string {
		gaps := p.do(200, http.MethodGet, buende+"/gaps?pageSize=1000", nil, "Kompass-Revision", revision).json(t)
		for _, g := range gaps["gaps"].([]any) {
			if at(g, "publicService") == service {
				return names(at(g, "candidates"), "solution")
			}
		}
		return nil
	}
	if got := candidates(revision); !slices.Contains(got, "solutions/eigene-loesung") {
		t.Errorf("candidates after publishing: %v", got)
	}
	key := strings.TrimPrefix(service, "publicServices/")
	p.do(200, http.MethodPatch, buende+"/implementations/"+key, `{"phase":"PHASE_ONLINE","maturity":{"level":3},"url":"https://buende.example/eigen","solution":"solutions/eigene-loesung"}`, "Kompass-Revision", revision)
	revision = p.do(200, http.MethodPost, "/v1/solutions/eigene-loesung:withdraw", `{"note":"abgelöst"}`).header.Get("Kompass-Revision")
	seen := p.do(200, http.MethodGet, buende+"/implementations/"+key, nil, "Kompass-Revision", revision).json(t)
	if seen["solutionWithdrawn"] != true {
		t.Errorf("the withdrawal does not show: %v", seen)
	}
	if got := candidates(revision); slices.Contains(got, "solutions/eigene-loesung") {
		t.Error("a withdrawn solution is still a candidate")
	}
}

// TestSecondStartChangesNothing: the starter data are loaded once, and the ledger stays as it is.
func TestSecondStartChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var ledgers, progress []string
	for range 2 {
		p := start(t, dir, "--demo")
		progress = append(progress, string(p.do(200, http.MethodGet, "/v1/progress?groupBy=municipality", nil).body))
		p.stop()
		out, code := kompass(t, "verify", "--data", dir)
		if code != 0 {
			t.Fatalf("verify: %d\n%s", code, out)
		}
		ledgers = append(ledgers, out)
	}
	if ledgers[0] != ledgers[1] || progress[0] != progress[1] {
		t.Errorf("the second start changed something:\n%s\n%s", ledgers[0], ledgers[1])
	}
}

// TestImportRealFiles is the issue's own case: the files as they are, through the verb, and the gaps that follow.
func TestImportRealFiles(t *testing.T) {
	t.Parallel()
	var files []string
	for _, name := range []string{"leika_leistungen.csv", "ozg_leistungen.csv", "lagen.csv", "themenfelder.csv", "verrichtungen_abgeleitet.csv", "nrw_gemeinden.csv", "nrw_kreise.csv", "krz_verband_gemeinden.csv", "kdn_it_dienstleister.csv", "nrw_gemeinden.geojson"} {
		files = append(files, sharedData(t, name))
	}
	p := start(t, t.TempDir())
	out, code := kompass(t, append([]string{"import", "--quiet", "--grpc", p.grpc, "--data", p.dir}, files...)...)
	if code != 0 {
		t.Fatalf("import: %d\n%s", code, out)
	}
	for _, want := range []string{"public_services, 3148 rows: 3148 added", "ozg_services, 557 rows: 557 added", "municipalities, 396 rows: 396 added", "municipalities, 53 rows: 31 added"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	gaps := p.get(buende + "/gaps")
	if gaps["notAssessedSize"].(float64) < 2000 || gaps["totalSize"] != float64(0) {
		t.Errorf("without assessment: %v not assessed, %v gaps", gaps["notAssessedSize"], gaps["totalSize"])
	}
	revision := p.do(200, http.MethodPatch, "/v1/ozgServices/10513/relevance", `{"rules":[{"sizeClass":"SIZE_CLASS_MITTLERE_KREISANGEHOERIGE_STADT","obligation":"OBLIGATION_OWED"}]}`).header.Get("Kompass-Revision")
	gaps = p.do(200, http.MethodGet, buende+"/gaps", nil, "Kompass-Revision", revision).json(t)
	if got := names(gaps["gaps"], "leikaKey"); !slices.Contains(got, "99012001001000") || !slices.Contains(got, "99012001000000") {
		t.Errorf("gaps after assessing Abbruchgenehmigung: %v", got)
	}
	again, code := kompass(t, append([]string{"import", "--quiet", "--grpc", p.grpc, "--data", p.dir}, files...)...)
	if code != 0 || strings.Count(again, " 0 added, 0 changed, 0 withdrawn") != len(files) {
		t.Errorf("the second import is not without effect (%d):\n%s", code, again)
	}
	p.stop()
}

// TestImportStates takes states through the verb, as they left over REST: a table that people filled in, and the same again.
func TestImportStates(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "--demo")
	export := p.do(http.StatusOK, http.MethodGet, buende+"/implementations:export?format=csv", nil)
	if kind := export.header.Get("Content-Type"); kind != "text/csv; charset=utf-8" || !strings.Contains(string(export.body), "LeiKa-Schlüssel") {
		t.Fatalf("exported %s: %.300s", kind, export.body)
	}
	file := filepath.Join(t.TempDir(), "staende.csv")
	for _, c := range []struct{ table, want string }{
		{string(export.body), " 0 added, 0 changed"},
		{"ags;leika_key;phase;seit;notiz\n05758004;99102013002000;online;1.3.2026;aus der Tabelle\n", "implementations, 1 row: "},
	} {
		if err := os.WriteFile(file, []byte(c.table), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, code := kompass(t, "import", "--grpc", p.grpc, "--data", p.dir, file); code != 0 || !strings.Contains(out, c.want) {
			t.Errorf("import: %d, no %q in\n%s", code, c.want, out)
		}
	}
	if i := p.get(buende + "/implementations/99102013002000"); i["note"] != "aus der Tabelle" || i["phaseDate"] != "2026-03-01" {
		t.Errorf("recorded %v", i)
	}
	p.stop()
}

// TestImportIsRefused checks the verb's exit code and that a refused file leaves nothing behind.
func TestImportIsRefused(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	file := filepath.Join(t.TempDir(), "leistungen.csv")
	if err := os.WriteFile(file, []byte("leika_key;name\n99012001001000;Abbruchgenehmigung Erteilung\nABC;Unsinn\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := kompass(t, "import", "--grpc", p.grpc, "--data", p.dir, file)
	if code != exitRefused || !strings.Contains(out, file+":3: error:") {
		t.Errorf("exit code %d, want %d, and line 3 named:\n%s", code, exitRefused, out)
	}
	if out, code := kompass(t, "import", "--validate-only", "--grpc", p.grpc, "--data", p.dir, file); code != exitRefused || !strings.Contains(out, "would be refused") {
		t.Errorf("validate only: exit code %d, want %d:\n%s", code, exitRefused, out)
	}
	if err := os.WriteFile(file, []byte("farbe;form\nrot;rund\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := kompass(t, "import", "--grpc", p.grpc, "--data", p.dir, file); code != exitRefused || !strings.Contains(out, "Kopfzeile") {
		t.Errorf("unknown header: exit code %d and no word of the header:\n%s", code, out)
	}
	if out, code := kompass(t, "import", "--grpc", freeAddress(t), "--data", p.dir, file); code != exitFailed || !strings.Contains(out, "no platform answers") {
		t.Errorf("dead address: exit code %d:\n%s", code, out)
	}
	if list := p.get("/v1/publicServices"); list["totalSize"] != float64(0) {
		t.Errorf("something was taken over: %v", list)
	}
	p.stop()
}

// TestFlippedBit: a flipped bit in a stored block is named by verify, and the server does not start on it.
func TestFlippedBit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, dir, "--demo").stop()
	blocks, err := filepath.Glob(filepath.Join(dir, "nats", "jetstream", "*", "streams", "*MUNICIPALITY", "msgs", "*.blk"))
	if err != nil || len(blocks) == 0 {
		t.Fatalf("no blocks: %v", err)
	}
	data, err := os.ReadFile(blocks[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 4
	if err := os.WriteFile(blocks[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := kompass(t, "verify", "--data", dir)
	if code != exitDamaged || !strings.Contains(out, "KOMPASS_KRZ_MUNICIPALITY, record ") {
		t.Errorf("verify: exit code %d\n%s", code, out)
	}
	p, ready := launch(t, dir)
	select {
	case <-ready:
		t.Error("serves from a damaged ledger")
	case <-p.done:
		if !strings.Contains(p.log.String(), "KOMPASS_KRZ_MUNICIPALITY") || p.cmd.ProcessState.ExitCode() != exitDamaged {
			t.Errorf("exit code %d: %s", p.cmd.ProcessState.ExitCode(), p.log)
		}
	}
	after, _ := os.ReadFile(blocks[0])
	if len(after) != len(data) {
		t.Error("the refused start changed the block")
	}
}

func TestWrongSettingsAreNamedAllAtOnce(t *testing.T) {
	t.Parallel()
	out, code := kompass(t, "serve", "--http", "nowhere", "--only", "kitchen", "--origin", "K R Z", "--log-level", "loud", "--replicas", "4")
	if code != exitUsage {
		t.Errorf("exit code %d, want %d", code, exitUsage)
	}
	for _, flag := range []string{"--http", "--only", "--origin", "--log-level", "--replicas"} {
		if !strings.Contains(out, flag+":") {
			t.Errorf("%s is not named:\n%s", flag, out)
		}
	}
	if _, code := kompass(t, "serve", "--no-such-flag"); code != exitUsage {
		t.Errorf("unknown flag: exit code %d", code)
	}
	if out, code := kompass(t, "verify", "--data", t.TempDir()); code != exitFailed {
		t.Errorf("verify without ledger: %d %s", code, out)
	}
}

// TestSettingsFile: flags come before the environment, which comes before the file.
func TestSettingsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kompass.yaml")
	if err := os.WriteFile(file, []byte("origin: Von Datei\nlog-level: von-datei\nhttp: von-datei\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KOMPASS_LOG_LEVEL", "von-umgebung")
	t.Setenv("KOMPASS_HTTP", "von-umgebung")
	out, _ := kompass(t, "serve", "--config", file, "--http", "von-flag")
	for _, want := range []string{`--origin: "Von Datei"`, `--log-level: "von-umgebung"`, `--http: "von-flag"`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in:\n%s", want, out)
		}
	}
	if err := os.WriteFile(file, []byte("orign: krz\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := kompass(t, "serve", "--config", file); code != exitUsage || !strings.Contains(out, "orign") {
		t.Errorf("unknown key: %d %s", code, out)
	}
}
