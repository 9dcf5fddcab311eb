package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"kompass.krz.de/services/platform/archive"
)

// manifest has streams with several frames, with none, and with one.
var manifest = archive.Manifest{
	Format: archive.Format, Created: time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC), Revision: "abc",
	Streams: []archive.Stream{{Name: "LARGE", Last: 5000}, {Name: "EMPTY"}, {Name: "SMALL", Last: 3}},
}

var summary = archive.Summary{Digest: "d", Streams: []archive.Total{{Name: "LARGE", Records: 5000, Entities: 7, Digest: "e"}}}

func record(stream int, sequence uint64) archive.Record {
	random := rand.New(rand.NewPCG(uint64(stream), sequence))
	data := make([]byte, random.IntN(900))
	for i := range data {
		data[i] = byte(random.IntN(5))
	}
	return archive.Record{Subject: fmt.Sprintf("kompass.test.s%d.%d", stream, sequence%100), Data: data}
}

// written is an archive with generated records.
func written(t testing.TB, m archive.Manifest) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := archive.NewWriter(&file, m)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range m.Streams {
		for sequence := uint64(1); sequence <= s.Last; sequence++ {
			if err := w.Add(i, sequence, record(i, sequence)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := w.Close(summary); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// read reads an archive to its end and returns how many records it held.
func read(file []byte, visit func(stream int, sequence uint64, r archive.Record)) (n int, r *archive.Reader, err error) {
	r, err = archive.NewReader(bytes.NewReader(file))
	if err != nil {
		return 0, nil, err
	}
	defer r.Close()
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return n, r, nil
		}
		if err != nil {
			return n, r, err
		}
		for i, rec := range f.Records {
			n++
			visit(f.Stream, f.First+uint64(i), rec)
		}
	}
}

func ignore(int, uint64, archive.Record) {}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	file := written(t, manifest)
	frames := map[int]bool{}
	n, r, err := read(file, func(stream int, sequence uint64, got archive.Record) {
		frames[stream] = true
		if want := record(stream, sequence); got.Subject != want.Subject || !bytes.Equal(got.Data, want.Data) {
			t.Fatalf("stream %d, record %d: %q %x, want %q %x", stream, sequence, got.Subject, got.Data, want.Subject, want.Data)
		}
	})
	if err != nil || n != 5003 || len(frames) != 2 {
		t.Fatalf("%d records of %d streams, %v", n, len(frames), err)
	}
	if !reflect.DeepEqual(r.Manifest(), manifest) || !reflect.DeepEqual(r.Summary(), summary) {
		t.Errorf("read %+v, %+v", r.Manifest(), r.Summary())
	}
	if !bytes.HasSuffix(file, func() []byte { s := r.Sum(); return s[:] }()) {
		t.Error("the file does not end with its sum")
	}
}

// TestEveryAlterationIsFound flips every bit of a small archive, cuts it off at every length, and does the same at random
// places of one with several frames.
func TestEveryAlterationIsFound(t *testing.T) {
	t.Parallel()
	small := written(t, archive.Manifest{Format: archive.Format, Revision: "r", Streams: []archive.Stream{{Name: "A", Last: 2}, {Name: "B", Last: 1}}})
	for bit := range len(small) * 8 {
		checkFlip(t, small, bit)
	}
	for length := range len(small) {
		checkCut(t, small, length)
	}
	if _, _, err := read(append(bytes.Clone(small), 0), ignore); !isDamage(err) {
		t.Errorf("with a byte more: %v", err)
	}
	large, random := written(t, manifest), rand.New(rand.NewPCG(1, 2))
	for range 40 {
		checkFlip(t, large, random.IntN(len(large)*8))
		checkCut(t, large, random.IntN(len(large)))
	}
}

func checkFlip(t *testing.T, file []byte, bit int) {
	t.Helper()
	altered := bytes.Clone(file)
	altered[bit/8] ^= 1 << (bit % 8)
	if _, _, err := read(altered, ignore); !isDamage(err) {
		t.Fatalf("bit %d of byte %d of %d: %v", bit%8, bit/8, len(file), err)
	}
}

func checkCut(t *testing.T, file []byte, length int) {
	t.Helper()
	if _, _, err := read(file[:length], ignore); !isDamage(err) {
		t.Fatalf("cut off after %d of %d bytes: %v", length, len(file), err)
	}
}

func isDamage(err error) bool {
	var d *archive.Damage
	return errors.As(err, &d)
}

// TestDamageIsNamed: an alteration within the records tells the stream and the first record concerned.
func TestDamageIsNamed(t *testing.T) {
	t.Parallel()
	file := written(t, manifest)
	large := written(t, archive.Manifest{Format: archive.Format, Streams: manifest.Streams[:1]})
	tests := []struct {
		name string
		at   int
		want string
	}{
		{"first line", 3, "no archive of Kompass"},
		{"manifest", 60, "frame at byte 18: was altered"},
		{"records of the first stream", len(large) / 2, "the records from "},
		{"records of the last stream", len(file) - 400, "the records from 1 of SMALL"},
		{"summary", len(file) - 60, "was altered: its sum does not match"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			altered := bytes.Clone(file)
			altered[tt.at] ^= 64
			_, _, err := read(altered, ignore)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestExchangedFramesAreFound: frames that are whole, at places that are not theirs.
func TestExchangedFramesAreFound(t *testing.T) {
	t.Parallel()
	other := manifest
	other.Revision = "other"
	a, b := written(t, manifest), written(t, other)
	half := len(b) / 2
	if _, _, err := read(append(bytes.Clone(a[:len(a)-half]), b[len(b)-half:]...), ignore); !isDamage(err) {
		t.Errorf("half of one archive and half of another: %v", err)
	}
}

// TestWriterKeepsItsPromise: what the manifest does not announce is refused, and what is missing is seen by the reader.
func TestWriterKeepsItsPromise(t *testing.T) {
	t.Parallel()
	add := func(w *archive.Writer, stream int, sequences ...uint64) (err error) {
		for _, s := range sequences {
			err = errors.Join(err, w.Add(stream, s, record(stream, s)))
		}
		return err
	}
	var file bytes.Buffer
	w, err := archive.NewWriter(&file, archive.Manifest{Format: archive.Format, Streams: []archive.Stream{{Name: "A", Last: 3}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := add(w, 0, 1, 3); err == nil {
		t.Error("takes record 3 after record 1")
	}
	if err := add(w, 0, 2, 3, 4); err == nil {
		t.Error("takes more records than announced")
	}
	if err := add(w, 1, 1); err == nil {
		t.Error("takes records of a stream that was not announced")
	}
	file.Reset()
	if w, err = archive.NewWriter(&file, archive.Manifest{Format: archive.Format, Streams: []archive.Stream{{Name: "A", Last: 3}}}); err != nil {
		t.Fatal(err)
	}
	if err := add(w, 0, 1, 2); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(summary); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(file.Bytes(), ignore); !isDamage(err) || !strings.Contains(err.Error(), "other records") {
		t.Errorf("a record is missing: %v", err)
	}
}

// FuzzReader: whatever stands in a file, reading it ends without harm.
func FuzzReader(f *testing.F) {
	f.Add(written(f, archive.Manifest{Format: archive.Format, Streams: []archive.Stream{{Name: "A", Last: 3}}}))
	f.Fuzz(func(_ *testing.T, file []byte) { _, _, _ = read(file, ignore) })
}
