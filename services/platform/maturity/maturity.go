// Package maturity knows the maturity models (Reifegradmodelle): their levels, and from which level on the OZG counts as
// fulfilled. A level only means something together with its model.
// It must never compare levels of different models, and never guess a level that nobody measured.
package maturity

import (
	"fmt"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// Default is the model that is meant when none is named.
const Default = "1.1"

// Model is one version of the federal Reifegradmodell.
type Model struct {
	// ID is how the contract names it: "1.1", "2.0".
	ID string
	// Highest is the highest level; 0 is the lowest.
	Highest int32
	// Threshold is the level from which the OZG counts as fulfilled.
	Threshold int32
	// names are the German names of the levels, as far as the model names them.
	names []string
}

// The models, oldest first; a later one is added here and among the contract's values of Maturity.model.
var models = [...]Model{
	{ID: Default, Highest: 4, Threshold: 3, names: []string{"Offline", "Information", "Formular-Assistent", "Online-Leistung", "Online-Transaktion"}},
	{ID: "2.0", Highest: 7, Threshold: 4},
}

// Find returns the model of an id; the default one for "". False when there is none.
func Find(id string) (Model, bool) {
	if id == "" {
		id = Default
	}
	for _, m := range models {
		if m.ID == id {
			return m, true
		}
	}
	return Model{}, false
}

// Has tells whether the model has that level.
func (m Model) Has(level int32) bool { return level >= 0 && level <= m.Highest }

// Check tells what is wrong with a maturity as it would be stored: the field of it that is to blame, and why, in German
// and English. An empty field: nothing is wrong, as with nil.
func Check(m *municipalityv1.Maturity) (field, de, en string) {
	if m == nil {
		return "", "", ""
	}
	model, known := Find(m.GetModel())
	switch {
	case !known:
		return "model", "dieses Reifegradmodell gibt es nicht", "there is no such maturity model"
	case !model.Has(m.GetLevel()):
		return "level", fmt.Sprintf("Modell %s hat die Stufen 0 bis %d", model.ID, model.Highest),
			fmt.Sprintf("model %s has levels 0 to %d", model.ID, model.Highest)
	}
	return "", "", ""
}

// LevelName is the German name of a level; empty when the model has no such level or does not name it.
func (m Model) LevelName(level int32) string {
	if level < 0 || int(level) >= len(m.names) {
		return ""
	}
	return m.names[level]
}

// Fulfils tells whether a measured maturity reaches the threshold of its model. nil is not measured and does not; nor
// does a level of a model that nobody knows.
func Fulfils(m *municipalityv1.Maturity) bool {
	model, known := Find(m.GetModel())
	return m != nil && known && m.GetLevel() >= model.Threshold
}

// Online tells whether an implementation counts as fulfilled: its phase is online, and its maturity, if measured,
// reaches the threshold of its model.
func Online(i *municipalityv1.Implementation) bool {
	return i.GetPhase() == municipalityv1.Implementation_PHASE_ONLINE && (i.GetMaturity() == nil || Fulfils(i.GetMaturity()))
}

// Complete returns a copy for answers: the model named, the threshold filled in. nil stays nil.
func Complete(m *municipalityv1.Maturity) *municipalityv1.Maturity {
	if m == nil {
		return nil
	}
	c := &municipalityv1.Maturity{Model: m.GetModel(), Level: m.GetLevel(), Threshold: m.GetThreshold()} // all its fields; lists make many
	if model, known := Find(m.GetModel()); known {
		c.Model, c.Threshold = model.ID, model.Threshold
	}
	return c
}

// Stored returns a copy for the ledger: the model named, because the default may change, without the threshold, which
// is the model's. nil stays nil.
func Stored(m *municipalityv1.Maturity) *municipalityv1.Maturity {
	c := Complete(m)
	if c != nil {
		c.Threshold = 0
	}
	return c
}
