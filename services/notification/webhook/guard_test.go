package webhook

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"kompass.krz.de/services/notification/webhook/webhooktest"
	"kompass.krz.de/services/platform/fault"
)

// TestMain puts a proxy into the environment: whoever asks it gets nowhere.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		os.Setenv(name, "http://127.0.0.1:1")
	}
	os.Exit(m.Run())
}

// behindNames are addresses that a name server gives out; none may be called.
var behindNames = []string{
	"127.0.0.1", "127.0.0.2", "127.1.2.3", "127.255.255.255", // loopback
	"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.178.1", // private
	"100.64.0.1", "100.127.255.255", "100.100.100.200", // carriers, metadata
	"169.254.169.254", "169.254.170.2", "169.254.0.1", "168.63.129.16", "192.0.0.192", // link-local, metadata
	"0.0.0.0", "0.1.2.3", "255.255.255.255", "240.0.0.1", "254.1.2.3", // unspecified, broadcast, reserved
	"224.0.0.1", "239.255.255.250", // multicast
	"192.0.2.1", "198.51.100.7", "203.0.113.9", "198.18.0.1", "198.19.255.255", "192.0.0.8", "192.88.99.1", // registries
	"::", "::1", "::7f00:1", "::a00:1", // unspecified, loopback, IPv4-compatible
	"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", // mapped, translated
	"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", // NAT64
	"2002:7f00:1::", "2002:a00:1::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", // 6to4, Teredo
	"2001:10::1", "2001:20::1", "2001:2::1", "2001:db8::1", "3fff::1", "3ffe::1", // ORCHID, benchmarks, documentation
	"fe80::1", "febf::1", "fec0::1", "fc00::1", "fd12:3456::1", "fd00:ec2::254", "fd20:ce::254", // local
	"ff02::1", "ff0e::1", "100::1", "5f00::1", "4000::1", "e000::1", // multicast, discarded, not given out
}

// inAddresses are refused as they are written.
var inAddresses = []string{
	"https://127.0.0.1", "https://127.1", "https://127.0.1", "https://2130706433", "https://0x7f000001", "https://0x7f.0.0.1",
	"https://0177.0.0.1", "https://017700000001", "https://127.0.0.0x1", "https://10.0.0.010", "https://0", "https://169.254.169.254", "https://8.8.8.8",
	"https://[::1]", "https://[::ffff:127.0.0.1]", "https://[::ffff:7f00:1]", "https://[::127.0.0.1]", "https://[fe80::1%25eth0]",
	"https://[fe80::1%eth0]", "https://[2606:4700::1111]", "https://[64:ff9b::7f00:1]",
	"https://localhost", "https://LOCALHOST", "https://localhost.", "https://a.localhost", "https://metadata.google.internal",
	"https://kubernetes.default.svc.cluster.local", "https://printer", "https://router.lan", "https://nas.home.arpa",
	"https://１２７.0.0.1", "https://127。0。0。1", "https://ⓛocalhost", "https://%31%32%37.0.0.1", "https://hook.example.com\\@127.0.0.1",
	"https://user@hook.example.com", "https://hook.example.com@127.0.0.1", "https://hook.example.com#@127.0.0.1",
	"http://hook.example.com", "ftp://hook.example.com", "file:///etc/passwd", "gopher://hook.example.com", "//hook.example.com",
	"https:hook.example.com", "https://", "https://hook.example.com:", "https://hook.example.com:22", "https://hook.example.com:80",
	"https://hook.example.com:0", "https://hook.example.com:65536", "https://hook..example.com", "https://-hook.example.com", " https://hook.example.com",
	"https://hook.example.com/\r\nX: y", "https://hook.example.com/\u202e", "",
}

