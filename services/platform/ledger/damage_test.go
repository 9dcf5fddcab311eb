package ledger_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
)

// store writes a stream of single and staged records on an embedded server and stops it.
func store(t *testing.T, dir string) (blocks []string) {
	t.Helper()
	nats, err := broker.Start(dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	site := siteOf(t, nats.Conn, dir)
	log := open(t, site, "catalogue")
	mustAppend(t, log, draft(log, "a", "1", ledger.Head{}), draft(log, "b", "1", ledger.Head{}), draft(log, "c", "1", ledger.Head{}))
	chain, _ := follow(t, log, 3)
	for i := range 20 {
		seq := mustAppend(t, log, draft(log, "a", fmt.Sprint("state ", i), chain.Head(log.Name().Subject("theme", "a"))))
		chain, _ = follow(t, log, seq)
	}
	notes, err := site.Witness.Open(log.Name())
	if err == nil {
		err = errors.Join(notes.Note(chain.End()), notes.Close(), log.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	nats.Stop()
	blocks, err = filepath.Glob(filepath.Join(broker.StoreDir(dir), "jetstream", "$G", "streams", "*", "msgs", "*.blk"))
	if err != nil || len(blocks) == 0 {
		t.Fatalf("no blocks: %v", err)
	}
	return blocks
}

func verify(t *testing.T, dir string) []*ledger.Damage {
	t.Helper()
	reports, err := ledger.VerifyStore(broker.StoreDir(dir), witness(t, dir), nil)
	if err != nil {
		t.Fatal(err)
	}
	var damages []*ledger.Damage
	for _, r := range reports {
		damages = append(damages, r.Damages...)
	}
	return damages
}

func witness(t *testing.T, dir string) *ledger.Witness {
	t.Helper()
	w, err := ledger.NewWitness(ledger.WitnessDir(dir))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestEveryFlippedBitIsFound flips bits all over a block: verify names it, and the check before a start refuses it.
func TestEveryFlippedBitIsFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := store(t, dir)[0]
	if d := verify(t, dir); len(d) != 0 {
		t.Fatalf("a whole store is called damaged: %v", d)
	}
	if err := ledger.CheckStore(broker.StoreDir(dir), witness(t, dir)); err != nil {
		t.Fatalf("a whole store is refused: %v", err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 1500 {
		bit := i // the first record bit by bit, then anywhere
		if i >= 600 {
			bit = random.IntN(len(whole) * 8)
		}
		flipped := append([]byte(nil), whole...)
		flipped[bit/8] ^= 1 << (bit % 8)
		write(t, path, flipped)
		if d := verify(t, dir); len(d) == 0 {
			t.Errorf("verify does not see bit %d of byte %d", bit%8, bit/8)
		}
		if err := ledger.CheckStore(broker.StoreDir(dir), witness(t, dir)); !errors.Is(err, ledger.ErrDamaged) && bit/8 != 20 && bit/8 != 21 {
			t.Errorf("the check before a start does not see bit %d of byte %d: %v", bit%8, bit/8, err)
		}
	}
	write(t, path, whole)
	if d := verify(t, dir); len(d) != 0 {
		t.Fatalf("after undoing the flip: %v", d)
	}
}

// TestDamageIsNamed checks what verify says about typical damage.
func TestDamageIsNamed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		damage func(whole []byte) []byte
		want   string
	}{
		{"text altered", func(b []byte) []byte { return []byte(strings.Replace(string(b), "state 7", "state 9", 1)) }, "record 11 (kompass.test.catalogue.theme.a): checksum does not match"},
		{"end cut off at a record", func(b []byte) []byte { return b[:lastRecord(b)] }, "records up to 23 were written but are missing"},
		{"end torn within a record", func(b []byte) []byte { return b[:len(b)-5] }, "records up to 23 were written but are missing"},
		{"record removed", func(b []byte) []byte {
			return append(append([]byte(nil), b[:recordAt(b, 5)]...), b[recordAt(b, 6):]...)
		}, "follows record 5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := store(t, dir)[0]
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, path, tt.damage(whole))
			damages := verify(t, dir)
			if len(damages) == 0 || !strings.Contains(damages[0].Error(), tt.want) {
				t.Errorf("verify says %v, want %q", damages, tt.want)
			}
			if err := ledger.CheckStore(broker.StoreDir(dir), witness(t, dir)); !errors.Is(err, ledger.ErrDamaged) {
				t.Errorf("check: %v, want damage", err)
			}
		})
	}
}

// TestUnacknowledgedTailIsNoDamage: a server that dies while writing leaves half a record that nobody was told about.
func TestUnacknowledgedTailIsNoDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := store(t, dir)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, append(whole, whole[:lastLength(whole)/2]...))
	if d := verify(t, dir); len(d) != 0 {
		t.Errorf("verify: %v", d)
	}
}

func TestLostStreamIsNotCreatedAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := store(t, dir)[0]
	if err := os.RemoveAll(filepath.Dir(filepath.Dir(path))); err != nil {
		t.Fatal(err)
	}
	site := embedded(t, dir)
	if _, err := site.Open(t.Context(), "catalogue"); !errors.Is(err, ledger.ErrDamaged) {
		t.Errorf("open: %v, want damage", err)
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// recordAt is the offset of the n-th record of a block, 0 the first.
func recordAt(block []byte, n int) int {
	offset := 0
	for range n {
		offset += length(block[offset:])
	}
	return offset
}

func lastRecord(block []byte) int { return recordAt(block, 22) }

func lastLength(block []byte) int { return length(block) }

func length(record []byte) int {
	return int(uint32(record[0])|uint32(record[1])<<8|uint32(record[2])<<16|uint32(record[3])<<24) &^ (1 << 31)
}

// TestDamageAroundTheBlocks: what is lost beside the records is damage as well, for verify and before a start.
func TestDamageAroundTheBlocks(t *testing.T) {
	t.Parallel()
	const stream = "KOMPASS_TEST_CATALOGUE"
	tests := []struct {
		name   string
		damage func(streamDir, witnessFile string) error
		want   string
	}{
		{"stream gone", func(d, _ string) error { return os.RemoveAll(d) }, "declaration"},
		{"blocks gone", func(d, _ string) error { return os.RemoveAll(filepath.Join(d, "msgs")) }, "records up to 23 were written but are missing"},
		{"declaration gone", func(d, _ string) error { return os.Remove(filepath.Join(d, "meta.inf")) }, "declaration"},
		{"declaration altered", func(d, _ string) error { return flip(filepath.Join(d, "meta.inf"), 30) }, "declaration"},
		{"witness saw another record", func(_, w string) error { return replace(w, 25, '0', '1') }, "is not the record that the witness saw"},
		{"witness not readable", func(_, w string) error { return os.WriteFile(w, []byte("zz"), 0o600) }, "is not readable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			store(t, dir)
			if err := tt.damage(filepath.Join(broker.StoreDir(dir), "jetstream", "$G", "streams", stream), filepath.Join(ledger.WitnessDir(dir), stream)); err != nil {
				t.Fatal(err)
			}
			damages := verify(t, dir)
			if len(damages) == 0 || !strings.Contains(damages[0].Error(), tt.want) || !strings.Contains(damages[0].Error(), stream) {
				t.Errorf("verify says %v, want %q", damages, tt.want)
			}
			if err := ledger.CheckStore(broker.StoreDir(dir), witness(t, dir)); !errors.Is(err, ledger.ErrDamaged) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("check says %v, want %q", err, tt.want)
			}
		})
	}
}

func flip(path string, at int) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[at] ^= 1
	return os.WriteFile(path, data, 0o600)
}

// replace puts one of two characters at a place, whichever is not there.
func replace(path string, at int, a, b byte) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if data[at] == a {
		a = b
	}
	data[at] = a
	return os.WriteFile(path, data, 0o600)
}
