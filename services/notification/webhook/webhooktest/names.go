package webhooktest

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Names is a name server on loopback for one resolver. It is safe for many goroutines.
type Names struct {
	conn *net.UDPConn

	mutex   sync.Mutex
	answers map[string][][]netip.Addr
	asked   map[string]int
}

// StartNames starts a name server that knows nothing yet; it ends with the test.
func StartNames(t testing.TB) *Names {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	n := &Names{conn: conn, answers: map[string][][]netip.Addr{}, asked: map[string]int{}}
	t.Cleanup(func() { conn.Close() })
	go n.serve()
	return n
}

// Set gives a name its addresses.
func (n *Names) Set(host string, addresses ...string) { n.Change(host, addresses) }

// Change gives a name addresses that change: every look-up has the next list, and the last one stays. A look-up is what asks
// for IPv4 and IPv6.
func (n *Names) Change(host string, lists ...[]string) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.answers[host], n.asked[host+"/4"], n.asked[host+"/6"] = nil, 0, 0
	for _, list := range lists {
		var parsed []netip.Addr
		for _, a := range list {
			parsed = append(parsed, netip.MustParseAddr(a))
		}
		n.answers[host] = append(n.answers[host], parsed)
	}
}

// Asked says how often a name was looked up.
func (n *Names) Asked(host string) int {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.asked[host+"/4"]
}

// Resolver asks this server alone.
func (n *Names) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp4", n.conn.LocalAddr().String())
	}}
}

func (n *Names) serve() {
	packet := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFromUDPAddrPort(packet)
		if err != nil {
			return
		}
		if reply, err := n.reply(packet[:size]); err == nil {
			_, _ = n.conn.WriteToUDPAddrPort(reply, from)
		}
	}
}

func (n *Names) reply(packet []byte) ([]byte, error) {
	var parser dnsmessage.Parser
	head, err := parser.Start(packet)
	if err != nil {
		return nil, err
	}
	question, err := parser.Question()
	if err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(question.Name.String(), ".")
	found, known := n.next(name, question.Type)
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: head.ID, Response: true, Authoritative: true, RecursionAvailable: true},
		Questions: []dnsmessage.Question{question},
	}
	if !known {
		reply.RCode = dnsmessage.RCodeNameError
	}
	for _, a := range found {
		header := dnsmessage.ResourceHeader{Name: question.Name, Type: question.Type, Class: dnsmessage.ClassINET}
		var body dnsmessage.ResourceBody = &dnsmessage.AAAAResource{AAAA: a.As16()}
		if a.Is4() {
			body = &dnsmessage.AResource{A: a.As4()}
		}
		reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: header, Body: body})
	}
	return reply.Pack()
}

// next are the addresses of one family that the next look-up gets.
func (n *Names) next(name string, kind dnsmessage.Type) (found []netip.Addr, known bool) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	lists := n.answers[name]
	if len(lists) == 0 {
		return nil, false
	}
	count := name + "/6"
	if kind == dnsmessage.TypeA {
		count = name + "/4"
	}
	list := lists[min(n.asked[count], len(lists)-1)]
	n.asked[count]++
	for _, a := range list {
		if a.Is4() && kind == dnsmessage.TypeA || a.Is6() && kind == dnsmessage.TypeAAAA {
			found = append(found, a)
		}
	}
	return found, true
}
