package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/server"
)

// load is writers who do what clients are told to do: repeat, with the same request id, what was not answered.
type load struct {
	tb      testing.TB
	writers []*writer
	ending  chan struct{}
	group   sync.WaitGroup
}

// writer counts up, each number once, and looks through the other gateway whether it is there.
type writer struct {
	id, part     string
	write        func(n int64) (method, path, body string)
	read         func(n int64) string
	field        string // of what is read, that shows the number
	acknowledged atomic.Int64
	token        string
	repeated     atomic.Int64
	slowest      atomic.Int64 // write, in milliseconds
}

func startLoad(tb testing.TB, doors []*process) *load {
	tb.Helper()
	l := &load{tb: tb, ending: make(chan struct{})}
	for i, key := range loadKeys {
		l.writers = append(l.writers, implementationWriter(key))
		if i%2 == 0 {
			l.writers = append(l.writers, relevanceWriter(key), solutionWriter(fmt.Sprint("s", i)))
		}
	}
	for i, w := range l.writers {
		l.group.Go(func() { w.run(tb, l.ending, doors[i%2], doors[(i+1)%2]) })
	}
	return l
}

func implementationWriter(key string) *writer {
	path := buende + "/implementations/" + key
	return &writer{
		id: "i" + key, part: "municipality", field: "note",
		write: func(n int64) (string, string, string) { return http.MethodPatch, path, fmt.Sprintf(`{"note":"%d"}`, n) },
		read:  func(int64) string { return path },
	}
}

func relevanceWriter(key string) *writer {
	path := "/v1/publicServices/" + key + "/relevance"
	return &writer{
		id: "r" + key, part: "catalogue", field: "note",
		write: func(n int64) (string, string, string) { return http.MethodPatch, path, fmt.Sprintf(`{"note":"%d"}`, n) },
		read:  func(int64) string { return path },
	}
}

// solutionWriter creates: done twice it would be told that the solution exists.
func solutionWriter(id string) *writer {
	return &writer{
		id: id, part: "marketplace", field: "displayName",
		write: func(n int64) (string, string, string) {
			return http.MethodPost, fmt.Sprintf("/v1/solutions?solutionId=%s-%d", id, n), fmt.Sprintf(`{"displayName":"%d","kind":"KIND_FORM"}`, n)
		},
		read: func(n int64) string { return fmt.Sprintf("/v1/solutions/%s-%d", id, n) },
	}
}

// run writes through one gateway and reads through the other, and the other way round when one does not answer.
func (w *writer) run(tb testing.TB, ending <-chan struct{}, one, other *process) {
	for n := int64(1); ; n++ {
		select {
		case <-ending:
			return
		case <-time.After(30 * time.Millisecond):
		}
		begin := time.Now()
		method, path, body := w.write(n)
		a := w.insist(one, other, method, path, body, "Idempotency-Key", w.requestID(n))
		if a.status != http.StatusOK {
			tb.Errorf("%s %s: %d %s", method, path, a.status, a.body)
			return
		}
		w.acknowledged.Store(n)
		w.token = a.header.Get("Kompass-Revision")
		w.slowest.Store(max(w.slowest.Load(), time.Since(begin).Milliseconds()))
		if n%8 == 0 { // as one who missed the answer would
			if a := w.insist(other, one, method, path, body, "Idempotency-Key", w.requestID(n)); a.status != http.StatusOK {
				tb.Errorf("%s %s, repeated: %d %s", method, path, a.status, a.body)
				return
			}
		}
		a = w.insist(other, one, http.MethodGet, w.read(n), nil)
		if a.status != http.StatusOK || a.json(tb)[w.field] != fmt.Sprint(n) {
			tb.Errorf("%s does not show %d: %d %s", w.read(n), n, a.status, a.body)
			return
		}
	}
}

func (w *writer) requestID(n int64) string { return fmt.Sprintf("%s.%d", w.id, n) }

// insistTime bounds how long a client repeats.
const insistTime = 2 * time.Minute

// insist repeats a request until a gateway answers it with something else than "try again".
func (w *writer) insist(one, other *process, method, path string, body any, headers ...string) (a answer) {
	headers = append(headers, "Kompass-Revision", w.token)
	for deadline := time.Now().Add(insistTime); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var err error
		a, err = one.try(method, path, body, headers...)
		if err == nil && a.status != http.StatusServiceUnavailable && a.status != http.StatusGatewayTimeout {
			return a
		}
		w.repeated.Add(1)
		one, other = other, one
	}
	return a
}

// goesOn waits until every writer was answered a few times more.
func (l *load) goesOn(when string) {
	l.tb.Helper()
	for _, w := range l.writers {
		before := w.acknowledged.Load()
		eventually(l.tb, when+" "+w.id+" goes on", func() error {
			if now := w.acknowledged.Load(); now < before+2 {
				return fmt.Errorf("%d after %d", now, before)
			}
			return nil
		})
	}
}

func (l *load) stop() {
	close(l.ending)
	l.group.Wait()
}

// String sums up.
func (l *load) String() string {
	var acknowledged, repeated, slowest int64
	for _, w := range l.writers {
		acknowledged += w.acknowledged.Load()
		repeated += w.repeated.Load()
		slowest = max(slowest, w.slowest.Load())
	}
	return fmt.Sprintf("%d writes acknowledged, %d requests repeated, slowest write %d ms", acknowledged, repeated, slowest)
}

