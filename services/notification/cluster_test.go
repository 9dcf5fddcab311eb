package notification

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/mail/mailtest"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/ledger"
)

// nodes are three NATS servers on loopback that can be stopped and started.
type nodes struct {
	tb      testing.TB
	options []*natsserver.Options
	servers []*natsserver.Server
}

func startNodes(tb testing.TB) *nodes {
	tb.Helper()
	n := &nodes{tb: tb}
	ports := freePorts(tb, 6)
	var routes []*url.URL
	for _, p := range ports[3:] {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprint("127.0.0.1:", p)})
	}
	for i := range 3 {
		n.options = append(n.options, &natsserver.Options{
			ServerName: fmt.Sprint("node-", i), Host: "127.0.0.1", Port: ports[i], NoSigs: true, NoLog: true, JetStream: true, StoreDir: tb.TempDir(),
			SyncAlways: true, MaxPayload: 8 << 20, Routes: routes, Cluster: natsserver.ClusterOpts{Name: "kompass", Host: "127.0.0.1", Port: ports[3+i]},
		})
		n.servers = append(n.servers, nil)
		n.start(i)
	}
	eventually(tb, "the cluster has a leader", func() (string, bool) {
		leader := false
		for _, s := range n.servers {
			if !s.ReadyForConnections(time.Millisecond) || !s.JetStreamIsCurrent() {
				return s.Name(), false
			}
			leader = leader || s.JetStreamIsLeader()
		}
		return "none", leader
	})
	return n
}

func (n *nodes) start(i int) {
	n.tb.Helper()
	s, err := natsserver.NewServer(n.options[i].Clone())
	if err != nil {
		n.tb.Fatal(err)
	}
	n.servers[i] = s
	s.Start()
	n.tb.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
}

func (n *nodes) url() string {
	var urls []string
	for _, o := range n.options {
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", o.Port))
	}
	return strings.Join(urls, ",")
}

// freePorts asks the system for free loopback ports.
func freePorts(tb testing.TB, n int) (ports []int) {
	tb.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// insist changes a solution, also while the cluster has no leader. This test alone writes the stream, so its newest record says whether a
// change without an acknowledgement is there.
func (st *stage) insist(c change) {
	st.tb.Helper()
	log := st.logs[marketplaceStream]
	subject := log.Name().Subject(c.entity, c.id...)
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		at, err := log.LastSequence(st.tb.Context())
		if err == nil && at > st.last[marketplaceStream] {
			st.last[marketplaceStream] = at
			return
		}
		if err == nil {
			draft := ledger.Draft{Subject: subject, Resource: c.name, Entity: c.value, Changed: c.changed, Head: st.head(log, subject)}
			var last uint64
			if last, err = log.Append(st.tb.Context(), ledger.Cause{Actor: "apikeys/test", Time: st.now}, []ledger.Draft{draft}); err == nil {
				st.last[marketplaceStream] = last
				return
			}
		}
		if !errors.Is(err, ledger.ErrUnavailable) && !errors.Is(err, ledger.ErrConflict) || time.Now().After(limit) {
			st.tb.Fatal(err)
		}
	}
}

// clustered is a test of two notification services on three nodes.
type clustered struct {
	*served
	nodes   *nodes
	changes int
	servers []*mailtest.Server // one for each replica that there was
	all     []*replica
	digest  atomic.Pointer[func(*replica) error] // called when a replica brings a digest, before its server takes it
}

// join starts another replica, with a mail server of its own.
func (c *clustered) join(ahead time.Duration) *replica {
	c.tb.Helper()
	server := mailtest.Start(c.tb, false)
	r := &replica{NATS: c.nodes.url(), SMTP: server.Address, Ahead: ahead}
	server.Set(func(s *mailtest.Server) {
		s.Accept = func(m mailtest.Mail) error {
			if call := c.digest.Load(); call != nil && strings.Contains(string(m.Data), "<digest.") {
				return (*call)(r)
			}
			return nil
		}
	})
	r.start(c.tb)
	c.servers, c.all, c.client = append(c.servers, server), append(c.all, r), r.client
	return r
}

// change makes so many changes of ten solutions.
func (c *clustered) change(n int) {
	c.tb.Helper()
	for range n {
		c.changes++
		change := solutionChange(fmt.Sprint("s", c.changes%10), c.changes)
		change.value.(*marketplacev1.Solution).DisplayName = fmt.Sprintf("Schritt e%de", c.changes)
		c.insist(change)
	}
}

// letters gives the messages that an address got from all replicas, by their Message-ID.
func (c *clustered) letters(to string) map[string][]string {
	c.tb.Helper()
	found := map[string][]string{}
	for _, server := range c.servers {
		m := &mailed{served: c.served, server: server, log: &lockedBuffer{}}
		for _, letter := range m.letters(to, 0) {
			id := letter.Header.Get("Message-ID")
			found[id] = append(found[id], bodyOf(c.tb, letter))
		}
	}
	return found
}

