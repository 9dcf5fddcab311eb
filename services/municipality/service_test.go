package municipality

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/identity"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/server"
	"kompass.krz.de/services/platform/state"
)

// testDay is the day of all tests.
var testDay = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// world is a running service behind gRPC, with the streams that it follows.
type world struct {
	tb      testing.TB
	ctx     context.Context
	service *Service
	client  municipalityv1.MunicipalityServiceClient
	foreign map[string]*state.Replica[struct{}]
	stop    func() // may be called early
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	return openWorld(tb, tb.TempDir())
}

func openWorld(tb testing.TB, dir string) *world {
	tb.Helper()
	logger := slog.New(slog.DiscardHandler)
	nats, err := broker.Start(dir, logger)
	must(tb, err)
	ctx, cancel := context.WithCancel(context.Background())
	site := ledger.Site{Conn: nats.Conn, Origin: "test", Replicas: 1}
	service, err := New(ctx, site, logger, func() time.Time { return testDay })
	must(tb, err)
	w := &world{tb: tb, service: service, foreign: map[string]*state.Replica[struct{}]{}}
	done := make(chan error, 3)
	go func() { done <- service.Run(ctx) }()
	for _, name := range []string{"catalogue", "marketplace"} {
		log, err := site.Open(ctx, name)
		must(tb, err)
		w.foreign[name] = state.New(logger, struct{}{}, func(struct{}, ledger.Name, []ledger.Entry, bool) (struct{}, error) { return struct{}{}, nil }, log)
		go func() { done <- w.foreign[name].Run(ctx) }()
		must(tb, w.foreign[name].Ready(ctx))
	}
	stopServer := w.serve(ctx)
	must(tb, service.Ready(ctx))
	w.stop = sync.OnceFunc(func() {
		stopServer()
		cancel()
		for range 3 {
			<-done
		}
		nats.Stop()
	})
	tb.Cleanup(w.stop)
	w.ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer key")
	return w
}

func (w *world) serve(ctx context.Context) (stop func()) {
	srv, err := server.New(server.Options{
		Logger:        slog.New(slog.DiscardHandler),
		Authenticator: identity.New("key"),
		Revisions:     map[string]server.Revisions{municipalityv1.MunicipalityService_ServiceDesc.ServiceName: w.service.Revisions()},
	})
	must(w.tb, err)
	w.service.Register(srv)
	listener := bufconn.Listen(1 << 20)
	go func() { _ = srv.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.DialContext(ctx) }))
	must(w.tb, err)
	w.client = municipalityv1.NewMunicipalityServiceClient(conn)
	return func() { _ = conn.Close(); srv.Stop() }
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// publish writes entities of another service and waits until they have arrived.
func (w *world) publish(service string, entities ...proto.Message) {
	w.tb.Helper()
	replica := w.foreign[service]
	_, err := replica.Write(w.ctx, ledger.Cause{Actor: "test", Time: testDay}, func(struct{}) ([]ledger.Draft, error) {
		drafts := make([]ledger.Draft, len(entities))
		for i, e := range entities {
			name := e.(interface{ GetName() string }).GetName()
			drafts[i] = ledger.Draft{Subject: replica.Own().Subject(subjectToken(name)[0], subjectToken(name)[1]), Resource: name, Entity: e}
		}
		return drafts, nil
	})
	must(w.tb, err)
	must(w.tb, w.service.replica.WaitFor(w.ctx, replica.Token()))
}

// succeed writes what replaces a public service.
func (w *world) succeed(key string, successors ...string) {
	w.tb.Helper()
	replica := w.foreign["catalogue"]
	_, err := replica.Write(w.ctx, ledger.Cause{Actor: "test", Time: testDay}, func(struct{}) ([]ledger.Draft, error) {
		return []ledger.Draft{{
			Subject: replica.Own().Subject("succession", key), Resource: publicServices + key,
			Entity: &cataloguev1.Succession{Name: publicServices + key, Successors: successors},
		}}, nil
	})
	must(w.tb, err)
	must(w.tb, w.service.replica.WaitFor(w.ctx, replica.Token()))
}

