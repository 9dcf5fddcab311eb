package municipality

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// batchWorld is a small world in which Lemgo changes several implementations at once.
type batchWorld struct{ *world }

func (batchWorld) one(key, note string) *municipalityv1.UpdateImplementationRequest {
	return &municipalityv1.UpdateImplementationRequest{
		Implementation: &municipalityv1.Implementation{Name: implementationName("05766044", key), Note: note},
	}
}

func (w batchWorld) perItem(id string, validateOnly bool, requests ...*municipalityv1.UpdateImplementationRequest) []string {
	w.tb.Helper()
	answer, err := w.client.BatchUpdateImplementations(w.ctx, &municipalityv1.BatchUpdateImplementationsRequest{
		Parent: "municipalities/05766044", Requests: requests, PerItem: true, RequestId: id, ValidateOnly: validateOnly})
	must(w.tb, err)
	if len(answer.GetImplementations()) > 0 {
		w.tb.Errorf("per item answers implementations too: %v", answer)
	}
	return spoken(answer.GetResults())
}

// spoken are results in short: the note, or the reason and what it blames.
func spoken(results []*municipalityv1.BatchResult) []string {
	said := make([]string, len(results))
	for i, r := range results {
		if r.GetError() == nil {
			said[i] = r.GetImplementation().GetNote()
			continue
		}
		reason, fields := reasonOf(status.FromProto(r.GetError()).Err())
		said[i] = strings.TrimSpace(fmt.Sprint(reason, " ", strings.Join(fields, " ")))
	}
	return said
}

func TestBatchPerItem(t *testing.T) {
	t.Parallel()
	w := batchWorld{smallWorld(t)}
	day, control, address, stranger := w.one(waste, ""), w.one(marriage, "a\x00b"), w.one(waste, ""), w.one(waste, "x")
	day.Implementation.TargetDate = "2027-04-31"
	address.Implementation.Url = "http://a b"
	stranger.Implementation.Name = implementationName("05766020", waste)
	old := w.one(building, "alt")
	old.Implementation.Etag = "zz"
	requests := []*municipalityv1.UpdateImplementationRequest{
		w.one(dogTax, "a"), day, control, address, w.one("99999999999999", ""), w.one(dogTax, "b"), stranger, old, {}, w.one(carPlates, "c"),
	}
	want := []string{
		"a", "INVALID_FIELD implementation.targetDate", "INVALID_FIELD implementation.note", "INVALID_FIELD implementation.url",
		"UNKNOWN_REFERENCE implementation.name", "INVALID_FIELD implementation.name", "INVALID_FIELD implementation.name",
		"ETAG_MISMATCH", "INVALID_FIELD implementation", "c",
	}
	if got := w.perItem("", true, requests...); !slices.Equal(got, want) {
		t.Errorf("would be %q", got)
	}
	if listed := w.listed(); len(listed) != 0 {
		t.Fatalf("validate only wrote %v", listed)
	}
	if got := w.perItem("b-1", false, requests...); !slices.Equal(got, want) {
		t.Errorf("came to %q", got)
	}
	listed := w.listed()
	if len(listed) != 2 || !listed[0].GetUpdateTime().AsTime().Equal(testDay) {
		t.Fatalf("wrote %v", listed)
	}
	// The reason stands for itself: a single request would have got the same.
	_, single := w.client.UpdateImplementation(w.ctx, day)
	results, err := w.client.BatchUpdateImplementations(w.ctx, &municipalityv1.BatchUpdateImplementationsRequest{
		Parent: "municipalities/05766044", Requests: requests[1:2], PerItem: true})
	must(t, err)
	if got := status.FromProto(results.GetResults()[0].GetError()).Err(); detailsOf(got) != detailsOf(single) || status.Code(got) != status.Code(single) {
		t.Errorf("alone: %v, in a batch: %v", detailsOf(single), detailsOf(got))
	}
}

func (w batchWorld) listed() []*municipalityv1.Implementation {
	w.tb.Helper()
	answer, err := w.client.ListImplementations(w.ctx, &municipalityv1.ListImplementationsRequest{Parent: "municipalities/05766044"})
	must(w.tb, err)
	return answer.GetImplementations()
}

// TestBatchPerItemOnce repeats a batch after others have gone on: it has no further effect, and says what it did.
func TestBatchPerItemOnce(t *testing.T) {
	t.Parallel()
	w := batchWorld{smallWorld(t)}
	first := w.one(waste, "eins")
	w.patch(first.GetImplementation())
	guarded := w.one(waste, "zwei")
	guarded.Implementation.Etag = "zz"
	requests := []*municipalityv1.UpdateImplementationRequest{w.one(dogTax, "a"), guarded, w.one(marriage, "b"), w.one("99000000000001", "neu"), w.one(building, "")}
	want := []string{"a", "ETAG_MISMATCH", "b", "UNKNOWN_REFERENCE implementation.name", ""}
	if got := w.perItem("once", false, requests...); !slices.Equal(got, want) {
		t.Fatalf("came to %q", got)
	}
	w.patch(w.one(dogTax, "später").GetImplementation())
	_, err := w.client.DeleteImplementation(w.ctx, &municipalityv1.DeleteImplementationRequest{Name: implementationName("05766044", marriage)})
	must(t, err)
	w.publish("catalogue", service("99000000000001", "Neue Leistung", ""))
	want = []string{"später", "ETAG_MISMATCH", "RESOURCE_NOT_FOUND", "CONCURRENT_CHANGE", ""}
	if got := w.perItem("once", false, requests...); !slices.Equal(got, want) {
		t.Errorf("the repetition came to %q, want %q", got, want)
	}
	if listed := w.listed(); len(listed) != 3 {
		t.Errorf("the repetition wrote: %v", listed)
	}
}

// TestBatchRefusesTogether: an atomic batch tells all that is wrong in itself, and no header that is about one resource.
func TestBatchRefusesTogether(t *testing.T) {
	t.Parallel()
	w := batchWorld{smallWorld(t)}
	address, department := w.one(waste, ""), w.one(dogTax, "")
	address.Implementation.Url, department.Implementation.Department = "nirgends", strings.Repeat("x", 201)
	req := &municipalityv1.BatchUpdateImplementationsRequest{
		Parent: "municipalities/05766044", Requests: []*municipalityv1.UpdateImplementationRequest{address, w.one(building, ""), department},
	}
	_, err := w.client.BatchUpdateImplementations(w.ctx, req)
	wantReason(t, err, "INVALID_FIELD", "requests[2].implementation.department", "requests[0].implementation.url")
	req.Requests = req.GetRequests()[1:2]
	for _, header := range [][2]string{{"if-match", `"1"`}, {"if-match", "*"}, {"if-none-match", "*"}} {
		_, err = w.client.BatchUpdateImplementations(metadata.AppendToOutgoingContext(w.ctx, header[0], header[1]), req)
		wantReason(t, err, "INVALID_FIELD", "requests")
	}
	req.Parent, req.PerItem = "municipalities/01001000", true
	_, err = w.client.BatchUpdateImplementations(w.ctx, req)
	wantReason(t, err, "RESOURCE_NOT_FOUND")
}
