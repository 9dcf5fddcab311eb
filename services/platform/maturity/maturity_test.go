package maturity_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/maturity"
)

func at(model string, level int32) *municipalityv1.Maturity {
	return &municipalityv1.Maturity{Model: model, Level: level}
}

func TestFulfils(t *testing.T) {
	t.Parallel()
	cases := []struct {
		m    *municipalityv1.Maturity
		want bool
	}{
		{nil, false},
		{at("", 2), false}, {at("", 3), true},
		{at("1.1", 0), false}, {at("1.1", 2), false}, {at("1.1", 3), true}, {at("1.1", 4), true},
		{at("2.0", 3), false}, {at("2.0", 4), true}, {at("2.0", 7), true},
		{at("3.0", 9), false},
	}
	for _, c := range cases {
		if got := maturity.Fulfils(c.m); got != c.want {
			t.Errorf("%v: %v", c.m, got)
		}
	}
}

func TestOnline(t *testing.T) {
	t.Parallel()
	for phase := range municipalityv1.Implementation_Phase_name {
		i := &municipalityv1.Implementation{Phase: municipalityv1.Implementation_Phase(phase)}
		online := i.GetPhase() == municipalityv1.Implementation_PHASE_ONLINE
		for m, want := range map[*municipalityv1.Maturity]bool{nil: online, at("1.1", 2): false, at("1.1", 3): online} {
			if i.Maturity = m; maturity.Online(i) != want {
				t.Errorf("phase %v, maturity %v: want %v", i.GetPhase(), m, want)
			}
		}
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	if _, known := maturity.Find("1.0"); known {
		t.Error("1.0 is not a model")
	}
	m, _ := maturity.Find("")
	if m.ID != "1.1" || m.LevelName(3) != "Online-Leistung" || m.LevelName(5) != "" || m.LevelName(-1) != "" {
		t.Errorf("default model is %+v", m)
	}
	if m.Has(-1) || !m.Has(0) || !m.Has(4) || m.Has(5) {
		t.Error("model 1.1 has the levels 0 to 4")
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		m     *municipalityv1.Maturity
		field string
	}{
		{nil, ""}, {at("", 4), ""}, {at("", 5), "level"}, {at("1.1", 0), ""}, {at("1.1", 5), "level"}, {at("1.1", -1), "level"},
		{at("2.0", 7), ""}, {at("2.0", 8), "level"}, {at("3.0", 1), "model"},
	} {
		if field, de, en := maturity.Check(c.m); field != c.field || (de == "") != (field == "") || (en == "") != (field == "") {
			t.Errorf("%v: %q, %q, %q", c.m, field, de, en)
		}
	}
	if _, de, en := maturity.Check(at("2.0", 8)); de != "Modell 2.0 hat die Stufen 0 bis 7" || en != "model 2.0 has levels 0 to 7" {
		t.Errorf("%q, %q", de, en)
	}
}

func TestCompleteAndStored(t *testing.T) {
	t.Parallel()
	given := at("", 4)
	complete, stored := maturity.Complete(given), maturity.Stored(&municipalityv1.Maturity{Level: 4, Threshold: 9})
	if !proto.Equal(complete, &municipalityv1.Maturity{Model: "1.1", Level: 4, Threshold: 3}) {
		t.Errorf("complete: %v", complete)
	}
	if !proto.Equal(stored, at("1.1", 4)) {
		t.Errorf("stored: %v", stored)
	}
	if given.GetModel() != "" || maturity.Complete(nil) != nil || maturity.Stored(nil) != nil {
		t.Error("the argument must stay as it is, and nil nil")
	}
}

// TestCompleteKnowsAllFields: it copies them one by one.
func TestCompleteKnowsAllFields(t *testing.T) {
	t.Parallel()
	if n := (&municipalityv1.Maturity{}).ProtoReflect().Descriptor().Fields().Len(); n != 3 {
		t.Errorf("a maturity has %d fields; Complete copies 3", n)
	}
}
