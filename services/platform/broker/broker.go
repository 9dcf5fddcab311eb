// Package broker starts the embedded NATS server or connects to an external cluster.
// The embedded server listens on no port, keeps its files in one directory and syncs every write before it
// acknowledges it. It must never be the place where streams are declared: that is the ledger's.
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Embedded is a NATS server inside this process.
type Embedded struct {
	server *server.Server
	watch  *serverLog
	// Conn is an in-process connection to it.
	Conn *nats.Conn
}

// StoreDir is where the embedded server keeps its files below a data directory.
func StoreDir(dataDir string) string { return filepath.Join(dataDir, "nats") }

// Start runs the embedded server on dataDir and connects to it.
func Start(dataDir string, log *slog.Logger) (*Embedded, error) {
	srv, err := server.NewServer(&server.Options{
		ServerName:         "kompass",
		DontListen:         true,
		NoSigs:             true,
		JetStream:          true,
		StoreDir:           StoreDir(dataDir),
		SyncAlways:         true,
		JetStreamMaxStore:  1 << 50, // the disk is the limit, not a fraction of what was free at the start
		JetStreamMaxMemory: 64 << 20,
		MaxPayload:         8 << 20,
		NoSystemAccount:    false,
	})
	if err != nil {
		return nil, fmt.Errorf("embedded NATS: %w", err)
	}
	watch := &serverLog{log: log}
	srv.SetLoggerV2(watch, false, false, false)
	srv.Start()
	if err := awaitReady(srv, watch); err != nil {
		srv.Shutdown()
		return nil, fmt.Errorf("embedded NATS on %s: %w", StoreDir(dataDir), err)
	}
	conn, err := nats.Connect("", options("kompass", log, nats.InProcessServer(srv))...)
	if err != nil {
		srv.Shutdown()
		return nil, fmt.Errorf("embedded NATS: %w", err)
	}
	return &Embedded{server: srv, watch: watch, Conn: conn}, nil
}

// startLimit bounds the recovery of the stored streams.
const startLimit = 10 * time.Minute

// awaitReady waits until the server takes connections. A server that gave up says so in its log alone.
func awaitReady(srv *server.Server, watch *serverLog) error {
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); {
		if err := watch.failed(); err != nil {
			return err
		}
		if srv.ReadyForConnections(100 * time.Millisecond) {
			if !srv.JetStreamEnabled() {
				return errors.New("JetStream did not start")
			}
			return nil
		}
	}
	return errors.New("not ready within " + startLimit.String())
}

// Failed is why the server cannot store anything any more, for example a full disk; nil while it can. Only a new start
// changes that.
func (e *Embedded) Failed() error { return e.watch.failed() }

// Stop closes the connection and shuts the server down; returns when its files are closed.
func (e *Embedded) Stop() {
	e.Conn.Close()
	e.server.Shutdown()
	e.server.WaitForShutdown()
}

// Connect connects to an external cluster; url may list several servers, separated by commas. A lost connection is
// re-established for as long as the process runs. What is published meanwhile fails at once: a write that was answered
// with an error must not reach the cluster later.
func Connect(url string, log *slog.Logger, more ...nats.Option) (*nats.Conn, error) {
	external := []nats.Option{
		nats.Timeout(3 * time.Second),
		nats.PingInterval(5 * time.Second), // a server that lost its power sends no farewell
		nats.MaxPingsOutstanding(2),
		nats.ReconnectJitter(100*time.Millisecond, time.Second),
		nats.ReconnectBufSize(-1),
	}
	conn, err := nats.Connect(url, options("kompass", log, append(external, more...)...)...)
	if err != nil {
		return nil, fmt.Errorf("NATS: %w", err)
	}
	return conn, nil
}

const (
	awaitTime  = 2 * time.Minute // for the first server of a cluster to answer
	awaitPause = time.Second
)

// Await connects as Connect does, and waits for a cluster that does not answer yet, as after a start of a whole data centre.
func Await(ctx context.Context, url string, log *slog.Logger, more ...nats.Option) (*nats.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, awaitTime)
	defer cancel()
	for {
		conn, err := Connect(url, log, more...)
		if err == nil || !errors.Is(err, nats.ErrNoServers) && !errors.Is(err, nats.ErrTimeout) {
			return conn, err
		}
		log.Warn("no NATS server answers, waiting", "error", err)
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(awaitPause):
		}
	}
}

func options(name string, log *slog.Logger, more ...nats.Option) []nats.Option {
	return append([]nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.Timeout(10 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("NATS connection lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { log.Info("NATS connection is back", "server", c.ConnectedServerName()) }),
	}, more...)
}

// serverLog passes warnings and errors of the server on; its notices are debugging output here. It also remembers what
// the server cannot recover from, because the server tells nobody else.
type serverLog struct {
	log    *slog.Logger
	reason atomic.Pointer[error]
}

func (l *serverLog) failed() error {
	if reason := l.reason.Load(); reason != nil {
		return *reason
	}
	return nil
}

func (l *serverLog) fail(text string) {
	err := errors.New(text)
	l.reason.CompareAndSwap(nil, &err)
}

// criticalWrite begins the server's message about a write that failed; it stores nothing after that.
const criticalWrite = "Critical write error"

// Noticef and its siblings make serverLog a logger of the server.
func (l *serverLog) Noticef(f string, v ...any) { l.log.Debug("nats: " + fmt.Sprintf(f, v...)) }

// Warnf logs.
func (l *serverLog) Warnf(f string, v ...any) { l.log.Warn("nats: " + fmt.Sprintf(f, v...)) }

// Fatalf logs and remembers; the server expects the process to end.
func (l *serverLog) Fatalf(f string, v ...any) {
	text := fmt.Sprintf(f, v...)
	l.log.Error("nats: " + text)
	l.fail(text)
}

// Errorf logs, and remembers when nothing can be stored any more.
func (l *serverLog) Errorf(f string, v ...any) {
	text := fmt.Sprintf(f, v...)
	l.log.Error("nats: " + text)
	if strings.Contains(text, criticalWrite) || strings.Contains(text, "no space left") {
		l.fail(text)
	}
}

// Debugf logs.
func (l *serverLog) Debugf(f string, v ...any) { l.log.Debug("nats: " + fmt.Sprintf(f, v...)) }

// Tracef is too much of a good thing.
func (l *serverLog) Tracef(string, ...any) {}
