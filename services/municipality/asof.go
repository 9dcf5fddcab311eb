package municipality

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
)

// view is what a read looks at: the present, or a municipality as it was at the end of a past day. Of a past day are its
// implementations alone; the municipality itself, catalogue and marketplace are those of today, as in progress and trends.
type view struct {
	records
	then *place // as it was
	now  *place
	day  day
}

// viewOf reads a municipality, or something of it, as of a day. withKreis also takes its Kreis back to that day. Errors:
// fault.NotFound, fault.InvalidField, those of reading the ledger.
func (s *Service) viewOf(ctx context.Context, name, asOf string, withKreis bool) (view, error) {
	r, p, err := s.read(name)
	if err != nil {
		return view{}, err
	}
	today := s.today()
	d, err := pastDay("as_of", asOf, today)
	if err != nil || d == endOfTime {
		return view{r, p, p, today}, err
	}
	v := view{records: r, now: p, day: d}
	if v.then, err = s.placeOn(ctx, p, d); err != nil {
		return view{}, err
	}
	places := r.places.Edit()
	places.Set(p.ags, v.then)
	if kreis := r.place(p.area); withKreis && kreis != nil && kreis != p {
		if kreis, err = s.placeOn(ctx, kreis, d); err != nil {
			return view{}, err
		}
		places.Set(kreis.ags, kreis)
	}
	v.places = places.Done()
	return v, nil
}

// placeOn is a place with what was recorded for it at the end of a day.
func (s *Service) placeOn(ctx context.Context, p *place, d day) (*place, error) {
	past, err := s.pastOf(ctx, p)
	if err != nil {
		return nil, err
	}
	return &place{ags: p.ags, municipality: p.municipality, area: p.area, sequence: p.sequence, implementations: past.on(d)}, nil
}

// pastKey is what the past of a place depends on.
type pastKey struct {
	ags      string
	sequence uint64
}

// maxPasts bounds how many places' pasts are kept: who asks for a page asks for the next one.
const maxPasts = 64

// pastOf reads what was ever recorded for a place from the ledger, or remembers it.
func (s *Service) pastOf(ctx context.Context, p *place) (*past, error) {
	key := pastKey{p.ags, p.sequence}
	if kept, ok := s.pasts.Get(key); ok {
		return kept, nil
	}
	newest := uint64(0)
	for i := range p.implementations {
		newest = max(newest, p.implementations[i].sequence)
	}
	entries, err := s.replica.Histories(ctx, s.replica.Own().Subject("implementation", p.ags, ">"), newest)
	if err != nil {
		return nil, err
	}
	read := recall(entries)
	s.pasts.Add(key, read)
	return read, nil
}

// past is everything that was ever recorded for a place, by service.
type past struct{ services []account }

// account is everything that was ever recorded for one service, and which record speaks for which days.
type account struct {
	service text
	said    []implementation // by record; one that removed something says nothing
	begun   int              // the record with which the newest phase began
	line    []step
}

// recall sorts the history of a place, in the order of the ledger.
func recall(entries []ledger.Entry) *past {
	accounts := map[string]*account{}
	revisions := revertedTo(entries)
	for n := range entries {
		e := &entries[n]
		key := keyOf(e.Record.GetResource())
		a := accounts[key]
		if a == nil {
			a = &account{service: textOf(key)}
			accounts[key] = a
		}
		m, _ := e.Entity.(*municipalityv1.Implementation)
		if r := e.Record.GetRevert(); r != nil && revisions[r.GetSequence()] != nil {
			*a = revisions[r.GetSequence()].clone()
		}
		a.tell(m, e)
		if _, wanted := revisions[e.Sequence]; wanted {
			kept := a.clone()
			revisions[e.Sequence] = &kept
		}
	}
	p := &past{services: make([]account, 0, len(accounts))}
	for _, a := range accounts {
		p.services = append(p.services, *a)
	}
	slices.SortFunc(p.services, func(a, b account) int { return strings.Compare(a.service.String(), b.service.String()) })
	return p
}

// tell adds a record; nil for one that removed the implementation. It moves the timeline by the same rules as the state
// does, but every record speaks for its own days, because addresses and notes differ where the standing does not.
func (a *account) tell(m *municipalityv1.Implementation, e *ledger.Entry) {
	s := statementOf(m, a.service, e)
	s.said = uint32(len(a.said) + 1)
	var before *implementation
	if n := len(a.said); n > 0 && a.said[n-1].standing != unrecorded {
		before = &a.said[n-1]
	}
	a.line = s.next(before, a.line)
	var after implementation
	if m != nil {
		after = recorded(m, e)
	}
	switch {
	case s.beginsPhase(before):
		a.begun = len(a.said)
	case s.corrects(before):
		for i := a.begun; i < len(a.said); i++ {
			a.said[i].dateLike(&after)
		}
	}
	a.said = append(a.said, after)
}

// clone is a copy that what is told later does not change.
func (a *account) clone() account {
	c := *a
	c.said = slices.Clone(a.said)
	return c
}

// dateLike corrects the phase date.
func (i *implementation) dateLike(o *implementation) {
	i.since = o.since
	if i.rest.GetPhaseDate() != o.rest.GetPhaseDate() {
		rest := &municipalityv1.Implementation{}
		if i.rest != nil {
			rest = proto.CloneOf(i.rest)
		}
		rest.PhaseDate = o.rest.GetPhaseDate()
		i.rest = rest
	}
}

// on is what was recorded at the end of a day, by service.
func (p *past) on(d day) []implementation {
	var then []implementation
	for n := range p.services {
		a := &p.services[n]
		if s := stepAt(a.line, d); s != nil && s.standing != unrecorded {
			i := a.said[s.said-1]
			i.from = s.from
			then = append(then, i)
		}
	}
	return then
}
