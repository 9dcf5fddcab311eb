package municipality

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/relevance"
	"kompass.krz.de/services/platform/state"
)

// catalogue is what this service keeps of the catalogue's stream. It is immutable but for what is derived from it.
type catalogue struct {
	themes     state.Table[*cataloguev1.Theme]
	ozg        state.Table[*cataloguev1.OzgService]
	services   state.Table[*cataloguev1.PublicService]
	successors state.Table[[]string]
	relevance  state.Table[*cataloguev1.Relevance] // by resource name

	entries *lazy[*entries] // of themes, ozg and services: outlives a change of relevance
	duties  [commonv1.SizeClass_SIZE_CLASS_STAEDTEREGION + 1]lazy[*duties]
}

func emptyCatalogue() *catalogue {
	return &catalogue{
		themes:     state.NewTable[*cataloguev1.Theme](),
		ozg:        state.NewTable[*cataloguev1.OzgService](),
		services:   state.NewTable[*cataloguev1.PublicService](),
		successors: state.NewTable[[]string](),
		relevance:  state.NewTable[*cataloguev1.Relevance](),
		entries:    &lazy[*entries]{},
	}
}

// catalogueEdit is a change of all tables under way.
type catalogueEdit struct {
	themes     *state.Edit[*cataloguev1.Theme]
	ozg        *state.Edit[*cataloguev1.OzgService]
	services   *state.Edit[*cataloguev1.PublicService]
	successors *state.Edit[[]string]
	relevance  *state.Edit[*cataloguev1.Relevance]
	entries    bool // what entries are derived from has changed
}

func (c *catalogue) apply(batch []ledger.Entry) (*catalogue, error) {
	edit := catalogueEdit{
		c.themes.Edit(), c.ozg.Edit(), c.services.Edit(), c.successors.Edit(), c.relevance.Edit(), false,
	}
	for i := range batch {
		if err := edit.apply(&batch[i]); err != nil {
			return c, err
		}
	}
	after := &catalogue{
		themes: edit.themes.Done(), ozg: edit.ozg.Done(), services: edit.services.Done(),
		successors: edit.successors.Done(), relevance: edit.relevance.Done(), entries: c.entries,
	}
	if edit.entries {
		after.entries = &lazy[*entries]{}
	}
	return after, nil
}

func (e *catalogueEdit) apply(entry *ledger.Entry) error {
	entity, id := subjectOf(entry.Subject)
	ok := true
	switch entity {
	case "theme":
		ok, e.entries = set(e.themes, id, entry.Entity), true
	case "ozgService":
		ok, e.entries = set(e.ozg, id, entry.Entity), true
	case "publicService":
		ok, e.entries = set(e.services, id, entry.Entity), true
	case "relevance":
		ok = set(e.relevance, entry.Record.GetResource(), entry.Entity)
	case "succession":
		if m, is := entry.Entity.(interface{ GetSuccessors() []string }); is {
			e.successors.Set(id, m.GetSuccessors())
		} else if e.successors.Delete(id); entry.Entity != nil {
			ok = false
		}
	}
	if !ok {
		return fmt.Errorf("record %d: %s with an entity of type %T", entry.Sequence, entry.Record.GetResource(), entry.Entity)
	}
	return nil
}

// set puts an entity of the table's type, or removes it for a tombstone; false for any other type.
func set[T proto.Message](table *state.Edit[T], key string, entity proto.Message) bool {
	if entity == nil {
		table.Delete(key)
		return true
	}
	m, ok := entity.(T)
	if ok {
		table.Set(key, m)
	}
	return ok
}

// successorsOf is what replaces a public service, as resource names.
func (c *catalogue) successorsOf(id string) []string {
	successors, _ := c.successors.Get(id)
	return successors
}

// entry is a public service with what is looked up together with it.
type entry struct {
	id      string
	service *cataloguev1.PublicService
	ozg     *cataloguev1.OzgService // nil when none
	theme   int                     // index into entries.themes
	order   int32                   // place among all by German collation of the name, then id
}

