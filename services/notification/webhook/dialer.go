package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// maxTried bounds how many addresses of one name are tried.
const maxTried = 4

// errTLS marks what went wrong while the channel was being secured.
var errTLS = errors.New("the secure channel failed")

// dialer opens connections to addresses that the guard lets through. A name is looked up once, all its addresses are checked,
// and those very addresses are called: an answer of the name server that changes in between changes nothing. The check sits a
// second time where the socket is connected.
type dialer struct {
	guard    Guard
	resolver *net.Resolver
	limit    time.Duration // for one connection with look-up and TLS
	tls      *tls.Config
}

// plain opens a connection without TLS, only into networks of the operator.
func (d *dialer) plain(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.limit)
	defer cancel()
	return d.connect(ctx, network, address, func(a netip.Addr) error {
		if !d.guard.allows(a) {
			return fmt.Errorf("%w: without TLS", ErrRefused)
		}
		return d.guard.Address(a)
	})
}

// secure opens a connection and checks the certificate against the name in the address.
func (d *dialer) secure(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.limit)
	defer cancel()
	raw, err := d.connect(ctx, network, address, d.guard.Address)
	if err != nil {
		return nil, err
	}
	config := d.tls.Clone()
	config.ServerName, _, _ = net.SplitHostPort(address)
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, fmt.Errorf("%w: %w", errTLS, err)
	}
	return conn, nil
}

func (d *dialer) connect(ctx context.Context, network, address string, check func(netip.Addr) error) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	found, err := d.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	for _, a := range found { // one forbidden address among them, and the name is not to be trusted
		if err := check(a); err != nil {
			return nil, err
		}
	}
	found = found[:min(len(found), maxTried)]
	for i, a := range found {
		var conn net.Conn
		if conn, err = d.try(ctx, network, net.JoinHostPort(a.Unmap().String(), port), len(found)-i, check); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// try calls one address and leaves the others their share of the time.
func (d *dialer) try(ctx context.Context, network, address string, left int, check func(netip.Addr) error) (net.Conn, error) {
	tcp := net.Dialer{
		Timeout: d.limit / time.Duration(left),
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			target, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrRefused, err)
			}
			return check(target.Addr())
		},
	}
	return tcp.DialContext(ctx, network, address)
}
