package municipality

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// TestVersionsTellChanges: whatever is changed, an answer that differs has another version; and what is changed elsewhere, in a place that
// does not matter, leaves the version as it is.
func TestVersionsTellChanges(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	places := []string{"05766000", "05766044", "05766020", "05758004"}
	keys := []string{carPlates, waste, dogTax}
	type read struct{ rpc, resource string }
	var reads []read
	for _, ags := range places {
		reads = append(reads, read{"GetMunicipality", municipalityName(ags)}, read{"ListImplementations", municipalityName(ags)},
			read{"ListOnlineServices", municipalityName(ags)}, read{"GetImplementation", implementationName(ags, waste)})
	}
	ask := func(r read) proto.Message {
		answer, err := askVersioned(w.ctx, w.client, r.rpc, r.resource)
		if err != nil {
			return nil // nothing recorded yet; never kept
		}
		return answer
	}
	w.publish("marketplace", &marketplacev1.Solution{Name: "solutions/s", State: marketplacev1.Solution_STATE_PUBLISHED})
	for _, ags := range places {
		w.patch(&municipalityv1.Implementation{Name: implementationName(ags, waste), Phase: planned, Solution: "solutions/s"})
	}
	random := rand.New(rand.NewPCG(7, 7))
	stayed := 0
	for n := range 60 {
		answers, versions := make([]proto.Message, len(reads)), make([][4]uint64, len(reads))
		for i, r := range reads {
			answers[i], versions[i] = ask(r), w.service.Version(r.rpc, r.resource)
			if versions[i] == ([4]uint64{}) {
				t.Fatalf("%v has no version", r)
			}
		}
		changed := places[random.IntN(len(places))]
		switch key := keys[random.IntN(len(keys))]; random.IntN(5) {
		case 0:
			w.publish("catalogue", service(key, fmt.Sprint("Name ", n), ""))
		case 1:
			state := []marketplacev1.Solution_State{marketplacev1.Solution_STATE_PUBLISHED, marketplacev1.Solution_STATE_WITHDRAWN}[n%2]
			w.publish("marketplace", &marketplacev1.Solution{Name: "solutions/s", State: state})
		case 2:
			_, err := w.client.UpdateMunicipality(w.ctx, &municipalityv1.UpdateMunicipalityRequest{Municipality: &municipalityv1.Municipality{
				Name: municipalityName(changed), DisplayName: fmt.Sprint("Ort ", n)}})
			must(t, err)
		default:
			w.patch(&municipalityv1.Implementation{Name: implementationName(changed, key), Phase: online, Url: fmt.Sprintf("https://x.example/%d", n)})
		}
		for i, r := range reads {
			same := w.service.Version(r.rpc, r.resource) == versions[i]
			if same {
				stayed++
			}
			if after := ask(r); same && !proto.Equal(after, answers[i]) {
				t.Errorf("change %d: %v has the same version %v, but was\n%v\nand is\n%v", n, r, versions[i], answers[i], after)
			}
		}
	}
	if stayed < 60*len(reads)/4 {
		t.Errorf("only %d versions of %d stayed", stayed, 60*len(reads))
	}
	for _, rpc := range []string{"ListGaps", "ListProgress", "GetPlan", "GetReport", "ListProgressTrend"} {
		if v := w.service.Version(rpc, municipalityName("05766044")); v != ([4]uint64{}) {
			t.Errorf("%s depends on more than %v", rpc, v)
		}
	}
}

// askVersioned makes one of the reads that have versions.
func askVersioned(ctx context.Context, c municipalityv1.MunicipalityServiceClient, rpc, resource string) (proto.Message, error) {
	switch rpc {
	case "GetMunicipality":
		return c.GetMunicipality(ctx, &municipalityv1.GetMunicipalityRequest{Name: resource})
	case "GetImplementation":
		return c.GetImplementation(ctx, &municipalityv1.GetImplementationRequest{Name: resource})
	case "ListImplementations":
		return c.ListImplementations(ctx, &municipalityv1.ListImplementationsRequest{Parent: resource, PageSize: 100})
	}
	return c.ListOnlineServices(ctx, &municipalityv1.ListOnlineServicesRequest{Parent: resource, PageSize: 100})
}
