package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// nodeEnv makes this test binary a NATS server: a node that runs as a process of its own can be killed as by a power cut.
const nodeEnv = "KOMPASS_TEST_NODE"

// node is one server of a NATS cluster.
type node struct {
	Name, Address, Route, Store string
	Routes                      []string
	cmd                         *exec.Cmd
}

// serveNode runs the node that the environment describes, until its parent is gone or kills it.
func serveNode(config string) (exit int) {
	var n node
	if err := json.Unmarshal([]byte(config), &n); err != nil {
		panic(err)
	}
	options := &natsserver.Options{
		ServerName: n.Name, NoSigs: true, NoLog: true, JetStream: true, StoreDir: n.Store, SyncAlways: true, MaxPayload: 8 << 20,
	}
	options.Host, options.Port = hostPort(n.Address)
	if len(n.Routes) > 1 {
		options.Cluster.Name = "kompass"
		options.Cluster.Host, options.Cluster.Port = hostPort(n.Route)
		for _, r := range n.Routes {
			options.Routes = append(options.Routes, &url.URL{Scheme: "nats", Host: r})
		}
	}
	srv, err := natsserver.NewServer(options)
	if err != nil {
		panic(err)
	}
	srv.Start()
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

func hostPort(addr string) (host string, port int) {
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		panic(err)
	}
	return a.IP.String(), a.Port
}

// start runs the node on its store.
func (n *node) start(tb testing.TB) {
	tb.Helper()
	config, err := json.Marshal(n)
	if err != nil {
		tb.Fatal(err)
	}
	n.cmd = exec.Command(os.Args[0])
	n.cmd.Env = append(os.Environ(), nodeEnv+"="+string(config))
	n.cmd.Stderr = os.Stderr
	if _, err := n.cmd.StdinPipe(); err != nil { // closes when this process ends, however it ends
		tb.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(n.kill)
}

// kill ends the node as a power cut would; its files stay.
func (n *node) kill() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
}

// cluster is one node or three on loopback.
type cluster struct {
	tb    testing.TB
	nodes []*node
	conn  *nats.Conn // of the test itself
	js    jetstream.JetStream
}

// startCluster starts the nodes and waits for nothing.
func startCluster(tb testing.TB, nodes int) *cluster {
	tb.Helper()
	c := &cluster{tb: tb}
	var routes []string
	for range nodes {
		routes = append(routes, steadyAddress(tb))
	}
	for i, route := range routes {
		c.nodes = append(c.nodes, &node{Name: fmt.Sprint("node-", i+1), Address: steadyAddress(tb), Route: route, Routes: routes, Store: tb.TempDir()})
	}
	for _, n := range c.nodes {
		n.start(tb)
	}
	var err error
	if c.conn, err = nats.Connect(c.url(), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond), nats.RetryOnFailedConnect(true)); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.conn.Close)
	if c.js, err = jetstream.New(c.conn, jetstream.WithDefaultTimeout(2*time.Second)); err != nil {
		tb.Fatal(err)
	}
	return c
}

// url names all nodes.
func (c *cluster) url() string {
	var urls []string
	for _, n := range c.nodes {
		urls = append(urls, "nats://"+n.Address)
	}
	return strings.Join(urls, ",")
}

// whole waits until each stream has a leader and two more nodes that hold all of it, and returns the leader's name by stream.
// The next node may be killed only then: with two of three gone there is no majority.
func (c *cluster) whole(streams ...string) map[string]string {
	c.tb.Helper()
	leaders := map[string]string{}
	eventually(c.tb, "the streams are on all nodes", func() error {
		for _, name := range streams {
			stream, err := c.js.Stream(c.tb.Context(), name)
			if err != nil {
				return err
			}
			info := stream.CachedInfo().Cluster
			if info == nil || info.Leader == "" || len(info.Replicas) != len(c.nodes)-1 ||
				slices.ContainsFunc(info.Replicas, func(p *jetstream.PeerInfo) bool { return p.Offline || !p.Current }) {
				return fmt.Errorf("%s: %+v", name, info)
			}
			leaders[name] = info.Leader
		}
		return nil
	})
	return leaders
}

// named finds a node.
func (c *cluster) named(name string) *node {
	return c.nodes[slices.IndexFunc(c.nodes, func(n *node) bool { return n.Name == name })]
}

// steady holds the addresses that were given out.
var steady sync.Map

// steadyAddress is a free address that stays free while its owner is down: it lies below the ports that the system gives
// out by itself.
func steadyAddress(tb testing.TB) string {
	tb.Helper()
	for range 1000 {
		addr := fmt.Sprint("127.0.0.1:", 20000+rand.IntN(12000))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		_ = l.Close()
		if _, taken := steady.LoadOrStore(addr, true); !taken {
			return addr
		}
	}
	tb.Fatal("no free port")
	return ""
}

// eventually tries until there is no error any more.
func eventually(tb testing.TB, what string, try func() error) {
	tb.Helper()
	var err error
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	tb.Fatalf("%s: not within %v: %v", what, startLimit, err)
}
