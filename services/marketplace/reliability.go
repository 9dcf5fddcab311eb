package marketplace

import (
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/promises"
	"kompass.krz.de/services/platform/state"
)

// completeSlips counts how often and how far the promised date was put off. It changes s, which must be the caller's own.
func completeSlips(s *marketplacev1.Solution) {
	count, days := promises.Slips(s.GetPromiseChanges())
	s.SlipCount, s.SlipDays = int32(count), int32(days)
}

// reliabilities say by provider (resource name) how far its promised dates can be trusted, as of a day.
type reliabilities map[string]*marketplacev1.Reliability

// trustOf derives the reliabilities of a day ("2027-03-31") on demand and keeps those of the last day that was asked
// for.
func trustOf(solutions state.Table[*marketplacev1.Solution]) func(day string) reliabilities {
	type asOf struct {
		day  string
		figs reliabilities
	}
	var last atomic.Pointer[asOf]
	return func(day string) reliabilities {
		if kept := last.Load(); kept != nil && kept.day == day {
			return kept.figs
		}
		figs := reliabilities(promises.ByProvider(solutions.All(), day))
		last.Store(&asOf{day, figs})
		return figs
	}
}

// shown is a copy of a provider with its reliability.
func (r reliabilities) shown(p *marketplacev1.Provider) *marketplacev1.Provider {
	p = proto.CloneOf(p)
	if p.Reliability = r[p.GetName()]; p.Reliability == nil {
		p.Reliability = &marketplacev1.Reliability{}
	}
	return p
}

func (r reliabilities) shownAll(stored []*marketplacev1.Provider) []*marketplacev1.Provider {
	all := make([]*marketplacev1.Provider, len(stored))
	for i, p := range stored {
		all[i] = r.shown(p)
	}
	return all
}

// withReliability completes the answer to a change.
func (s *Service) withReliability(p *marketplacev1.Provider, err error) (*marketplacev1.Provider, error) {
	if err != nil {
		return nil, err
	}
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	return w.reliability(day(s.clock())).shown(p), nil
}
