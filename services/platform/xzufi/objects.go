package xzufi

import (
	"cmp"
	"slices"
	"strings"
)

func (r *reader) head(n *node) {
	r.out.MessageID = cmp.Or(n.at("nachrichtUUID").value(), n.at("nachrichtenID").value())
	r.out.Created = n.at("erstelltDatumZeit").value()
	r.out.Sender = plain(n.at("sender").text)
}

func (r *reader) service(n *node) {
	s := Service{Line: n.line, ID: n.at("id").id()}
	if !r.identified(n, s.ID) {
		return
	}
	s.LeikaKeys = n.leikaKeys()
	s.Name = cmp.Or(n.module(moduleName), n.german("bezeichnung"), n.german("leistungsbezeichnung"), n.module(moduleNameII))
	s.NameII = n.module(moduleNameII)
	s.Summary = cmp.Or(n.module(moduleShortText), n.module(moduleTeaser))
	s.Description = n.module(moduleFullText)
	s.LegalBasis = n.module(moduleLegalBasis)
	s.Types = codes(n.all("typisierung"))
	procedure := n.at("struktur", "verrichtung")
	s.Procedure = procedure.at("verrichtungLeiKa").code()
	s.ProcedureName = cmp.Or(plain(procedure.at("verrichtungLeiKa", "name").text), procedure.german("bezeichnung"))
	s.ProcedureDetail = n.at("struktur").german("verrichtungsdetail")
	s.Terms = n.terms()
	s.ValidFrom, s.ValidUntil = n.validity()
	s.Changed = n.at("versionsinformation", "geaendertDatumZeit").value()
	r.out.Services = append(r.out.Services, s)
}

func (r *reader) specialisation(n *node) {
	s := Specialisation{Line: n.line, ID: n.at("id").id()}
	if !r.identified(n, s.ID) {
		return
	}
	s.ServiceID = n.at("leistungID").id()
	s.LeikaKeys = n.leikaKeys()
	s.Name = cmp.Or(n.module(moduleName), n.german("bezeichnung"), n.module(moduleNameII))
	s.AreaIDs = append(n.ids("gueltigkeitGebietID"), n.ids("gebietID")...)
	r.out.Specialisations = append(r.out.Specialisations, s)
}

func (r *reader) organisation(n *node) {
	o := Organisation{Line: n.line, ID: n.at("id").id()}
	if !r.identified(n, o.ID) {
		return
	}
	o.ParentID = n.at("uebergeordneteOrganisationseinheitID").id()
	// The name is an element "name" that holds one or more of the same name.
	for _, name := range n.all("name") {
		o.Name = cmp.Or(o.Name, name.german("name"), plain(name.text))
	}
	o.Name = cmp.Or(o.Name, n.german("bezeichnung"))
	for _, z := range n.all("zustaendigkeit") {
		o.Responsibilities = append(o.Responsibilities,
			Responsibility{ServiceID: z.at("leistungID").id(), AreaIDs: z.ids("gebietID"), Role: z.at("rolle").code()})
	}
	r.out.Organisations = append(r.out.Organisations, o)
}

func (r *reader) onlineService(n *node) {
	o := OnlineService{Line: n.line, ID: n.at("id").id()}
	if !r.identified(n, o.ID) {
		return
	}
	o.Name = n.german("bezeichnung")
	o.ServiceIDs = n.ids("leistungID")
	o.LeikaKeys = n.leikaKeys()
	o.Description = cmp.Or(n.german("beschreibung"), n.german("teaser"))
	o.TrustLevel, o.TrustName = n.at("vertrauensniveau").code(), plain(n.at("vertrauensniveau", "name").text)
	o.ValidFrom, o.ValidUntil = n.validity()
	for _, l := range n.all("link") {
		// The address is a child of the same name; older senders put it into the element itself.
		url := cmp.Or(l.at("link").value(), l.at("uri").value(), l.value())
		o.Links = append(o.Links, Link{Type: l.at("typ").code(), URL: url, Title: l.german("titel")})
	}
	r.out.OnlineServices = append(r.out.OnlineServices, o)
}

// deletion takes every id inside a loesche, however the sender wraps it.
func (r *reader) deletion(n *node) {
	kind := n.at("klasse").code()
	found := r.deletedIn(n, kind)
	if !found {
		r.identified(n, ID{})
	}
}

func (r *reader) deletedIn(n *node, kind string) bool {
	found := false
	for _, k := range n.kids {
		of, isID := strings.CutSuffix(k.name, "ID")
		switch {
		case k.name == "id" || isID:
			id := k.id()
			if id.Value == "" {
				continue
			}
			if k.name == "id" {
				of = ""
			}
			r.out.Deleted = append(r.out.Deleted, Deletion{Line: k.line, Kind: cmp.Or(of, kind), ID: id})
			found = true
		case k.name != "klasse":
			found = r.deletedIn(k, k.name) || found
		}
	}
	return found
}

// leikaKeys are the keys an object refers to, each once.
func (n *node) leikaKeys() []string { return codes(n.all("referenzLeiKa")) }

// codes are the distinct code values of elements, in their order.
func codes(nodes []*node) []string {
	var found []string
	for _, n := range nodes {
		values := n.all("code")
		if len(values) == 0 {
			values = []*node{n}
		}
		for _, v := range values {
			if c := v.value(); c != "" && !slices.Contains(found, c) {
				found = append(found, c)
			}
		}
	}
	return found
}

func (n *node) ids(name string) []ID {
	var found []ID
	for _, k := range n.all(name) {
		if id := k.id(); id.Value != "" {
			found = append(found, id)
		}
	}
	return found
}

// terms are the German words under which people look for the service.
func (n *node) terms() []string {
	var found []string
	for _, module := range n.all("modulBegriffImKontext") {
		for _, term := range module.all("begriffImKontext") {
			if text := term.german("begriff"); text != "" && !slices.Contains(found, text) {
				found = append(found, text)
			}
		}
	}
	return found
}

// validity is the first period of validity, under the names in use.
func (n *node) validity() (from, until string) {
	period := n.at("gueltigkeit")
	from = cmp.Or(period.at("beginn").value(), period.at("gueltigAb").value(), n.at("gueltigAb").value())
	until = cmp.Or(period.at("ende").value(), period.at("gueltigBis").value(), n.at("gueltigBis").value())
	return from, until
}
