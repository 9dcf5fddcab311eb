package journal_test

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
)

// TestCluster runs the conformance suite on three nodes and kills the one that the client talks to in the middle.
func TestCluster(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t, 3)
	nc := connect(t, nodes)
	kill := func() {
		for _, n := range nodes {
			if n.Name() == nc.ConnectedServerName() {
				n.Shutdown()
				return
			}
		}
		t.Errorf("no node is called %q", nc.ConnectedServerName())
	}
	conformance(t, ledger.Site{Conn: nc, Origin: "test", Replicas: 3}, kill)
}

func connect(t *testing.T, nodes []*server.Server) *nats.Conn {
	t.Helper()
	var urls []string
	for _, n := range nodes {
		urls = append(urls, n.ClientURL())
	}
	nc, err := broker.Connect(strings.Join(urls, ","), quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func startCluster(t *testing.T, size int) []*server.Server {
	t.Helper()
	ports := freePorts(t, size)
	var routes []*url.URL
	for _, p := range ports {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", p)})
	}
	nodes := make([]*server.Server, size)
	for i := range nodes {
		srv, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprintf("node-%d", i+1), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, Routes: routes, MaxPayload: 8 << 20,
			Cluster: server.ClusterOpts{Name: "kompass", Host: "127.0.0.1", Port: ports[i]},
		})
		if err != nil {
			t.Fatal(err)
		}
		nodes[i] = srv
		srv.Start()
		t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	}
	for deadline := time.Now().Add(60 * time.Second); !ready(nodes); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the cluster found no leader within 60 s")
		}
	}
	return nodes
}

func ready(nodes []*server.Server) bool {
	leader := false
	for _, n := range nodes {
		if !n.ReadyForConnections(time.Millisecond) || !n.JetStreamIsCurrent() {
			return false
		}
		leader = leader || n.JetStreamIsLeader()
	}
	return leader
}

// freePorts asks the system for free loopback ports.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}