// consenting adds a recipient that confirms its address.
func (c *clustered) consenting(name string) *notificationv1.Recipient {
	c.tb.Helper()
	r := c.recipient(&notificationv1.Recipient{DisplayName: name, MailAddress: name + "@example.org"})
	ask := eventually(c.tb, "the question", func() (string, bool) {
		for _, copies := range c.letters(name + "@example.org") {
			return copies[0], true
		}
		return "", false
	})
	token := tokenIn.FindStringSubmatch(ask)
	if _, err := c.client.ConfirmRecipient(c.tb.Context(), &notificationv1.ConfirmRecipientRequest{Name: r.GetName(), Token: token[1]}); err != nil {
		c.tb.Fatal(err)
	}
	return r
}

// owner is who called the webhook last.
func (c *clustered) owner() *replica {
	c.tb.Helper()
	deliveries, err := journal.Open(c.tb.Context(), c.site, journal.Config{Name: "deliveries", MaxAge: deliveriesKept})
	if err != nil {
		c.tb.Fatal(err)
	}
	filter, _ := deliveries.Filter(tokenWebhook)
	return eventually(c.tb, "somebody calls the webhook", func() (*replica, bool) {
		m, ok, err := deliveries.Last(c.tb.Context(), filter)
		if err != nil || !ok {
			return nil, false
		}
		_, note, err := deliveryNote(m)
		i := slices.IndexFunc(c.all, func(r *replica) bool { return r.owner == note.GetOwner() })
		if err != nil || i < 0 {
			return nil, false
		}
		return c.all[i], true
	})
}

// stopLeader stops the node that leads the journal of events, and answers which one that is.
func (c *clustered) stopLeader() int {
	c.tb.Helper()
	js, err := jetstream.New(c.site.Conn)
	if err != nil {
		c.tb.Fatal(err)
	}
	stream, err := js.Stream(c.tb.Context(), "KJOURNAL_TEST_EVENTS")
	if err != nil {
		c.tb.Fatal(err)
	}
	leader := stream.CachedInfo().Cluster.Leader
	i := slices.IndexFunc(c.nodes.options, func(o *natsserver.Options) bool { return o.ServerName == leader })
	c.nodes.servers[i].Shutdown()
	c.nodes.servers[i].WaitForShutdown()
	return i
}

