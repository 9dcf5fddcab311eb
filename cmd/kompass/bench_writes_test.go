package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
)

var benchWrites = flag.Bool("bench-writes", false, "measure and print the writes of make bench alone")

// TestBenchWrites measures the writes alone, for work on them.
func TestBenchWrites(t *testing.T) {
	if !*benchWrites {
		t.Skip("part of make bench; alone with -bench-writes")
	}
	b := &bench{t: t}
	b.writes()
	b.print()
}

const (
	writeRounds = 5                      // of both sides in turn; the median counts
	writeTime   = 700 * time.Millisecond // of one round of one side
	writePlaces = 64                     // as many as there are clients at most: each has a place of its own
	writeKeys   = 16                     // implementations that a client changes in turn
)

// writes compares a change over REST that is on disk with a publish that is on disk, from as many clients.
func (b *bench) writes() {
	dir := b.t.TempDir()
	w := &bench{t: b.t, p: start(b.t, dir), dir: dir}
	w.p.do(http.StatusOK, http.MethodPost, "/v1/catalogue:import", catalogueFile(0))
	w.fill(writePlaces, 575)
	raw := newRawStream(b.t)
	for _, n := range []int{1, 16, 64} {
		patches := w.patchers(n)
		var rawRates, rates []time.Duration
		for range writeRounds {
			rawRates = append(rawRates, perCall(b.t, n, raw.publish))
			rates = append(rates, perCall(b.t, n, func(client int) error { return patches[client].patch() }))
		}
		value, base := median(rates), median(rawRates)
		b.add(row{what: fmt.Sprintf("PATCH of an implementation over REST, durable, %d clients, time a write (%d/s)", n, int(time.Second/value)), value: value,
			beside: fmt.Sprintf("raw publish (%d/s)", int(time.Second/base)), base: base, target: "≤ 2 × (half the rate)", met: value <= 2*base})
	}
	w.imports(raw)
	b.rows = append(b.rows, w.rows...)
	w.p.stop()
}

const (
	importRounds   = 3
	importPlaces   = 200
	importServices = 500
)

// imports compares an import of 100,000 implementations with as many records in raw atomic batches. The first round records
// most of them, each further one changes all.
func (b *bench) imports(raw *rawStream) {
	places := []byte("ags,name,einwohner,groessenklasse\n")
	for i := range importPlaces {
		places = fmt.Appendf(places, "%08d,Ort %d,%d,kreisfreie_stadt\n", 5100000+i, i, 1000+i)
	}
	b.p.do(http.StatusOK, http.MethodPost, "/v1/municipalities:import", places)
	var took, bare []time.Duration
	for round := range importRounds {
		bare = append(bare, raw.batches(b.t, importPlaces*importServices))
		file := []byte("ags,leika_schluessel,phase,reifegrad,url,fachbereich,fallzahl\n")
		for i := range importPlaces * importServices {
			place, key := i/importServices, i%importServices
			file = fmt.Appendf(file, "%08d,99%03d%03d%03d%03d,online,3,https://www.ort.example/dienste/antrag,Bürgerbüro,%d\n",
				5100000+place, key/1000, key%1000, key%120, 0, 200000+round)
		}
		begin := time.Now()
		report := b.p.do(http.StatusOK, http.MethodPost, "/v1/municipalities/-/implementations:import", file, "Content-Type", "text/csv").json(b.t)
		took = append(took, time.Since(begin))
		added, _ := report["added"].(float64)
		if changed, _ := report["changed"].(float64); added+changed != importPlaces*importServices {
			b.t.Fatalf("round %d: %v added, %v changed", round, report["added"], report["changed"])
		}
	}
	value, base := median(took), median(bare)
	b.add(row{what: "import of 100,000 implementations over REST", value: value, beside: "raw atomic batches of as many records", base: base,
		target: "≤ 2 × (half the rate)", met: value <= 2*base})
}

// perCall lets n clients call for a while, each again as soon as it is answered: the time over all calls of all.
func perCall(tb testing.TB, n int, call func(client int) error) time.Duration {
	tb.Helper()
	calls := make([]int, n)
	var group sync.WaitGroup
	begin := time.Now()
	for c := range n {
		group.Go(func() {
			for time.Since(begin) < writeTime {
				if err := call(c); err != nil {
					tb.Error(err)
					return
				}
				calls[c]++
			}
		})
	}
	group.Wait()
	took, total := time.Since(begin), 0
	for _, n := range calls {
		total += n
	}
	return took / time.Duration(max(1, total))
}

