package ledger_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
)

// TestBackupOfCluster takes a backup of three nodes and restores it into three others, of which one dies meanwhile: a
// restore that failed by that goes on with the next try.
func TestBackupOfCluster(t *testing.T) {
	t.Parallel()
	_, nc := connectCluster(t)
	site := ledger.Site{Conn: nc, Origin: "test", Replicas: 3}
	fill(t, site)
	src, err := ledger.OpenCluster(t.Context(), nc)
	if err != nil {
		t.Fatal(err)
	}
	a, reports := verified(t, backup(t, src))

	nodes, into := connectCluster(t)
	var once sync.Once
	kill := func(string, uint64) {
		once.Do(func() {
			i := slices.IndexFunc(nodes, func(n *server.Server) bool { return n.Name() == into.ConnectedServerName() })
			nodes[i].Shutdown()
		})
	}
	tries := 1
	for deadline := time.Now().Add(time.Minute); ; tries++ {
		err := ledger.Restore(t.Context(), ledger.Site{Conn: into, Origin: "test", Replicas: 3}, a, kill)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the restore does not get to its end: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Logf("%d tries", tries)
	after, err := ledger.VerifyCluster(t.Context(), into, nil)
	if err != nil || ledger.StateDigest(after) != ledger.StateDigest(reports) || ledger.StateDigest(after) == "" {
		t.Errorf("restored %v, want %v, %v", after, reports, err)
	}
	restored, err := ledger.OpenCluster(t.Context(), into)
	if err != nil || !slices.Equal(all(t, restored), all(t, src)) {
		t.Errorf("other records after the restore, %v", err)
	}
	log := open(t, ledger.Site{Conn: into, Origin: "test", Replicas: 3}, "catalogue")
	chain, _ := follow(t, log, 1)
	if seq := mustAppend(t, log, draft(log, "a", "2", chain.Head(log.Name().Subject("theme", "a")))); seq != 2 {
		t.Errorf("the first record after the restore is %d, want 2", seq)
	}
}

func connectCluster(t *testing.T) ([]*server.Server, *nats.Conn) {
	t.Helper()
	nodes := startCluster(t, 3)
	var urls []string
	for _, n := range nodes {
		urls = append(urls, n.ClientURL())
	}
	nc, err := broker.Connect(strings.Join(urls, ","), quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nodes, nc
}
