package marketplace

import (
	"cmp"
	"strconv"
	"strings"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
)

const (
	stateInterested = marketplacev1.Adoption_STATE_INTERESTED
	stateOffered    = marketplacev1.Adoption_STATE_OFFERED
	stateContracted = marketplacev1.Adoption_STATE_CONTRACTED
	stateConnecting = marketplacev1.Adoption_STATE_CONNECTING
	stateLive       = marketplacev1.Adoption_STATE_LIVE
	stateEnded      = marketplacev1.Adoption_STATE_ENDED
	stateWithdrawn  = marketplacev1.Adoption_STATE_WITHDRAWN
)

// journey is the whole way of an adoption; what is not in it is not allowed. The first row of a state is the step to go on with.
var journey = []struct{ from, to marketplacev1.Adoption_State }{
	{stateInterested, stateOffered},
	{stateInterested, stateWithdrawn},
	{stateOffered, stateContracted},
	{stateOffered, stateOffered}, // a new offer takes the place of the one before
	{stateOffered, stateWithdrawn},
	{stateContracted, stateConnecting},
	{stateContracted, stateWithdrawn},
	{stateConnecting, stateLive},
	{stateConnecting, stateWithdrawn},
	{stateLive, stateEnded},
}

// nextStates lists where an adoption may go from a state, the usual step first.
func nextStates(from marketplacev1.Adoption_State) (to []marketplacev1.Adoption_State) {
	for _, row := range journey {
		if row.from == from {
			to = append(to, row.to)
		}
	}
	return to
}

// stateDE is how German texts call the states.
var stateDE = map[marketplacev1.Adoption_State]string{
	stateInterested: "Interesse bekundet", stateOffered: "Angebot liegt vor", stateContracted: "Vertrag geschlossen",
	stateConnecting: "technische Anbindung läuft", stateLive: "live", stateEnded: "beendet", stateWithdrawn: "zurückgezogen",
}

// stateCode is a state as the API spells it: "CONTRACTED".
func stateCode(s marketplacev1.Adoption_State) string {
	return strings.TrimPrefix(s.String(), "STATE_")
}

// stateNamed is a state for German readers: „Vertrag geschlossen“ (CONTRACTED).
func stateNamed(s marketplacev1.Adoption_State) string {
	return "„" + stateDE[s] + "“ (" + stateCode(s) + ")"
}

// checklistSteps are the steps of a technical connection, in their usual order.
var checklistSteps = []struct {
	kind   marketplacev1.ChecklistItem_Kind
	de, en string
}{
	{marketplacev1.ChecklistItem_KIND_VSM_ENTRY, "VSM-Eintrag", "the VSM entry"},
	{marketplacev1.ChecklistItem_KIND_DVDV_ENTRY, "DVDV-Eintrag", "the DVDV entry"},
	{marketplacev1.ChecklistItem_KIND_DVDV_CERTIFICATE, "DVDV-Zertifikat", "the DVDV certificate"},
	{marketplacev1.ChecklistItem_KIND_AVV, "Auftragsverarbeitungsvertrag (AVV)", "the data processing agreement (AVV)"},
	{marketplacev1.ChecklistItem_KIND_PAYMENT, "Anbindung des E-Payments", "the connection of payment"},
	{marketplacev1.ChecklistItem_KIND_ACCOUNT, "Anbindung der Nutzerkonten", "the connection of user accounts"},
}

// violation says what is wrong with one field.
type violation struct{ field, de, en string }

// refusal is why a change cannot be made: a reason with its placeholders, and all that is to blame.
type refusal struct {
	reason     *fault.Reason
	pairs      []string
	violations []violation
}

func refuse(reason *fault.Reason, pairs ...string) *refusal {
	return &refusal{reason: reason, pairs: pairs}
}

// blame adds what is wrong with a field; it has the form of [blame].
func (r *refusal) blame(field, de, en string) {
	r.violations = append(r.violations, violation{field, de, en})
}

// fault is the refusal as clients get it; nil when nothing is to blame.
func (r *refusal) fault() error {
	if r == nil || len(r.violations) == 0 {
		return nil
	}
	f := fault.New(r.reason, r.pairs...)
	for _, v := range r.violations {
		f = f.Field(v.field, v.de, v.en)
	}
	return f
}

// texts are all violations in one line, German and English.
func (r *refusal) texts() (de, en string) {
	var german, english []string
	for _, v := range r.violations {
		german, english = append(german, fieldDE(v.field)+": "+v.de), append(english, v.field+": "+v.en)
	}
	return strings.Join(german, "; "), strings.Join(english, "; ")
}

// fieldsDE is how German sentences call the fields that refusals of adoptions blame.
var fieldsDE = map[string]string{
	"state": "Zustand", "offer": "Angebot", "valid_until": "gültig bis", "prices": "Preis", "contract": "Vertrag", "date": "Datum", "note": "Grund",
	"checklist": "Checkliste", "services": "Leistung", "url": "Adresse", "solution": "Lösung",
}

// fieldDE is the path of a field in German: "services[1].url" is „Leistung 2, Adresse“.
func fieldDE(path string) string {
	parts := strings.Split(path, ".")
	for i, part := range parts {
		name, index, _ := strings.Cut(strings.TrimSuffix(part, "]"), "[")
		parts[i] = cmp.Or(fieldsDE[name], name)
		if n, err := strconv.Atoi(index); err == nil {
			parts[i] += " " + strconv.Itoa(n+1)
		}
	}
	return strings.Join(parts, ", ")
}
