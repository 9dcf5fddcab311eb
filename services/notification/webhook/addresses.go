package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// ErrRefused is what the guard answers when an address must not be called; the text around it says why.
var ErrRefused = errors.New("the address must not be called")

// span is a range of addresses with what it is.
type span struct {
	prefix netip.Prefix
	what   string
}

func spans(what string, prefixes ...string) []span {
	all := make([]span, len(prefixes))
	for i, p := range prefixes {
		all[i] = span{netip.MustParsePrefix(p), what}
	}
	return all
}

var (
	// secretive answer with credentials of the machine to whoever asks: no operator can allow them.
	secretive = spans("link-local, or metadata of a cloud", "100.100.100.200/32", "168.63.129.16/32", "169.254.0.0/16", "192.0.0.192/32",
		"fd00:ec2::/32", "fd20:ce::254/128", "fd00:42::42/128")

	// allowable are the ranges in which an operator may allow networks.
	allowable = slices.Concat(
		spans("loopback", "127.0.0.0/8", "::1/128"),
		spans("private", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
		spans("shared by customers of a carrier", "100.64.0.0/10"),
	)

	// special are the ranges of the IANA special-purpose registries that nobody outside can be meant by.
	special = slices.Concat(
		spans("this network or unspecified", "0.0.0.0/8", "::/128"),
		spans("protocol assignment", "192.0.0.0/24"),
		spans("documentation", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
		spans("benchmarks", "198.18.0.0/15"),
		spans("multicast", "224.0.0.0/4", "ff00::/8"),
		spans("broadcast or reserved", "240.0.0.0/4"),
		spans("link-local", "fe80::/10"),
		spans("site-local", "fec0::/10"),
		spans("IPv4-compatible", "::/96"),
		spans("IPv4-translated", "::ffff:0:0:0/96"),
		spans("NAT64", "64:ff9b::/96", "64:ff9b:1::/48"),
		spans("discarded", "100::/64"),
		spans("6to4", "192.88.99.0/24", "2002::/16"),
		spans("Teredo, ORCHID or another protocol assignment", "2001::/23"),
		spans("given back", "3ffe::/16"),
	)

	// global is what IANA gives out for IPv6; everything else has no owner yet.
	global = netip.MustParsePrefix("2000::/3")
)

// Guard says which addresses may be called: public ones, and networks that the operator allows. The zero value allows no
// network. It is immutable.
type Guard struct{ networks []netip.Prefix }

// NewGuard is the guard that also allows some networks, in CIDR spelling ("10.20.0.0/16"). Each has to lie within one of the
// private ranges (RFC 1918, fc00::/7, 100.64.0.0/10, loopback): a wider one would switch the guard off.
func NewGuard(networks ...string) (Guard, error) {
	var g Guard
	for _, text := range networks {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return Guard{}, fmt.Errorf("%q is not a network in CIDR spelling: %w", text, err)
		}
		within := func(s span) bool { return s.prefix.Bits() <= p.Bits() && s.prefix.Contains(p.Addr()) }
		if !slices.ContainsFunc(allowable, within) {
			return Guard{}, fmt.Errorf("%s is not within a private range", p)
		}
		g.networks = append(g.networks, p.Masked())
	}
	return g, nil
}

// Address is nil when the address may be called, and else wraps ErrRefused.
func (g Guard) Address(a netip.Addr) error {
	if a.Zone() != "" || !a.IsValid() {
		return fmt.Errorf("%w: it has a zone", ErrRefused)
	}
	a = a.Unmap() // what is really called, whatever its spelling
	if what, found := within(secretive, a); found {
		return fmt.Errorf("%w: %s", ErrRefused, what)
	}
	if g.allows(a) {
		return nil
	}
	for _, ranges := range [][]span{allowable, special} {
		if what, found := within(ranges, a); found {
			return fmt.Errorf("%w: %s", ErrRefused, what)
		}
	}
	if a.Is6() && !global.Contains(a) {
		return fmt.Errorf("%w: not a public address", ErrRefused)
	}
	return nil
}

// allows tells whether the address lies in a network of the operator.
func (g Guard) allows(a netip.Addr) bool {
	return slices.ContainsFunc(g.networks, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

func within(ranges []span, a netip.Addr) (what string, found bool) {
	for _, s := range ranges {
		if s.prefix.Contains(a) {
			return s.what, true
		}
	}
	return "", false
}
