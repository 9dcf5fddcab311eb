package gateway

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.yaml.in/yaml/v3"

	"kompass.krz.de/proto/asyncapi"
	"kompass.krz.de/proto/openapi"
)

// problemPath precedes the reason in the type of a problem.
const problemPath = "/problems/"

//go:embed pages
var pageFiles embed.FS

// static is an answer that is the same for everybody until the process ends: tag and compression are made once.
type static struct {
	*finished
	policy string
}

func newStatic(contentType, policy string, body []byte) *static {
	f := content{contentType: contentType, body: body}.finish(tagOf("", body))
	f.zipOnce()
	return &static{f, policy}
}

func (s *static) serve(x *exchange) {
	if s.policy != "" {
		x.Header().Set("Content-Security-Policy", s.policy)
	}
	x.sendFinished(http.StatusOK, s.finished)
}

// example is a line of the start page.
type example struct{ Path, DE, EN string }

var examples = []example{
	{"/v1/publicServices?q=hunde%20anmelden", "Leistungen suchen", "Search services"},
	{"/v1/municipalities/05758004/gaps", "Was Bünde noch schuldet, und was die Lücken schließt", "What Bünde still owes, and what closes the gaps"},
	{"/v1/municipalities/05758004/onlineServices?q=steuer", "Was in Bünde online ist", "What is online in Bünde"},
	{"/v1/progress?groupBy=district", "Wie weit die Kreise sind", "How far the Kreise are"},
	{"/v1/solutions", "Lösungen auf dem Marktplatz", "Solutions on the marketplace"},
}

// pageMaker renders HTML pages that load nothing: one style, allowed by its hash.
type pageMaker struct {
	style  template.CSS
	policy string
}

func newPageMaker() (*pageMaker, error) {
	style, err := pageFiles.ReadFile("pages/style.css")
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(style)
	return &pageMaker{
		style: template.CSS(style), //nolint:gosec // our own file, embedded
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}, nil
}

// make renders one page from its template and values.
func (m *pageMaker) make(name, title string, values map[string]any) (*static, error) {
	parsed, err := template.ParseFS(pageFiles, "pages/layout.html", "pages/"+name)
	if err != nil {
		return nil, err
	}
	values["Title"], values["Style"] = title, m.style
	var b bytes.Buffer
	if err := parsed.Execute(&b, values); err != nil {
		return nil, fmt.Errorf("page %s: %w", name, err)
	}
	return newStatic(contentHTML, m.policy, b.Bytes()), nil
}

// servePages adds the paths that are not part of the contract; everything in them is made now.
func (e *edge) servePages() error {
	doc, err := amendOpenAPI(openapi.JSON, e.routes)
	if err != nil {
		return err
	}
	spelled, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("openapi: %w", err)
	}
	events, err := asyncAPI()
	if err != nil {
		return err
	}
	german, err := germanTexts()
	if err != nil {
		return err
	}
	maker, err := newPageMaker()
	if err != nil {
		return err
	}
	docs, err := maker.make("docs.html", "Schnittstelle", map[string]any{"Groups": docGroups(doc, german), "Types": docTypes(doc)})
	if err != nil {
		return err
	}
	start, err := maker.make("start.html", "Start", map[string]any{"Examples": examples})
	if err != nil {
		return err
	}
	problems, err := e.problemPages(maker)
	if err != nil {
		return err
	}
	if err := e.serveMailPages(maker); err != nil {
		return err
	}
	e.addPage("/", start.serve)
	e.addPage("/docs", docs.serve)
	e.addPage("/openapi.json", newStatic(contentJSON, "", spelled).serve)
	e.addPage("/asyncapi.json", newStatic(contentJSON, "", events).serve)
	e.addPage("/asyncapi.yaml", newStatic(contentYAML, "", asyncapi.YAML).serve)
	e.addPage(problemPath+"*", problems)
	e.addPage("/healthz", alive)
	e.addPage("/readyz", e.ready)
	if e.options.Gatherer != nil {
		metrics := promhttp.HandlerFor(e.options.Gatherer, promhttp.HandlerOpts{})
		e.addPage("/metrics", func(x *exchange) { metrics.ServeHTTP(x, x.req) })
	}
	return nil
}

// asyncAPI is the description of the events as JSON: the same document, for tools that read no YAML.
func asyncAPI() ([]byte, error) {
	var doc object
	if err := yaml.Unmarshal(asyncapi.YAML, &doc); err != nil {
		return nil, fmt.Errorf("asyncapi: %w", err)
	}
	return json.Marshal(doc)
}

// problemPages makes a page for every reason.
func (e *edge) problemPages(maker *pageMaker) (handler, error) {
	pages := make(map[string]*static, len(e.reasons))
	for name, reason := range e.reasons {
		status := reason.status
		if status == 0 {
			status = statusOf(reason.Code, name)
		}
		de, en := titleOf(status)
		page, err := maker.make("problem.html", name, map[string]any{"Reason": reason, "Status": status, "TitleDE": de, "TitleEN": en})
		if err != nil {
			return nil, err
		}
		pages[name] = page
	}
	return func(x *exchange) {
		if page := pages[x.segments[len(x.segments)-1]]; page != nil {
			page.serve(x)
			return
		}
		x.refuse(reasonPathUnknown)
	}, nil
}

func (e *edge) addPage(pattern string, page handler) {
	e.routes.add(pattern, &endpoint{method: http.MethodGet, page: page})
}
