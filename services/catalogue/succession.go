package catalogue

import (
	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
)

// succeed proposes successors: an entry that goes while another of the same name comes was renumbered. What somebody
// decided stays; an entry that comes back has no proposed successor any more.
func (p *plan) succeed() {
	come := map[string]string{} // folded name → resource name; empty when several have it
	for _, e := range p.newly {
		m, ok := e.(*cataloguev1.PublicService)
		if !ok {
			return
		}
		folded := sameName(m.GetDisplayName())
		if _, several := come[folded]; several {
			come[folded] = ""
			continue
		}
		come[folded] = m.GetName()
	}
	for _, e := range p.newly {
		if s, ok := p.state.successions.Get(e.GetName()); ok && s.GetProposed() && len(s.GetSuccessors()) > 0 {
			p.propose(e.GetName(), nil)
		}
	}
	for _, e := range p.gone {
		if successor := come[sameName(e.GetDisplayName())]; successor != "" {
			p.propose(e.GetName(), []string{successor})
		}
	}
}

func (p *plan) propose(name string, successors []string) {
	if s, ok := p.state.successions.Get(name); ok && !s.GetProposed() {
		return
	}
	for _, successor := range successors {
		if leadsTo(p.state, successor, name) {
			return
		}
	}
	p.successions = append(p.successions, &cataloguev1.Succession{Name: name + successionSuffix, Successors: successors, Proposed: true})
}

// leadsTo tells whether the successors of from, theirs and so on, include to; from itself counts.
func leadsTo(s *catalogue, from, to string) bool {
	visited := map[string]bool{}
	open := []string{from}
	for len(open) > 0 {
		name := open[len(open)-1]
		open = open[:len(open)-1]
		if name == to {
			return true
		}
		if !visited[name] {
			visited[name] = true
			open = append(open, s.successorsOf(name)...)
		}
	}
	return false
}
