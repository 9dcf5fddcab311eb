package marketplace

import (
	"strings"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
)

// verb is what somebody wants to do with a solution.
type verb uint8

const (
	update verb = iota
	submit
	publish
	reject
	withdraw
)

const (
	draft     = marketplacev1.Solution_STATE_DRAFT
	submitted = marketplacev1.Solution_STATE_SUBMITTED
	published = marketplacev1.Solution_STATE_PUBLISHED
	rejected  = marketplacev1.Solution_STATE_REJECTED
	withdrawn = marketplacev1.Solution_STATE_WITHDRAWN
)

// lifecycle is the whole life of a solution; what is not in it is not allowed. A submitted solution may still be
// corrected: the review guards itself with the etag of what it read. An update never changes the state.
var lifecycle = []struct {
	from marketplacev1.Solution_State
	verb verb
	to   marketplacev1.Solution_State
}{
	{draft, update, draft},
	{draft, submit, submitted},
	{submitted, update, submitted},
	{submitted, publish, published},
	{submitted, reject, rejected},
	{rejected, update, rejected},
	{rejected, submit, submitted},
	{published, update, published},
	{published, withdraw, withdrawn},
}

// after is the state that a verb leads to; false when the state does not allow the verb.
func after(state marketplacev1.Solution_State, v verb) (marketplacev1.Solution_State, bool) {
	for _, t := range lifecycle {
		if t.from == state && t.verb == v {
			return t.to, true
		}
	}
	return state, false
}

// allowed lists the verbs that a state allows, in the order of the table.
func allowed(state marketplacev1.Solution_State) (verbs []verb) {
	for _, t := range lifecycle {
		if t.from == state {
			verbs = append(verbs, t.verb)
		}
	}
	return verbs
}

// complete tells whether a solution in that state must meet the requirements of a submission.
func complete(state marketplacev1.Solution_State) bool {
	return state == submitted || state == published
}

// forbidden says that the state does not allow the verb, and what it allows.
func forbidden(resource string, state marketplacev1.Solution_State, v verb) error {
	var names, de, en []string
	for _, other := range allowed(state) {
		names, de, en = append(names, other.String()), append(de, "„"+verbsDE[other]+"“"), append(en, other.String())
	}
	if len(names) == 0 {
		de, en = []string{"nichts mehr"}, []string{"nothing any more"}
	}
	code := strings.TrimPrefix(state.String(), "STATE_")
	return fault.New(fault.StateForbids, "resource", resource, "state", code, "verb", v.String(), "allowed", strings.Join(names, ", ")).
		Field("state",
			"„"+verbsDE[v]+"“ ist im Zustand „"+statesDE[state]+"“ ("+code+") nicht möglich; möglich ist: "+strings.Join(de, ", "),
			v.String()+" is not possible in state "+code+"; possible is: "+strings.Join(en, ", "))
}

var verbsEN = [...]string{update: "update", submit: "submit", publish: "publish", reject: "reject", withdraw: "withdraw"}

var verbsDE = [...]string{
	update: "bearbeiten", submit: "einreichen", publish: "veröffentlichen", reject: "zurückweisen", withdraw: "zurückziehen",
}

var statesDE = map[marketplacev1.Solution_State]string{
	draft: "Entwurf", submitted: "eingereicht", published: "veröffentlicht", rejected: "zurückgewiesen", withdrawn: "zurückgezogen",
}

// String is the verb as the API spells it.
func (v verb) String() string { return verbsEN[v] }
