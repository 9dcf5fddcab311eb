package fault

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
)

func TestTable(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`^[A-Z][A-Z_]{2,62}[A-Z]$`)
	placeholder := regexp.MustCompile(`\{\w+\}`)
	sorted := func(text string) []string {
		found := placeholder.FindAllString(text, -1)
		slices.Sort(found)
		return slices.Compact(found)
	}
	seen := map[string]bool{}
	for _, r := range Reasons() {
		if !name.MatchString(r.Name) || seen[r.Name] {
			t.Errorf("%q is no name, or there twice", r.Name)
		}
		seen[r.Name] = true
		if r.Code == codes.OK || r.Code == codes.Unknown {
			t.Errorf("%s has code %v", r.Name, r.Code)
		}
		if r.DE == "" || r.EN == "" || r.DE == r.EN {
			t.Errorf("%s needs a German and an English text", r.Name)
		}
		if de, en := sorted(r.DE), sorted(r.EN); !slices.Equal(de, en) {
			t.Errorf("%s: placeholders differ: German %v, English %v", r.Name, de, en)
		}
		if rest := placeholder.ReplaceAllString(r.DE+r.EN, ""); strings.ContainsAny(rest, "{}") {
			t.Errorf("%s has a brace that belongs to no placeholder: %q", r.Name, rest)
		}
		if de, en := New(r).Texts(); strings.ContainsAny(de+en, "{}") {
			t.Errorf("%s leaves with a placeholder when nobody fills it: %q %q", r.Name, de, en)
		}
	}
	if len(seen) < 25 {
		t.Errorf("the table has only %d reasons", len(seen))
	}
}

func TestGRPCStatusHasEverythingButTheCause(t *testing.T) {
	t.Parallel()
	report := &commonv1.ImportReport{Rows: 3, IssueCount: 1}
	err := New(ImportBadRows, "count", "1").
		Field("requests[2].size_class", "fehlt", "is missing").
		Detail(report).
		Cause(errors.New("driver: secret"))
	s := err.GRPCStatus()
	if s.Code() != codes.InvalidArgument || s.Message() != "The import was refused: rows in error: 1. Nothing was taken over." {
		t.Errorf("status is %v %q", s.Code(), s.Message())
	}
	want := []proto.Message{
		&errdetails.ErrorInfo{Reason: "IMPORT_BAD_ROWS", Domain: "kompass.krz.de", Metadata: map[string]string{"count": "1"}},
		&errdetails.LocalizedMessage{Locale: "de", Message: "Der Import wurde abgelehnt: fehlerhafte Zeilen: 1. Es wurde nichts übernommen."},
		&errdetails.LocalizedMessage{Locale: "en", Message: s.Message()},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{
			Field: "requests[2].sizeClass", Description: "fehlt / is missing", Reason: "IMPORT_BAD_ROWS",
		}}},
		report,
	}
	details := s.Details()
	if len(details) != len(want) {
		t.Fatalf("%d details, want %d: %v", len(details), len(want), details)
	}
	for i := range want {
		if !proto.Equal(details[i].(proto.Message), want[i]) {
			t.Errorf("detail %d is %v, want %v", i, details[i], want[i])
		}
	}
	if strings.Contains(s.Proto().String(), "secret") {
		t.Error("the cause reaches the client")
	}
	if !strings.Contains(err.Error(), "driver: secret") {
		t.Error("the cause is missing in the text for the log")
	}
}

func TestTextFromOutsideStaysMarshallable(t *testing.T) {
	t.Parallel()
	dirty := strings.Repeat("ü", 5000) + "\xff"
	s := New(NotFound, "resource", dirty).Field(dirty, dirty, "\xc3").GRPCStatus()
	if len(s.Details()) != 4 {
		t.Errorf("%d details, want 4", len(s.Details()))
	}
	if size := proto.Size(s.Proto()); size > 10_000 {
		t.Errorf("status has %d bytes", size)
	}
}

func TestFill(t *testing.T) {
	t.Parallel()
	values := map[string]string{"a": "{b}", "b": "2"}
	for template, want := range map[string]string{
		"{a} {b}": "{b} 2", "{c} {b}": "… 2", "": "", "none": "none", "{b}": "2",
	} {
		if got := fill(template, values); got != want {
			t.Errorf("fill(%q) = %q, want %q", template, got, want)
		}
	}
}

func TestFrom(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		err  error
		want *Reason
	}{
		"fault":             {New(NotFound), NotFound},
		"wrapped fault":     {fmt.Errorf("reading: %w", New(EtagMismatch)), EtagMismatch},
		"deadline":          {fmt.Errorf("publish: %w", context.DeadlineExceeded), DeadlineExceeded},
		"cancelled":         {context.Canceled, Cancelled},
		"unknown":           {errors.New("nats: no responders"), Internal},
		"bare status":       {status.Error(codes.NotFound, "row 7 of table x"), Internal},
		"unimplemented":     {status.Error(codes.Unimplemented, "method X"), Unimplemented},
		"status of a peer":  {status.Error(codes.Unavailable, "dial tcp 10.0.0.1"), StorageUnavailable},
		"status of context": {status.FromContextError(context.DeadlineExceeded).Err(), DeadlineExceeded},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := From(c.err)
			if !Is(got, c.want) {
				t.Errorf("got %v, want %s", got, c.want.Name)
			}
			if got := status.Convert(got); got.Code() != c.want.Code || strings.Contains(got.Message(), "10.0.0.1") ||
				strings.Contains(got.Message(), "reading") {
				t.Errorf("client sees %v", got)
			}
		})
	}
	if From(nil) != nil {
		t.Error("From(nil) is not nil")
	}
	remote := New(NotFound, "resource", "themes/x").GRPCStatus().Err()
	if got := From(remote); status.Convert(got).Message() != "themes/x does not exist." {
		t.Errorf("the status of another service of Kompass changed to %v", got)
	}
}

func TestUnwrap(t *testing.T) {
	t.Parallel()
	if cause := errors.New("disk"); !errors.Is(New(Internal).Cause(cause), cause) {
		t.Error("errors.Is does not find the cause")
	}
	if Is(errors.New("x"), Internal) || Is(nil, Internal) || Is(New(NotFound), Internal) {
		t.Error("Is finds what is not there")
	}
}

func TestJSONPath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"size_class": "sizeClass", "area_km2": "areaKm2", "a_b.c_d[3].e_f": "aB.cD[3].eF", "name": "name",
		"if-match": "if-match", "maturity.level": "maturity.level",
	} {
		if got := JSONPath(in); got != want {
			t.Errorf("JSONPath(%q) = %q, want %q", in, got, want)
		}
	}
}