// entries are all public services, withdrawn ones included, by id.
type entries struct {
	list   []entry
	themes []string // resource names; the first is empty, for services without theme
	names  []string // of the themes, in German
}

// find answers the entry of a public service; nil when the catalogue does not know it.
func (e *entries) find(id string) *entry {
	i, ok := slices.BinarySearchFunc(e.list, id, func(e entry, id string) int { return strings.Compare(e.id, id) })
	if !ok {
		return nil
	}
	return &e.list[i]
}

func (c *catalogue) allEntries() *entries { return c.entries.get(c.buildEntries) }

func (c *catalogue) buildEntries() *entries {
	all := &entries{list: make([]entry, 0, c.services.Len()), themes: []string{""}, names: []string{"Ohne Themenfeld"}}
	index := map[string]int{}
	for _, t := range c.themes.All() {
		index[t.GetName()] = len(all.themes)
		all.themes, all.names = append(all.themes, t.GetName()), append(all.names, t.GetDisplayName())
	}
	bundles := make(map[string]*cataloguev1.OzgService, c.ozg.Len())
	for _, o := range c.ozg.All() {
		bundles[o.GetName()] = o
	}
	for id, s := range c.services.All() {
		ozg := bundles[s.GetOzgService()]
		all.list = append(all.list, entry{id: id, service: s, ozg: ozg, theme: index[ozg.GetTheme()]})
	}
	all.sortByName()
	return all
}

// sortByName notes each entry's place in a list that is sorted for people.
func (e *entries) sortByName() {
	type named struct {
		key   []byte
		entry *entry
	}
	var buffer collate.Buffer
	collator := collate.New(language.German)
	sorted := make([]named, len(e.list))
	for i := range e.list {
		sorted[i] = named{collator.KeyFromString(&buffer, e.list[i].service.GetDisplayName()), &e.list[i]}
	}
	slices.SortStableFunc(sorted, func(a, b named) int { return bytes.Compare(a.key, b.key) })
	for i, n := range sorted {
		n.entry.order = int32(i)
	}
}

// duty is a service that a size class owes.
type duty struct {
	*entry
	source string // resource name of the relevance
}

// duties are what one size class owes; all lists by id.
type duties struct {
	entries     *entries
	owed        []duty
	notAssessed []*entry
	// open is notAssessed by theme.
	open []int64
}

// dutiesOf is what a size class owes; an unknown class owes nothing, and nothing is assessed.
func (c *catalogue) dutiesOf(class commonv1.SizeClass) *duties {
	if class < 0 || int(class) >= len(c.duties) {
		class = commonv1.SizeClass_SIZE_CLASS_UNSPECIFIED
	}
	return c.duties[class].get(func() *duties { return c.buildDuties(class) })
}

func (c *catalogue) buildDuties(class commonv1.SizeClass) *duties {
	all := c.allEntries()
	d := &duties{entries: all, open: make([]int64, len(all.themes))}
	rules := make(map[string]relevance.Rules, c.relevance.Len())
	for name, r := range c.relevance.All() {
		rules[name] = relevance.RulesOf(r)
	}
	for i := range all.list {
		e := &all.list[i]
		if e.service.GetState() == cataloguev1.EntryState_ENTRY_STATE_WITHDRAWN {
			continue
		}
		own, inherited := e.service.GetName()+"/relevance", e.service.GetOzgService()+"/relevance"
		obligation, source := relevance.Effective(rules[own], rules[inherited], class)
		switch obligation {
		case cataloguev1.Obligation_OBLIGATION_OWED:
			if source == relevance.Inherited {
				own = inherited
			}
			d.owed = append(d.owed, duty{e, own})
		case cataloguev1.Obligation_OBLIGATION_NOT_ASSESSED:
			d.notAssessed = append(d.notAssessed, e)
			d.open[e.theme]++
		}
	}
	return d
}