// rawStream is JetStream alone, as the ledger has it: the same server settings, the same stream, records as large.
type rawStream struct {
	js     jetstream.JetStream
	name   ledger.Name
	record []byte
	last   [writePlaces][writeKeys]uint64
	turn   [writePlaces]int
}

func newRawStream(tb testing.TB) *rawStream {
	tb.Helper()
	server, err := broker.Start(tb.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(server.Stop)
	r := &rawStream{name: ledger.Name{Origin: "bench", Service: "raw"}, record: implementationRecord(tb)}
	if _, err := ledger.Open(tb.Context(), server.Conn, r.name, 1); err != nil {
		tb.Fatal(err)
	}
	if r.js, err = jetstream.New(server.Conn); err != nil {
		tb.Fatal(err)
	}
	return r
}

// publish appends the next record of one of the client's subjects, guarded by the one before.
func (r *rawStream) publish(client int) error {
	k := r.turn[client] % writeKeys
	r.turn[client]++
	subject := r.name.Subject("implementation", fmt.Sprint(client), fmt.Sprint(k))
	msg := &nats.Msg{Subject: subject, Data: r.record, Header: nats.Header{}}
	msg.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(r.last[client][k], 10))
	ack, err := r.js.PublishMsg(context.Background(), msg)
	if err != nil {
		return err
	}
	r.last[client][k] = ack.Sequence
	return nil
}

// batches is how long n records take in atomic batches, one batch after the other.
func (r *rawStream) batches(tb testing.TB, n int) time.Duration {
	tb.Helper()
	begin := time.Now()
	for at := 0; at < n; at += ledger.BatchSize {
		batch := make([]*nats.Msg, min(ledger.BatchSize, n-at))
		for i := range batch {
			batch[i] = &nats.Msg{Subject: r.name.Subject("bulk", strconv.Itoa(at+i)), Data: r.record, Header: nats.Header{}}
		}
		if _, err := jetstreamext.PublishMsgBatch(context.Background(), r.js, batch); err != nil {
			tb.Fatal(err)
		}
	}
	return time.Since(begin)
}

// implementationRecord is as large as what a PATCH of the benchmark stores.
func implementationRecord(tb testing.TB) []byte {
	tb.Helper()
	cases := int64(100000)
	name := "municipalities/05100000/implementations/99000000000000"
	entity, err := anypb.New(&municipalityv1.Implementation{Name: name, Phase: municipalityv1.Implementation_PHASE_ONLINE,
		Maturity: &municipalityv1.Maturity{Model: "1.1", Level: 3}, Url: "https://www.ort.example/dienste/antrag", Department: "Bürgerbüro", AnnualCases: &cases})
	if err != nil {
		tb.Fatal(err)
	}
	data, err := proto.Marshal(&ledgerv1.Record{Resource: name, Entity: entity, Actor: "administrator", RequestId: strings.Repeat("0", 32),
		Time: timestamppb.New(time.Unix(1.8e9, 1)), ChangedFields: []string{"annual_cases"}, Previous: make([]byte, len(ledger.Hash{}))})
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// patcher is a client with a connection of its own that changes implementations of a place of its own. It writes requests
// and reads answers without a client library, so that the measured process has the processor.
type patcher struct {
	conn   net.Conn
	answer *bufio.Reader
	head   string
	place  int
	turn   int
}

// patchers connects as many clients to the REST edge.
func (b *bench) patchers(n int) []*patcher {
	b.t.Helper()
	address := strings.TrimPrefix(b.p.url, "http://")
	head := fmt.Sprintf("Host: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n", address, b.p.key())
	var all []*patcher
	for place := range n {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			b.t.Fatal(err)
		}
		b.t.Cleanup(func() { _ = conn.Close() })
		all = append(all, &patcher{conn: conn, answer: bufio.NewReader(conn), head: head, place: place})
	}
	return all
}

// patch counts up the cases of the client's next implementation and waits for the answer.
func (p *patcher) patch() error {
	p.turn++
	key := p.turn % writeKeys
	body := fmt.Sprintf(`{"annualCases":"%d"}`, 100000+p.turn)
	_, err := fmt.Fprintf(p.conn, "PATCH /v1/municipalities/%08d/implementations/99%03d%03d%03d%03d HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s",
		5100000+p.place, key/1000, key%1000, key%120, 0, p.head, len(body), body)
	if err != nil {
		return err
	}
	response, err := http.ReadResponse(p.answer, nil)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || !strings.Contains(string(answer), fmt.Sprintf(`"%d"`, 100000+p.turn))) {
		err = fmt.Errorf("status %d: %s", response.StatusCode, answer)
	}
	return err
}
