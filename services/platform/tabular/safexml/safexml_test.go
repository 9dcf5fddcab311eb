package safexml

import (
	"encoding/xml"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

var small = Limits{Bytes: 1 << 16, Token: 1 << 10, Depth: 8}

// drain reads a document to its end and returns its character data.
func drain(r io.Reader, limit Limits) (string, error) {
	d, text := New(r, limit), ""
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return text, nil
		}
		if err != nil {
			return text, err
		}
		if data, ok := tok.(xml.CharData); ok {
			text += string(data)
		}
	}
}

func TestAccepts(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`<a>x<b c="&gt;'"/><!-- <!DOCTYPE --> y</a>`:                      "x y",
		`<a><![CDATA[<!DOCTYPE x> ]] >]]></a>`:                            "<!DOCTYPE x> ]] >",
		"<?xml version='1.0' encoding='Windows-1252'?><a>M\xFCll\x96</a>": "Müll–",
		"<?xml version='1.0' encoding='ISO-8859-1'?><a>M\xFCll</a>":       "Müll",
		"<?xml version='1.0' encoding='utf-8'?>\n<a>Müll&nbsp;&auml;</a>": "\nMüll\u00A0ä",
		"\uFEFF<?xml version='1.0'?><a c='>'><?p > ?>x</a>":               "\uFEFFx",
		`<!----><a>` + strings.Repeat(" ", 1000) + `</a>`:                 strings.Repeat(" ", 1000),
	} {
		for name, r := range map[string]io.Reader{"at once": strings.NewReader(in), "byte by byte": iotest.OneByteReader(strings.NewReader(in))} {
			if got, err := drain(r, small); err != nil || got != want {
				t.Errorf("%s %q: %q, %v", name, in, got, err)
			}
		}
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 2000)
	for in, want := range map[string]error{
		"<a>\n<!DOCTYPE a><b/></a>":                      ErrUnsafe,
		`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`:       ErrUnsafe,
		"<a><!ENTITY b></a>":                             ErrUnsafe,
		"<a>" + long + "</a>":                            ErrTooLarge,
		"<a b='" + long + "'/>":                          ErrTooLarge,
		"<!--" + long + "-->":                            ErrTooLarge,
		"<!-->" + strings.Repeat("<b>", 700) + "--><a/>": ErrTooLarge,
		"<a><![CDATA[" + strings.Repeat("<a> ", 500):     ErrTooLarge,
		strings.Repeat("<a>", 9):                         ErrTooLarge,
		strings.Repeat("<a>x</a>", 1<<13+1):              ErrTooLarge,
		"<a><b>":                                         ErrTruncated,
		"<a><b":                                          ErrTruncated,
		"<a>&unknown;</a>":                               ErrSyntax,
		"<a></b>":                                        ErrSyntax,
		"<a>\xFF</a>":                                    ErrEncoding,
		"<?xml version='1.0' encoding='EBCDIC'?><a/>":    ErrEncoding,
		"<\x00a\x00/\x00>\x00":                           ErrEncoding,
		"\xFF\xFE<\x00a\x00":                             ErrEncoding,
	} {
		_, err := drain(strings.NewReader(in), small)
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, want) || e.Line < 1 {
			t.Errorf("%.40q: %v, want %v", in, err, want)
		}
	}
}

func TestReaderFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	_, err := drain(io.MultiReader(strings.NewReader("<a>\n\n"), iotest.ErrReader(broken)), small)
	if !errors.Is(err, ErrRead) || !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestSkipAndText(t *testing.T) {
	t.Parallel()
	d := New(strings.NewReader("<a><b><c/>\n<c>1</c></b><d>x<e>y</e></d></a>"), small)
	d.Token()
	d.Token()
	if err := d.Skip(); err != nil || d.Line() != 2 {
		t.Fatal(err, d.Line())
	}
	d.Token()
	if text, err := d.Text(); err != nil || text != "xy" {
		t.Errorf("%q, %v", text, err)
	}
	if tok, err := d.Token(); err != nil || tok.(xml.EndElement).Name.Local != "a" {
		t.Errorf("after Text: %v, %v", tok, err)
	}
}

// endless is a document that never ends; nothing of it is ever held in memory here.
type endless struct {
	head string
	fill byte
	read int64
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.head)
	e.head = e.head[n:]
	for i := n; i < len(p); i++ {
		p[i] = e.fill
	}
	e.read += int64(len(p))
	return len(p), nil
}

// Runs alone: it measures the heap.
func TestEndless(t *testing.T) {
	limit := Limits{Bytes: 256 << 20, Token: 1 << 20, Depth: 64}
	for _, head := range []string{"", "<a>", "<a b='", "<!--", "<a><![CDATA[", "<?x ", "<"} {
		in := &endless{head: head, fill: ' '}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := drain(in, limit)
		runtime.ReadMemStats(&after)
		if err == nil || head != "<" && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%q: %v", head, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 || in.read > 2<<20 {
			t.Errorf("%q: %d bytes allocated, %d read", head, used, in.read)
		}
	}
}
