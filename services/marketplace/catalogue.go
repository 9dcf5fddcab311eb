package marketplace

import (
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/relevance"
	"kompass.krz.de/services/platform/state"
)

// catalogue is what the marketplace keeps of the stream "catalogue". It is immutable.
type catalogue struct {
	services   state.Table[service]         // by resource name
	themes     state.Table[string]          // theme of an OZG service, by the resource name of the latter
	themeNames state.Table[string]          // what the themes that there are are called, by resource name
	rules      state.Table[relevance.Rules] // by the resource name of the public or OZG service that they are about
	duties     func() []duty                // who owes what, computed once
	bySource   func() map[string]string     // public services by the numbers under which offices know them, computed once
}

// service is what counts of a public service.
type service struct {
	number      uint32
	displayName string
	ozgService  string
	withdrawn   bool
	sources     []string // under which offices know it: "agency/id"
}

// duty is a public service that some size class owes.
type duty struct {
	service

	name, theme string
	classes     relevance.Classes // that owe it
}

func newCatalogue() catalogue {
	return catalogue{
		services:   state.NewTable[service](),
		themes:     state.NewTable[string](),
		themeNames: state.NewTable[string](),
		rules:      state.NewTable[relevance.Rules](),
		duties:     func() []duty { return nil },
		bySource:   func() map[string]string { return nil },
	}
}

// applied is the catalogue after a batch of its stream; entries that the marketplace does not need are passed over.
func (c catalogue) applied(ids *numbers, batch []ledger.Entry) (catalogue, error) {
	services, themes, rules := c.services.Edit(), c.themes.Edit(), c.rules.Edit()
	themeNames := c.themeNames.Edit()
	for _, e := range batch {
		name := e.Record.GetResource()
		switch entityOf(e.Subject) {
		case "publicService":
			p, err := entity[*cataloguev1.PublicService](e)
			if err != nil {
				return c, err
			}
			if p == nil {
				services.Delete(name)
				continue
			}
			services.Set(name, service{
				number: ids.of(name), displayName: p.GetDisplayName(), ozgService: p.GetOzgService(),
				withdrawn: p.GetState() == cataloguev1.EntryState_ENTRY_STATE_WITHDRAWN, sources: p.GetSourceIds(),
			})
		case "theme":
			t, err := entity[*cataloguev1.Theme](e)
			if err != nil {
				return c, err
			}
			if t == nil {
				themeNames.Delete(name)
			} else {
				themeNames.Set(name, t.GetDisplayName())
			}
		case "ozgService":
			o, err := entity[*cataloguev1.OzgService](e)
			if err != nil {
				return c, err
			}
			themes.Set(name, o.GetTheme())
		case "relevance":
			r, err := entity[*cataloguev1.Relevance](e)
			if err != nil {
				return c, err
			}
			rules.Set(strings.TrimSuffix(name, "/relevance"), relevance.RulesOf(r))
		}
	}
	c = catalogue{services: services.Done(), themes: themes.Done(), themeNames: themeNames.Done(), rules: rules.Done()}
	c.duties, c.bySource = sync.OnceValue(c.computeDuties), sync.OnceValue(c.indexSources)
	return c, nil
}

// indexSources finds public services by the numbers under which offices know them.
func (c catalogue) indexSources() map[string]string {
	index := map[string]string{}
	for name, s := range c.services.All() {
		for _, source := range s.sources {
			index[source] = name
		}
	}
	return index
}

// computeDuties lists what anybody owes, in the German order of the names; ties by resource name.
func (c catalogue) computeDuties() []duty {
	var duties []duty
	for name, s := range c.services.All() {
		if s.withdrawn {
			continue
		}
		own, _ := c.rules.Get(name)
		ozg, _ := c.rules.Get(s.ozgService)
		if classes := relevance.Owed(own, ozg); classes != 0 {
			theme, _ := c.themes.Get(s.ozgService)
			duties = append(duties, duty{service: s, name: name, theme: theme, classes: classes})
		}
	}
	german, buf := collate.New(language.German), &collate.Buffer{}
	keys := make([]string, 0, len(duties))
	order := make([]int, len(duties))
	for i, d := range duties {
		keys, order[i] = append(keys, string(german.KeyFromString(buf, d.displayName))), i
		buf.Reset()
	}
	// The duties come in the order of their resource names, which the stable sort keeps among equals.
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(keys[a], keys[b]) })
	sorted := make([]duty, len(duties))
	for i, from := range order {
		sorted[i] = duties[from]
	}
	return sorted
}
