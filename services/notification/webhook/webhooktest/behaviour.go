package webhooktest

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"
)

var quiet = log.New(io.Discard, "", 0)

// until ends with its parent or when done is closed.
func until(parent context.Context, done <-chan struct{}) context.Context {
	ctx, cancel := context.WithCancel(parent)
	go func() {
		defer cancel()
		select {
		case <-done:
		case <-ctx.Done():
		}
	}()
	return ctx
}

// Status answers with a status and its name.
func Status(code int) Behaviour {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		if code != http.StatusNoContent {
			_, _ = io.WriteString(w, http.StatusText(code))
		}
	}
}

// Answer answers with a status, header fields in pairs, and a body.
func Answer(code int, body string, fields ...string) Behaviour {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(fields); i += 2 {
			w.Header().Set(fields[i], fields[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// RedirectTo answers 307 with another address.
func RedirectTo(address string) Behaviour {
	return func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, address, http.StatusTemporaryRedirect)
	}
}

// Hang never answers.
func Hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// Agree takes part in the CloudEvents handshake: it allows the given origin, at so many messages a minute.
func Agree(origin, rate string) Behaviour {
	return Answer(http.StatusOK, "", "WebHook-Allowed-Origin", origin, "WebHook-Allowed-Rate", rate, "Allow", "POST")
}

// Huge answers with a status and a body of so many bytes.
func Huge(code int, size int64) Behaviour {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		chunk := []byte(strings.Repeat("kompass ", 4096))
		for sent := int64(0); sent < size; sent += int64(len(chunk)) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
}

// Raw takes over the connection after the request and closes it in the end.
func Raw(talk func(ctx context.Context, conn net.Conn)) Behaviour {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		talk(r.Context(), conn)
	}
}

// Text sends bytes as they are and closes the connection.
func Text(text string) Behaviour {
	return Raw(func(_ context.Context, conn net.Conn) { _, _ = io.WriteString(conn, text) })
}

// Reset tears the connection down without an answer.
var Reset = Raw(func(_ context.Context, conn net.Conn) {
	if inner, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = inner.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset, not an orderly end
	}
	conn.Close()
})

// Drip sends a beginning, then one byte every ten milliseconds, for ever: a slow loris.
func Drip(beginning, more string) Behaviour {
	return Raw(func(ctx context.Context, conn net.Conn) {
		_, err := io.WriteString(conn, beginning)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for i := 0; err == nil; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_, err = conn.Write([]byte{more[i%len(more)]})
			}
		}
	})
}

// Flood sends a beginning, then the rest again and again, as fast as it is taken, for ever.
func Flood(beginning, more string) Behaviour {
	return Raw(func(ctx context.Context, conn net.Conn) {
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		chunk := []byte(strings.Repeat(more, 1+4096/len(more)))
		for _, err := io.WriteString(conn, beginning); err == nil; {
			_, err = conn.Write(chunk)
		}
	})
}
