package gateway

import (
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// TestWholeNumbers: money is whole, however JSON spells it; what protojson would refuse without a word is refused with its field.
func TestWholeNumbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"100": true, `"100"`: true, "100.0": true, "1e2": true, "0.1e3": true, "-1": true,
		"99.5": false, "99.99999999999999999": false, "100.00000000000000000001": false, "1e30": false, "1e-999999999": false, "true": false, `"viel"`: false,
	} {
		source := []byte(`{"amountCents": ` + text + `}`)
		p := &marketplacev1.Price{}
		w := walk(source, p.ProtoReflect().Descriptor())
		if taken := w.syntax == nil && len(w.violations) == 0; taken != want || !taken && w.violations[0].Field != "amountCents" || taken && protojson.Unmarshal(source, p) != nil {
			t.Errorf("%s: %v %v", text, w.syntax, w.violations)
		}
	}
}
