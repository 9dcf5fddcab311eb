package broker_test

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
)

// clusterFile is the server's configuration that is handed to operators.
const clusterFile = "../../../deploy/nats/nats.conf"

// place sets what differs between servers, as their environment would. NATS reads it while it parses.
func place(t *testing.T, name string, listen, cluster string, routes []string) {
	t.Helper()
	t.Setenv("NATS_NAME", name)
	t.Setenv("NATS_LISTEN", listen)
	t.Setenv("NATS_CLUSTER", cluster)
	t.Setenv("NATS_STORE", t.TempDir())
	t.Setenv("NATS_MAX_STORE", "10GB")
	for i, r := range routes {
		t.Setenv(fmt.Sprintf("NATS_ROUTE_%d", i+1), r)
	}
}

func TestClusterFile(t *testing.T) {
	place(t, "kompass-2", "127.0.0.1:4222", "127.0.0.1:6222",
		[]string{"nats://10.0.0.1:6222", "nats://10.0.0.2:6222", "nats://10.0.0.3:6222"})
	o, err := server.ProcessConfigFile(clusterFile)
	if err != nil {
		t.Fatal(err)
	}
	if !o.JetStream || !o.SyncAlways {
		t.Errorf("JetStream %t, sync of every write %t: both are needed", o.JetStream, o.SyncAlways)
	}
	if o.MaxPayload != 8<<20 {
		t.Errorf("payload up to %d bytes; embedded it is 8 MiB", o.MaxPayload)
	}
	if o.ServerName != "kompass-2" || o.Cluster.Name != "kompass" || o.Cluster.Port != 6222 || o.Port != 4222 {
		t.Errorf("names and ports: %s, %s, %d, %d", o.ServerName, o.Cluster.Name, o.Cluster.Port, o.Port)
	}
	if len(o.Routes) != 3 || o.Routes[2].Host != "10.0.0.3:6222" {
		t.Errorf("routes %v", o.Routes)
	}
	if o.StoreDir != os.Getenv("NATS_STORE") || o.JetStreamMaxStore != 10<<30 || o.HTTPHost != "127.0.0.1" {
		t.Errorf("store %s up to %d, monitoring on %q", o.StoreDir, o.JetStreamMaxStore, o.HTTPHost)
	}
}

// TestClusterFileSecured switches the commented lines on: they have to be right on the day when somebody does.
func TestClusterFileSecured(t *testing.T) {
	place(t, "kompass-1", "127.0.0.1:4222", "127.0.0.1:6222", []string{"nats://a:6222", "nats://b:6222", "nats://c:6222"})
	dir := t.TempDir()
	cert, key := certificate(t, dir)
	t.Setenv("NATS_TLS_CERT", cert)
	t.Setenv("NATS_TLS_KEY", key)
	t.Setenv("NATS_TLS_CA", cert)
	text, err := os.ReadFile(clusterFile)
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`(?m)^( *)#: `).ReplaceAll(text, []byte("$1"))
	write(t, filepath.Join(dir, "nats.conf"), text)
	write(t, filepath.Join(dir, "accounts.conf"), []byte(`accounts { KOMPASS { jetstream: enabled, users: [ {user: u, password: p} ] } }`))

	o, err := server.ProcessConfigFile(filepath.Join(dir, "nats.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if o.TLSConfig == nil || len(o.TLSConfig.Certificates) != 1 {
		t.Error("clients get no TLS")
	}
	if o.Cluster.TLSConfig == nil || o.Cluster.TLSConfig.ClientCAs == nil {
		t.Error("the other servers are not asked for a certificate")
	}
	if len(o.Users) != 1 {
		t.Errorf("%d users: accounts.conf was not read", len(o.Users))
	}
}

// TestClusterFileRuns starts three servers from the file; the ledger opens a stream with three replicas on them.
func TestClusterFileRuns(t *testing.T) {
	var clients, peers, routes []string
	for range 3 {
		clients, peers = append(clients, freeAddress(t)), append(peers, freeAddress(t))
		routes = append(routes, "nats://"+peers[len(peers)-1])
	}
	var nodes []*server.Server
	for i := range 3 {
		place(t, fmt.Sprintf("kompass-%d", i+1), clients[i], peers[i], routes)
		o, err := server.ProcessConfigFile(clusterFile)
		if err != nil {
			t.Fatal(err)
		}
		o.HTTPPort, o.NoSigs, o.NoLog = 0, true, true // one machine has the port once
		node, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		node.Start()
		t.Cleanup(func() { node.Shutdown(); node.WaitForShutdown() })
		nodes = append(nodes, node)
	}
	leads := func(s *server.Server) bool { return s.JetStreamIsLeader() && len(s.JetStreamClusterPeers()) == 3 }
	for end := time.Now().Add(30 * time.Second); !slices.ContainsFunc(nodes, leads); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("three servers from this file form no cluster")
		}
	}
	conn, err := broker.Connect("nats://"+clients[0], slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := ledger.Open(t.Context(), conn, ledger.Name{Origin: "krz", Service: "catalogue"}, 3); err != nil {
		t.Fatal(err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