func subjectToken(name string) [2]string {
	if rest, is := strings.CutSuffix(name, "/relevance"); is {
		return [2]string{"relevance", strings.ReplaceAll(rest[strings.Index(rest, "/")+1:], "/", "-")}
	}
	collection, id, _ := strings.Cut(name, "/")
	return [2]string{strings.TrimSuffix(collection, "s"), id}
}

func (w *world) importFile(file string) *commonv1.ImportReport {
	w.tb.Helper()
	report, err := w.client.ImportMunicipalities(w.ctx, &municipalityv1.ImportMunicipalitiesRequest{File: []byte(file)})
	must(w.tb, err)
	return report
}

func (w *world) patch(i *municipalityv1.Implementation) *municipalityv1.Implementation {
	w.tb.Helper()
	answer, err := w.client.UpdateImplementation(w.ctx, &municipalityv1.UpdateImplementationRequest{Implementation: i})
	must(w.tb, err)
	return answer
}

func (w *world) gaps(ags, filter string) *municipalityv1.ListGapsResponse {
	w.tb.Helper()
	answer, err := w.client.ListGaps(w.ctx, &municipalityv1.ListGapsRequest{Parent: municipalityName(ags), Filter: filter, PageSize: 1000})
	must(w.tb, err)
	return answer
}

// reasonOf is the reason of a fault that came over gRPC, and the fields it blames.
func reasonOf(err error) (reason string, fields []string) {
	for _, d := range status.Convert(err).Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			reason = d.GetReason()
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				fields = append(fields, v.GetField())
			}
		}
	}
	return reason, fields
}

func wantReason(tb testing.TB, err error, reason string, fields ...string) {
	tb.Helper()
	got, blamed := reasonOf(err)
	if got != reason || fmt.Sprint(blamed) != fmt.Sprint(fields) {
		tb.Errorf("got %s %v (%v), want %s %v", got, blamed, err, reason, fields)
	}
}

// sharedData is a file of real data; the test is skipped where it is missing.
func sharedData(tb testing.TB, name string) []byte {
	tb.Helper()
	return projectFile(tb, "..", "shared", "data", name)
}

// projectFile is a file by its path from the project's root; the test is skipped where it is missing.
func projectFile(tb testing.TB, path ...string) []byte {
	tb.Helper()
	dir, err := os.Getwd()
	must(tb, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			tb.Skip("no project root above this package")
		}
		dir = filepath.Dir(dir)
	}
	data, err := os.ReadFile(filepath.Join(append([]string{dir}, path...)...))
	if err != nil {
		tb.Skipf("file is missing: %v", err)
	}
	return data
}

// Keys of the small catalogue that most tests use.
const (
	dogTax    = "99102013002000" // owed by every municipality
	carPlates = "99036008001000" // owed by Kreise and kreisfreie Städte
	building  = "99012001001000" // inherits from its OZG service: owed by große and mittlere
	waste     = "99001003000000" // owed by everybody
	marriage  = "99059001001000" // owed by municipalities
	fishing   = "99050001001000" // nobody assessed it
	old       = "99090001001000" // withdrawn
)

const smallPlaces = `ags;ars;name;name_kurz;typ;einwohner;groessenklasse;kreis_schluessel;data_centre
05766000;057660000000;Lippe;;Kreis;350.588;kreis;;krz
05766044;057660044044;Lemgo, Alte Hansestadt;Lemgo;Stadt;41.123;mittlere_kreisangehoerige_stadt;05766;krz
05766020;057660020020;Detmold, Stadt;Detmold;Stadt;75.000;grosse_kreisangehoerige_stadt;05766;krz
05758000;057580000000;Herford;;Kreis;253551;kreis;;krz
05758004;057580004004;Bünde, Stadt;Bünde;Stadt;46030;mittlere_kreisangehoerige_stadt;05758;
05711000;057110000000;Bielefeld, Stadt;Bielefeld;Kreisfreie Stadt;338.332;kreisfreie_stadt;05711;
05758999;057580000999;Ungeklärt, Stadt;Ungeklärt;Stadt;20.500;mittlere_oder_kleine_pruefen;05758;
`

func service(key, name, ozg string) *cataloguev1.PublicService {
	return &cataloguev1.PublicService{
		Name: publicServices + key, LeikaKey: key, DisplayName: name, OzgService: ozg, State: cataloguev1.EntryState_ENTRY_STATE_ACTIVE,
	}
}