// TestCluster runs two replicas on three nodes. The node that leads is stopped and started, the replica that calls the webhook is killed,
// and later the one that brings a digest: each event is published once, matched once, in the inbox and in a digest once, at the webhook and
// in the mail at once at least once and in order, and a reader of the stream who changes to the other replica misses none.
func TestCluster(t *testing.T) {
	t.Parallel()
	c := &clustered{nodes: startNodes(t)}
	conn, err := broker.Connect(c.nodes.url(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	c.served = &served{stage: stageAt(t, ledger.Site{Conn: conn, Origin: "test", Replicas: 3})}
	c.join(0)
	c.join(0)
	h := newHearer(t)
	h.set(nil, c.hook("amt", h.url, "").GetKeys())
	atOnce, collected := c.consenting("sofort"), c.consenting("sammel")
	c.subscribe(&notificationv1.Subscription{DisplayName: "Sofort", Recipient: atOnce.GetName(), Mail: true})
	zone, _ := time.LoadLocation("Europe/Berlin")
	due := time.Now().Add(6 * time.Hour).Truncate(time.Hour).In(zone)
	c.subscribe(&notificationv1.Subscription{DisplayName: "Sammel", Recipient: collected.GetName(), Mail: true, Frequency: daily, DigestTime: due.Format(clockTime)})

	c.change(30)
	caller := c.owner()
	other := c.all[0]
	if other == caller {
		other = c.all[1]
	}
	f := &follower{replicas: []*replica{caller, other}, got: make(chan uint64, 10_000)}
	ctx, cancel := context.WithCancel(t.Context())
	var following sync.WaitGroup
	following.Go(func() { f.follow(ctx) })
	defer following.Wait()
	defer cancel()

	stopped := c.stopLeader()
	c.change(30)
	c.nodes.start(stopped)
	c.change(5)
	writing := make(chan struct{})
	go func() { defer close(writing); c.change(30) }()
	eventually(t, "the killed replica has work", func() (int, bool) { h.mu.Lock(); defer h.mu.Unlock(); return len(h.arrivals), len(h.arrivals) > 40 })
	caller.kill()
	<-writing
	other.setAhead(t, 3*time.Minute) // what was claimed is free
	c.change(5)                      // so that it looks
	c.client = other.client
	c.checkTold(h, f, atOnce.GetName())

	third := c.join(other.Ahead)
	h.set(nil) // no signature of a day to come is valid
	c.checkDigests(due, other, third)
	if letters := c.letters("sammel@example.org"); len(letters) != 3 {
		t.Errorf("%d messages, want the question and two digests", len(letters))
	}
}

// checkTold waits until everything was told at once, and counts.
func (c *clustered) checkTold(h *hearer, f *follower, recipient string) {
	c.tb.Helper()
	events := c.published(c.changes)
	if len(events) != c.changes {
		c.tb.Errorf("%d events of %d changes", len(events), c.changes)
	}
	for i, e := range events {
		if e.GetId() != fmt.Sprint("test.marketplace.", i+1) {
			c.tb.Fatalf("event %d is %s", i, e.GetId())
		}
		if got := <-f.got; got != e.GetSequence() {
			c.tb.Fatalf("the stream has %d where event %d has %d", got, i, e.GetSequence())
		}
	}
	matched := c.matched(c.opened(), events[len(events)-1].GetSequence())
	if len(matched) != len(events) {
		c.tb.Errorf("%d matches of %d events", len(matched), len(events))
	}
	for i, m := range matched {
		if m.GetEvent() != events[i].GetSequence() || len(m.GetHits()) != 3 {
			c.tb.Fatalf("match %d is of %d and has %d hits, want %d and 3", i, m.GetEvent(), len(m.GetHits()), events[i].GetSequence())
		}
	}
	called := eventually(c.tb, "the webhook has everything", func() (map[string]int, bool) {
		h.mu.Lock()
		defer h.mu.Unlock()
		called, last := map[string]int{}, map[string]string{}
		for _, a := range h.arrivals {
			if called[a.id]++; a.sequence < last[a.subject] {
				c.tb.Fatalf("%s: %s came after %s", a.subject, a.sequence, last[a.subject])
			}
			last[a.subject] = a.sequence
		}
		return called, len(called) == len(events)
	})
	letters := eventually(c.tb, "everything was mailed", func() (map[string][]string, bool) {
		letters := c.letters("sofort@example.org")
		return letters, len(letters) == len(events)+1 // and the question
	})
	repeatedCalls, repeatedMails := 0, 0
	for _, n := range called {
		repeatedCalls += n - 1
	}
	for _, copies := range letters {
		repeatedMails += len(copies) - 1
	}
	if c.tb.Logf("%d events; after one kill %d calls and %d mails again; the stream broke %d times", len(events), repeatedCalls, repeatedMails, f.breaks.Load()); repeatedCalls > atOnce || repeatedMails > postmen {
		c.tb.Error("more than what was on its way came again")
	}
	if page := c.inbox(&notificationv1.ListNotificationsRequest{Recipient: recipient}); int(page.GetTotalSize()) != len(events) || int(page.GetUnread()) != len(events) {
		c.tb.Errorf("the inbox has %d, %d unread", page.GetTotalSize(), page.GetUnread())
	}
}

// checkDigests lets a digest be due, kills who brings it before the mail server has taken it, and expects it of the other, once; and the
// next day only what came since.
func (c *clustered) checkDigests(due time.Time, one, other *replica) {
	c.tb.Helper()
	survivors := make(chan *replica, 1)
	kill := func(r *replica) error {
		c.digest.Store(nil)
		if r.kill(); r == one {
			survivors <- other
		} else {
			survivors <- one
		}
		return errors.New("nobody waits for it any more")
	}
	c.digest.Store(&kill)
	for _, r := range []*replica{one, other} {
		r.setAhead(c.tb, time.Until(due)+time.Second)
	}
	survivor := <-survivors
	c.client = survivor.client
	survivor.setAhead(c.tb, survivor.Ahead+claimTime+time.Minute)
	before := c.changes
	c.expectDigest(due, 0, before)
	c.change(5)
	c.matched(c.opened(), c.published(c.changes)[c.changes-1].GetSequence())
	survivor.setAhead(c.tb, time.Until(due.AddDate(0, 0, 1))+time.Second)
	c.expectDigest(due.AddDate(0, 0, 1), before, c.changes)
}

// toldChange finds a change in a digest, and how many of its solution are told with it.
var toldChange = regexp.MustCompile(`Schritt e(\d+)e.*\s+(?:(\d+)-mal)?`)

// expectDigest waits for the digest of a day, which comes once and tells of the changes after one up to another: of each solution the last,
// and how many there were.
func (c *clustered) expectDigest(day time.Time, after, upTo int) {
	c.tb.Helper()
	copies := eventually(c.tb, "the digest", func() ([]string, bool) {
		copies := c.letters("sammel@example.org")["<digest."+day.Format(time.DateOnly)+".sammel.sammel@krz.example>"]
		return copies, len(copies) > 0
	})
	if len(copies) != 1 {
		c.tb.Errorf("the digest of %s came %d times", day, len(copies))
	}
	want, got := map[int]int{}, map[int]int{}
	for last := max(after, upTo-10) + 1; last <= upTo; last++ {
		want[last] = (last-after-1)/10 + 1
	}
	text, _, _ := strings.Cut(copies[0], "text/html")
	for _, found := range toldChange.FindAllStringSubmatch(text, -1) {
		last, _ := strconv.Atoi(found[1])
		times, _ := strconv.Atoi(found[2])
		got[last] += max(times, 1)
	}
	if !maps.Equal(got, want) {
		c.tb.Errorf("the digest of %s tells %v, want %v: %s", day, got, want, text)
	}
}
