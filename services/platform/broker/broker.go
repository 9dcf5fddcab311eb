// Package broker starts the embedded NATS server or connects to an external cluster.
// The embedded server listens on no port, keeps its files in one directory and syncs every write before it
// acknowledges it. It must never be the place where streams are declared: that is the ledger's.
package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Embedded is a NATS server inside this process.
type Embedded struct {
	server *server.Server
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
	srv.SetLoggerV2(serverLog{log}, false, false, false)
	srv.Start()
	if !srv.ReadyForConnections(60 * time.Second) {
		srv.Shutdown()
		return nil, errors.New("embedded NATS: not ready within 60 s")
	}
	if !srv.JetStreamEnabled() {
		srv.Shutdown()
		return nil, fmt.Errorf("embedded NATS: JetStream did not start on %s", StoreDir(dataDir))
	}
	conn, err := nats.Connect("", options("kompass", log, nats.InProcessServer(srv))...)
	if err != nil {
		srv.Shutdown()
		return nil, fmt.Errorf("embedded NATS: %w", err)
	}
	return &Embedded{server: srv, Conn: conn}, nil
}

// Stop closes the connection and shuts the server down; returns when its files are closed.
func (e *Embedded) Stop() {
	e.Conn.Close()
	e.server.Shutdown()
	e.server.WaitForShutdown()
}

// Connect connects to an external cluster; url may list several servers, separated by commas. A lost connection is
// re-established for as long as the process runs.
func Connect(url string, log *slog.Logger, more ...nats.Option) (*nats.Conn, error) {
	conn, err := nats.Connect(url, options("kompass", log, more...)...)
	if err != nil {
		return nil, fmt.Errorf("NATS: %w", err)
	}
	return conn, nil
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

// serverLog passes warnings and errors of the server on; its notices are debugging output here.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Noticef(f string, v ...any) { l.log.Debug("nats: " + fmt.Sprintf(f, v...)) }
func (l serverLog) Warnf(f string, v ...any)   { l.log.Warn("nats: " + fmt.Sprintf(f, v...)) }
func (l serverLog) Fatalf(f string, v ...any)  { l.log.Error("nats: " + fmt.Sprintf(f, v...)) }
func (l serverLog) Errorf(f string, v ...any)  { l.log.Error("nats: " + fmt.Sprintf(f, v...)) }
func (l serverLog) Debugf(f string, v ...any)  { l.log.Debug("nats: " + fmt.Sprintf(f, v...)) }
func (l serverLog) Tracef(string, ...any)      {}
