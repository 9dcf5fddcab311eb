package gateway

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// TestMasksInBodies: a mask within a body takes both spellings, and one that is none is named.
func TestMasksInBodies(t *testing.T) {
	t.Parallel()
	for mask, want := range map[string]string{ // the paths, or the field that is blamed
		`"target_date"`:                    "target_date",
		`"targetDate"`:                     "target_date",
		` "target_date,phase,phase_date" `: "target_date phase phase_date",
		`"target_date,maturity.level"`:     "target_date maturity.level",
		`"target_d\u0061te"`:               "target_date",
		`""`:                               "",
		`null`:                             "",
		`"target-date"`:                    "! requests[1].updateMask",
		`"phase,,url"`:                     "! requests[1].updateMask",
		`"*"`:                              "! requests[1].updateMask",
		`7`:                                "! requests[1].updateMask",
	} {
		body := []byte(`{"requests":[{},{"updateMask" :` + mask + `,"implementation":{"note":"ein_satz"}}]}`)
		req := &municipalityv1.BatchUpdateImplementationsRequest{}
		w := walk(body, req.ProtoReflect().Descriptor())
		got := ""
		if len(w.violations) > 0 {
			got = "! " + w.violations[0].Field
		} else if err := protojson.Unmarshal(body, req); err != nil || req.GetRequests()[1].GetImplementation().GetNote() != "ein_satz" {
			t.Errorf("%s: %v in %s", mask, err, body)
			continue
		} else {
			got = strings.Join(req.GetRequests()[1].GetUpdateMask().GetPaths(), " ")
		}
		if got != want {
			t.Errorf("%s: %q, want %q", mask, got, want)
		}
	}
}
