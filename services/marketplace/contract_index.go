package marketplace

import (
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/state"
)

// contractLinks is what hangs on contracts, by the resource name of the contract; each list is by name.
type contractLinks struct {
	adoptions map[string][]*marketplacev1.Adoption
	callOffs  map[string][]*marketplacev1.Contract // of a framework agreement
}

func linksOf(contracts state.Table[*marketplacev1.Contract], adoptions state.Table[*marketplacev1.Adoption]) contractLinks {
	l := contractLinks{adoptions: map[string][]*marketplacev1.Adoption{}, callOffs: map[string][]*marketplacev1.Contract{}}
	for _, a := range adoptions.All() {
		if on := a.GetContract(); on != "" {
			l.adoptions[on] = append(l.adoptions[on], a)
		}
	}
	for _, c := range contracts.All() {
		if from := c.GetFramework(); from != "" {
			l.callOffs[from] = append(l.callOffs[from], c)
		}
	}
	return l
}

// contractView shows contracts as clients see them: on one day, in one state of the world.
type contractView struct {
	links contractLinks
	today string // "2027-03-31"
}

// of is a shallow copy of a contract with what is derived; what it shares with c stays immutable.
func (v contractView) of(c *marketplacev1.Contract) *marketplacev1.Contract {
	seen := shallow(c)
	seen.State = contractState(c, v.today)
	seen.TermEndDate, seen.NoticeDate = contractTerm(c, v.today)
	seen.Adoptions = nil
	for _, a := range v.links.adoptions[c.GetName()] {
		seen.Adoptions = append(seen.Adoptions, a.GetName())
	}
	return seen
}
