package notification

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/mail"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/identity"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/server"
)

// replicaEnv makes this test binary a notification service: one that runs as a process of its own can be killed as by a power cut.
const replicaEnv = "KOMPASS_TEST_REPLICA"

func TestMain(m *testing.M) {
	if config := os.Getenv(replicaEnv); config != "" {
		os.Exit(runReplica(config))
	}
	os.Exit(m.Run())
}

// replica is a notification service in a process of its own.
type replica struct {
	NATS, SMTP string
	Ahead      time.Duration // of its clock

	client notificationv1.NotificationServiceClient
	owner  string // as it signs in the journal "deliveries"
	cmd    *exec.Cmd
	in     io.Writer
	out    *bufio.Reader
}

// start runs the replica and waits until it is ready.
func (r *replica) start(tb testing.TB) {
	tb.Helper()
	config, err := json.Marshal(r)
	if err != nil {
		tb.Fatal(err)
	}
	r.cmd = exec.Command(os.Args[0])
	r.cmd.Env = append(os.Environ(), replicaEnv+"="+string(config))
	r.cmd.Stderr = os.Stderr
	in, err := r.cmd.StdinPipe() // closes when this process ends, however it ends
	if err != nil {
		tb.Fatal(err)
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(r.kill)
	r.in, r.out = in, bufio.NewReader(out)
	line, err := r.out.ReadString('\n')
	if err != nil {
		tb.Fatalf("a replica ended before it was ready: %v", err)
	}
	var address string
	if _, err := fmt.Sscan(line, &address, &r.owner); err != nil {
		tb.Fatal(err)
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	r.client = notificationv1.NewNotificationServiceClient(conn)
}

// kill ends the replica as a power cut would.
func (r *replica) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// setAhead says by how much its clock is ahead of ours.
func (r *replica) setAhead(tb testing.TB, ahead time.Duration) {
	tb.Helper()
	r.Ahead = ahead
	if _, err := fmt.Fprintln(r.in, ahead); err != nil {
		tb.Fatal(err)
	}
	if _, err := r.out.ReadString('\n'); err != nil {
		tb.Fatal(err)
	}
}

// runReplica is the replica's process. It lives until its parent is gone or kills it.
func runReplica(config string) (exit int) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	fail := func(err error) {
		if err != nil {
			log.Error("replica", "error", err)
			os.Exit(1)
		}
	}
	var r replica
	fail(json.Unmarshal([]byte(config), &r))
	conn, err := broker.Connect(r.NATS, quiet)
	fail(err)
	relay, err := mail.NewRelay(mail.Config{URL: "smtp+plain://" + r.SMTP, From: "Kompass <kompass@krz.example>"})
	fail(err)
	var ahead atomic.Int64
	ahead.Store(int64(r.Ahead))
	settings := local
	settings.Mail, settings.lookPause = relay, 50*time.Millisecond
	s, err := New(context.Background(), ledger.Site{Conn: conn, Origin: "test", Replicas: 3}, log, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }, settings)
	fail(err)
	go func() { fail(s.Run(context.Background())) }()
	fail(s.Ready(context.Background()))
	g, err := server.New(server.Options{Logger: quiet, Authenticator: identity.New("key").OpenReads(true)})
	fail(err)
	s.Register(g)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fail(err)
	go func() { fail(g.Serve(listener)) }()
	fmt.Println(listener.Addr(), s.webhooks.owner)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		d, err := time.ParseDuration(lines.Text())
		fail(err)
		ahead.Store(int64(d))
		fmt.Println("set")
	}
	return 0
}

// follower reads the stream of events from one replica after the other: whenever one ends it goes on at the next with the last sequence.
type follower struct {
	replicas []*replica
	got      chan uint64
	breaks   atomic.Int32
}

// follow reads until ctx ends.
func (f *follower) follow(ctx context.Context) {
	after := uint64(0)
	for i := 0; ctx.Err() == nil; i++ {
		stream, err := f.replicas[i%len(f.replicas)].client.StreamEvents(ctx, &notificationv1.StreamEventsRequest{After: &after})
		for err == nil {
			var piece *notificationv1.StreamEventsResponse
			if piece, err = stream.Recv(); err == nil && piece.GetEvent() != nil {
				after = piece.GetSequence()
				f.got <- after
			}
		}
		f.breaks.Add(1)
		pause(ctx, 50*time.Millisecond)
	}
}