func TestForbiddenTargetsAreNeverCalled(t *testing.T) {
	t.Parallel()
	if n := len(behindNames) + len(inAddresses); n < 110 {
		t.Fatalf("only %d targets", n)
	}
	receiver, names := webhooktest.Start(t), webhooktest.StartNames(t)
	sender := testSender(t, Guard{}, receiver, names)
	for _, address := range behindNames {
		names.Set("victim.example.com", address)
		if got := sender.Post(t.Context(), message(receiver.URL("victim.example.com"))); got.Class != Refused || got.Status != 0 {
			t.Errorf("name with %s: %+v", address, got)
		}
		// The same behind a good one, before it, and as the literal that a dialer would take.
		for _, list := range [][]string{{"9.9.9.9", address}, {address, "9.9.9.9"}} {
			names.Set("victim.example.com", list...)
			if got := sender.Post(t.Context(), message(receiver.URL("victim.example.com"))); got.Class != Refused {
				t.Errorf("name with %s: %+v", list, got)
			}
		}
		target := net.JoinHostPort(address, receiver.Port())
		if conn, err := sender.transport.DialTLSContext(t.Context(), "tcp", target); !errors.Is(err, ErrRefused) {
			t.Errorf("dial %s: %v %v", target, conn, err)
		}
	}
	for _, address := range inAddresses {
		if got := sender.Post(t.Context(), message(address)); got.Class != Refused {
			t.Errorf("address %q: %+v", address, got)
		}
	}
	if n := len(receiver.Requests()); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

func TestForbiddenSpellingsAreNotRegistered(t *testing.T) {
	t.Parallel()
	for _, address := range inAddresses {
		if err := (Guard{}).Check("webhook.url", address); !fault.Is(err, fault.InvalidField) {
			t.Errorf("%q passes: %v", address, err)
		}
	}
}

func TestPublicAddressesMayBeCalled(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"1.1.1.1", "9.9.9.9", "11.0.0.0", "9.255.255.255", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "169.253.255.255",
		"169.255.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "126.255.255.255", "128.0.0.0",
		"2001:200::1", "2003::1", "2606:4700::1111", "2a01:4f8::1", "2620:fe::fe",
		"::ffff:9.9.9.9", // some resolvers spell IPv4 so
	} {
		if err := (Guard{}).Address(netip.MustParseAddr(address)); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{
		"https://hook.example.com", "https://hook.example.com:443/a?b=c", "https://hook.example.com:8443", "HTTPS://Hook.Example.COM/Ä", "https://xn--mller-kva.de",
	} {
		if err := (Guard{}).Check("webhook.url", address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestZonesAreRefused(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"2606:4700::1111%eth0", "fe80::1%1"} {
		if err := (Guard{}).Address(netip.MustParseAddr(address)); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := (Guard{}).Address(netip.Addr{}); !errors.Is(err, ErrRefused) {
		t.Errorf("no address at all: %v", err)
	}
}

func TestOperatorAllowsNetworks(t *testing.T) {
	t.Parallel()
	guard, err := NewGuard("10.20.0.0/16", "fd12:3456::/32", "127.0.0.1/32", "100.64.0.0/10", "fc00::/7")
	if err != nil {
		t.Fatal(err)
	}
	for address, allowed := range map[string]bool{
		"10.20.1.1": true, "::ffff:10.20.1.1": true, "fd12:3456::1": true, "127.0.0.1": true, "100.64.0.1": true, "fd77::1": true,
		"10.21.0.0": false, "127.0.0.2": false, "192.168.0.1": false, "::1": false, "100.100.100.200": false, "fd00:ec2::254": false, "169.254.169.254": false,
	} {
		if err := guard.Address(netip.MustParseAddr(address)); (err == nil) != allowed {
			t.Errorf("%s: %v", address, err)
		}
	}
	if !guard.allows(netip.MustParseAddr("::ffff:10.20.1.1")) {
		t.Error("the spelling of an address matters")
	}
	for address, allowed := range map[string]bool{
		"http://10.20.1.1": true, "https://10.20.1.1:8080/x": true, "http://hook.example.com": true, "https://n8n": true, "https://hook.local": true,
		"https://10.21.0.0": false, "http://10.20.1.1:25": false, "https://[::ffff:10.20.1.1]": false, "https://100.100.100.200": false, "https://10.20.257": false,
	} {
		if err := guard.Check("webhook.url", address); (err == nil) != allowed {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, wide := range []string{"0.0.0.0/0", "::/0", "8.0.0.0/7", "10.0.0.0/7", "192.0.0.0/8", "169.254.0.0/16", "::ffff:10.0.0.0/104", "224.0.0.0/4", "10.0.0.1", "", "fe80::/10"} {
		if _, err := NewGuard(wide); err == nil {
			t.Errorf("%q can be allowed", wide)
		}
	}
}

func TestComplaintsNameTheFieldInBothLanguages(t *testing.T) {
	t.Parallel()
	err := (Guard{}).Check("webhook.url", "https://127.0.0.1")
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("%v", err)
	}
	if text := f.GRPCStatus().Proto().String(); !strings.Contains(text, "webhook.url") || !strings.Contains(text, "braucht einen Namen") || !strings.Contains(text, "needs a name") {
		t.Error(text)
	}
	if err := (Guard{}).Check("url", "https://hook.example.com/"+strings.Repeat("x", maxURL)); err == nil {
		t.Error("an endless address passes")
	}
}

// TestAnswersThatChange: the name is good when it is asked first and bad afterwards, or the other way round.
func TestAnswersThatChange(t *testing.T) {
	t.Parallel()
	receiver, names := webhooktest.Start(t), webhooktest.StartNames(t)
	trap, err := net.Listen("tcp", net.JoinHostPort("127.0.0.2", receiver.Port())) // what the attacker is after
	if err != nil {
		t.Skip(err)
	}
	defer trap.Close()
	fell := make(chan struct{}, 10)
	go func() {
		for {
			conn, err := trap.Accept()
			if err != nil {
				return
			}
			conn.Close()
			fell <- struct{}{}
		}
	}()
	sender := testSender(t, mustGuard(t, "127.0.0.1/32"), receiver, names)
	names.Change(webhooktest.Host, []string{"127.0.0.1"}, []string{"127.0.0.2"}, []string{"127.0.0.1", "127.0.0.2"}, []string{"127.0.0.1"})
	for i, want := range []Class{Delivered, Refused, Refused, Delivered} {
		if got := sender.Post(t.Context(), message(receiver.URL(webhooktest.Host))); got.Class != want {
			t.Errorf("attempt %d: %+v", i, got)
		}
		if asked := names.Asked(webhooktest.Host); asked != i+1 {
			t.Errorf("attempt %d: %d look-ups: what was checked is not what was called", i, asked)
		}
		sender.Close() // the next one connects anew
	}
	if n := len(receiver.Requests()); n != 2 {
		t.Errorf("%d requests", n)
	}
	if len(fell) > 0 {
		t.Error("the forbidden address was called")
	}
}

// TestSocketIsCheckedToo goes past the look-up: the check at the socket stands alone.
func TestSocketIsCheckedToo(t *testing.T) {
	t.Parallel()
	receiver := webhooktest.Start(t)
	d := &dialer{limit: time.Second}
	conn, err := d.try(context.Background(), "tcp", "127.0.0.1:"+receiver.Port(), 1, d.guard.Address)
	if !errors.Is(err, ErrRefused) {
		t.Errorf("%v %v", conn, err)
	}
}

func TestPlainHTTPOnlyIntoAllowedNetworks(t *testing.T) {
	t.Parallel()
	receiver, names := webhooktest.StartPlain(t), webhooktest.StartNames(t)
	names.Set("n8n.example.com", "127.0.0.1")
	names.Set("public.example.com", "9.9.9.9")
	sender := newTestSender(t, Config{Guard: mustGuard(t, "127.0.0.1/32"), Resolver: names.Resolver()})
	if got := sender.Post(t.Context(), message(receiver.URL("n8n.example.com"))); got.Class != Delivered || got.Status != 204 {
		t.Errorf("%+v", got)
	}
	if got := sender.Post(t.Context(), message(receiver.URL("public.example.com"))); got.Class != Refused {
		t.Errorf("%+v", got)
	}
}

func mustGuard(t testing.TB, networks ...string) Guard {
	t.Helper()
	guard, err := NewGuard(networks...)
	if err != nil {
		t.Fatal(err)
	}
	return guard
}