func owes(target string, classes ...commonv1.SizeClass) *cataloguev1.Relevance {
	r := &cataloguev1.Relevance{Name: target + "/relevance"}
	for class := commonv1.SizeClass(1); class <= 7; class++ {
		obligation := cataloguev1.Obligation_OBLIGATION_NOT_OWED
		for _, c := range classes {
			if c == class {
				obligation = cataloguev1.Obligation_OBLIGATION_OWED
			}
		}
		r.Rules = append(r.Rules, &cataloguev1.ClassRule{SizeClass: class, Obligation: obligation})
	}
	return r
}

func smallCatalogue() []proto.Message {
	withdrawn := service(old, "Alte Leistung", "")
	withdrawn.State = cataloguev1.EntryState_ENTRY_STATE_WITHDRAWN
	all := []commonv1.SizeClass{1, 2, 3, 4, 5, 6, 7}
	towns := all[:5]
	return []proto.Message{
		&cataloguev1.Theme{Name: "themes/bauen-wohnen", DisplayName: "Bauen & Wohnen"},
		&cataloguev1.Theme{Name: "themes/steuern-zoll", DisplayName: "Steuern & Zoll"},
		&cataloguev1.OzgService{Name: "ozgServices/10513", OzgId: "10513", DisplayName: "Baugenehmigung", Theme: "themes/bauen-wohnen"},
		&cataloguev1.OzgService{Name: "ozgServices/10291", OzgId: "10291", DisplayName: "Hundesteuer", Theme: "themes/steuern-zoll"},
		service(dogTax, "Hundesteuer Festsetzung", "ozgServices/10291"), service(carPlates, "Kfz-Zulassung", ""),
		service(building, "Baugenehmigung Erteilung", "ozgServices/10513"), service(waste, "Bioabfall", ""),
		service(marriage, "Eheschließung Anmeldung", ""), service(fishing, "Fischereischein Erteilung", ""), withdrawn,
		owes(publicServices+dogTax, towns...), owes(publicServices+carPlates, 1, 6, 7), owes("ozgServices/10513", 1, 3, 4),
		owes(publicServices+waste, all...), owes(publicServices+marriage, towns...), owes(publicServices+old, all...),
	}
}

func solution(id, name string, change func(*marketplacev1.Solution), keys ...string) *marketplacev1.Solution {
	s := &marketplacev1.Solution{Name: "solutions/" + id, DisplayName: name, State: marketplacev1.Solution_STATE_PUBLISHED}
	for _, key := range keys {
		s.Coverage = append(s.Coverage, &marketplacev1.Coverage{
			PublicService: publicServices + key, Maturity: &municipalityv1.Maturity{Model: "1.1", Level: 3},
		})
	}
	if change != nil {
		change(s)
	}
	return s
}

// smallWorld is a world with a small catalogue, marketplace and some places.
func smallWorld(tb testing.TB) *world { return smallWorldIn(tb, tb.TempDir()) }

func smallWorldIn(tb testing.TB, dir string) *world {
	w := openWorld(tb, dir)
	w.publish("catalogue", smallCatalogue()...)
	w.publish("marketplace",
		solution("hundesteuer-online", "Hundesteuer online", nil, dogTax),
		solution("alles-koenner", "Alleskönner", func(s *marketplacev1.Solution) {
			s.PromisedDate = "2027-03-31"
			s.PromiseChanges = []*marketplacev1.PromiseChange{{NewDate: "2026-06-30"}, {OldDate: "2026-06-30", NewDate: "2027-03-31"}}
			s.EfaState = marketplacev1.Solution_EFA_STATE_REUSE_CERTAIN
		}, dogTax, building, waste),
		solution("nur-kreise", "Nur für Kreise", func(s *marketplacev1.Solution) { s.SizeClasses = []commonv1.SizeClass{6} }, waste, dogTax),
		solution("entwurf", "Entwurf", func(s *marketplacev1.Solution) { s.State = marketplacev1.Solution_STATE_DRAFT }, dogTax),
	)
	w.importFile("id,name,town,url\nkrz,krz Minden-Ravensberg/Lippe,Lemgo,krz.de\n")
	w.importFile(smallPlaces)
	return w
}

// detailsOf is all that a fault says.
func detailsOf(err error) string { return fmt.Sprint(status.Convert(err).Details()) }
