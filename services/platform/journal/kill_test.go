package journal_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"testing"
	"time"

	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/ledger"
)

// childDir tells a process that it is the one to be killed, and where its files are.
const childDir = "KOMPASS_TEST_JOURNAL_DIR"

// TestKilled kills a process with an embedded server ten times while it appends; its successor goes on where it stood.
func TestKilled(t *testing.T) {
	if dir := os.Getenv(childDir); dir != "" {
		produceForever(t, dir)
	}
	t.Parallel()
	dir := t.TempDir()
	for round := range 10 {
		child := exec.Command(os.Args[0], "-test.run", "^TestKilled$")
		child.Env = append(os.Environ(), childDir+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 5+round)); err != nil { // a byte for every step
			t.Error(err)
		}
		time.Sleep(time.Duration(1300*round%5000) * time.Microsecond)
		_ = child.Process.Kill()
		_ = child.Wait()
	}
	j := open(t, embedded(t, dir), journal.Config{Name: "killed"})
	_, last, err := j.Bounds(t.Context())
	if err != nil || last < 50 {
		t.Fatalf("%d messages, %v: the killed ones did nothing", last, err)
	}
	for i, v := range values(follow(t, j, 0, filter(t, j), int(last))) {
		if v != i {
			t.Fatalf("item %d is %d", i, v)
		}
	}
	t.Logf("%d items by ten processes", last)
}

func produceForever(t *testing.T, dir string) {
	e, err := broker.Start(dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	j := open(t, ledger.Site{Conn: e.Conn, Origin: "test", Replicas: 1}, journal.Config{Name: "killed"})
	err = produce(context.Background(), j, math.MaxInt, func(int) { fmt.Print("+") })
	t.Fatal(err)
}
