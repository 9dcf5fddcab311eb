package marketplace

import (
	"slices"
	"strings"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/tabular"
)

// This file tells which offer an entry of a file means, and whose it is.

const tablePrefix = "table:"

// tableID is the external id of a row: its own id is unique with its provider alone.
func tableID(provider, id string) string {
	return tablePrefix + strings.TrimPrefix(provider, providersPrefix) + ":" + id
}

// splitTableID is the inverse of tableID. False for what is no external id of a row.
func splitTableID(externalID string) (provider, id string, ok bool) {
	rest, ok := strings.CutPrefix(externalID, tablePrefix)
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, ":")
}

// identify answers the external id of an entry. A row for which nobody names the provider means the offer of its id, when there
// is one alone. False when there are several, which is reported.
func (p *importPlan) identify(o *importedOffer, provider string) (string, bool) {
	if o.externalID != "" {
		return o.externalID, true
	}
	id := tableID(provider, o.id)
	if _, known := p.imported[id]; known || provider != "" {
		return id, true
	}
	switch found := p.rows[o.id]; len(found) {
	case 0:
		return id, true
	case 1:
		return found[0], true
	default:
		var providers []string
		for _, externalID := range found {
			whose, _, _ := splitTableID(externalID)
			providers = append(providers, whose)
		}
		slices.Sort(providers)
		list := strings.Join(providers, ", ")
		p.Fail(importreport.At(o.line, providerColumn, o.id), "AMBIGUOUS_PROVIDER", "Diese id gibt es bei mehreren Anbietern ("+list+"); bitte die Spalte anbieter ausfüllen.",
			"Several providers have this id ("+list+"); fill in the column anbieter.")
		return "", false
	}
}

// defaultProvider gives an offer the provider of the request when the file names none and the offer has none yet.
func (p *importPlan) defaultProvider(o *importedOffer, before, given *marketplacev1.Solution, fields []string) []string {
	switch has := before.GetProvider(); {
	case o.provider != "" || p.provider == "" || has == p.provider:
	case has == "":
		return append(fields, "provider")
	default:
		given.Provider = has
		p.Info(importreport.Spot{Line: o.line, Value: has}, "PROVIDER_KEPT", "„"+before.GetName()+"“ ist ein Angebot von "+has+" und bleibt es; provider gilt nur für Angebote ohne Anbieter.",
			before.GetName()+" is an offer of "+has+" and stays so; provider only counts for offers without one.")
	}
	return fields
}

// resolveProvider finds the provider that a table names by its id or display name, or takes that of the request. False
// when it cannot be told, which is reported.
func (p *importPlan) resolveProvider(o *importedOffer, given *marketplacev1.Solution, fields []string) ([]string, bool) {
	if o.provider == "" {
		given.Provider = p.provider
		return fields, true
	}
	name := providersPrefix + strings.TrimPrefix(o.provider, providersPrefix)
	if _, known := p.world.providers.Get(name); known {
		given.Provider = name
		return append(fields, "provider"), true
	}
	if p.providers == nil {
		p.providers = map[string][]string{}
		for name, provider := range p.world.providers.All() {
			folded := tabular.NormalizeHeader(provider.GetDisplayName())
			p.providers[folded] = append(p.providers[folded], name)
		}
	}
	switch found := p.providers[tabular.NormalizeHeader(o.provider)]; len(found) {
	case 0:
		p.Fail(o.spots["provider"], "UNKNOWN_PROVIDER", "Diesen Anbieter gibt es hier nicht; bitte zuerst anlegen (POST /v1/providers).", "There is no such provider here; add it first (POST /v1/providers).")
	case 1:
		given.Provider = found[0]
		return append(fields, "provider"), true
	default:
		list := strings.Join(found, ", ")
		p.Fail(o.spots["provider"], "AMBIGUOUS_PROVIDER", "So heißen mehrere Anbieter ("+list+").", "Several providers have this name ("+list+").")
	}
	return nil, false
}