// checkLedger finds the record of every acknowledged write in the stream, once, and no others of these writers.
func (l *load) checkLedger(c *cluster) {
	l.tb.Helper()
	for part := range grpcNames {
		counts := requests(l.tb, c, part)
		for _, w := range l.writers {
			if w.part != part {
				continue
			}
			for n := range w.acknowledged.Load() {
				if got := counts[w.requestID(n+1)]; got != 1 {
					l.tb.Errorf("%s was acknowledged and has %d records", w.requestID(n+1), got)
				}
			}
			if id := w.requestID(w.acknowledged.Load() + 1); counts[id] > 0 {
				l.tb.Errorf("%s was never answered, and the writer has stopped", id)
			}
		}
	}
}

// requests counts the records of a stream by request id.
func requests(tb testing.TB, c *cluster, part string) map[string]int {
	tb.Helper()
	counts := map[string]int{}
	entries(tb, c.conn, part, len(c.nodes), func(e *ledger.Entry) { counts[e.Record.GetRequestId()]++ })
	return counts
}

// entries reads the stream of a service, of so many replicas, from its first entry to its last.
func entries(tb testing.TB, conn *nats.Conn, service string, replicas int, visit func(*ledger.Entry)) {
	tb.Helper()
	log, err := ledger.Open(tb.Context(), conn, ledger.Name{Origin: "krz", Service: service}, replicas)
	if err != nil {
		tb.Fatal(err)
	}
	last, err := log.LastSequence(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	if last == 0 { // nothing would ever come
		return
	}
	chain, done := ledger.NewChain(log.Name()), errors.New("done")
	err = log.Follow(tb.Context(), 0, func(batch []ledger.Message) error {
		entries, err := chain.Add(batch)
		for i := range entries {
			visit(&entries[i])
		}
		if err == nil && batch[len(batch)-1].Sequence >= last {
			return done
		}
		return err
	})
	if !errors.Is(err, done) {
		tb.Fatal(err)
	}
}

// checkReplicas asks every replica by itself: it has what was acknowledged, and answers as its sibling does.
func (s *fleet) checkReplicas(l *load) {
	s.tb.Helper()
	for part, ask := range map[string]func(context.Context, *grpc.ClientConn, *writer) ([]proto.Message, error){
		"catalogue": askCatalogue, "municipality": askMunicipality, "marketplace": askMarketplace,
	} {
		for _, w := range l.writers {
			var answers [][]byte
			for _, m := range s.of(part) {
				ctx := metadata.AppendToOutgoingContext(s.tb.Context(), server.HeaderRevision, w.token)
				messages, err := ask(ctx, m.conn, w)
				if err != nil {
					s.tb.Errorf("%s, asked for %s: %v", part, w.id, err)
					continue
				}
				var all []byte
				for _, message := range messages {
					data, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
					if err != nil {
						s.tb.Fatal(err)
					}
					all = append(all, data...)
				}
				answers = append(answers, all)
			}
			if len(answers) == 2 && !bytes.Equal(answers[0], answers[1]) {
				s.tb.Errorf("the replicas of %s answer differently about %s", part, w.id)
			}
		}
	}
}

// must says that a number is not the acknowledged one.
func (w *writer) must(got string, err error) error {
	if want := fmt.Sprint(w.acknowledged.Load()); err == nil && got != want {
		err = fmt.Errorf("%q, acknowledged was %s", got, want)
	}
	return err
}

func askCatalogue(ctx context.Context, conn *grpc.ClientConn, w *writer) ([]proto.Message, error) {
	client := cataloguev1.NewCatalogueServiceClient(conn)
	list, err := client.ListPublicServices(ctx, &cataloguev1.ListPublicServicesRequest{PageSize: 1000})
	if err != nil || w.part != "catalogue" {
		return []proto.Message{list}, err
	}
	one, err := client.GetRelevance(ctx, &cataloguev1.GetRelevanceRequest{Name: "publicServices/" + w.id[1:] + "/relevance"})
	return []proto.Message{list, one}, w.must(one.GetNote(), err)
}

func askMunicipality(ctx context.Context, conn *grpc.ClientConn, w *writer) ([]proto.Message, error) {
	client := municipalityv1.NewMunicipalityServiceClient(conn)
	parent := strings.TrimPrefix(buende, "/v1/")
	gaps, err := client.ListGaps(ctx, &municipalityv1.ListGapsRequest{Parent: parent, PageSize: 1000})
	if err != nil || w.part != "municipality" {
		return []proto.Message{gaps}, err
	}
	name := parent + "/implementations/" + w.id[1:]
	history, err := client.ListImplementationHistory(ctx, &municipalityv1.ListImplementationHistoryRequest{Name: name, PageSize: 5})
	if err != nil {
		return nil, err
	}
	one, err := client.GetImplementation(ctx, &municipalityv1.GetImplementationRequest{Name: name})
	return []proto.Message{gaps, history, one}, w.must(one.GetNote(), err)
}

func askMarketplace(ctx context.Context, conn *grpc.ClientConn, w *writer) ([]proto.Message, error) {
	client := marketplacev1.NewMarketplaceServiceClient(conn)
	list, err := client.ListSolutions(ctx, &marketplacev1.ListSolutionsRequest{PageSize: 1000})
	if err != nil || w.part != "marketplace" {
		return []proto.Message{list}, err
	}
	for n := range w.acknowledged.Load() {
		name := fmt.Sprintf("solutions/%s-%d", w.id, n+1)
		if _, err := client.GetSolution(ctx, &marketplacev1.GetSolutionRequest{Name: name}); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return []proto.Message{list}, nil
}
