package marketplace

import (
	"strings"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/relevance"
	"kompass.krz.de/services/platform/tabular"
)

// offerColumn is one column of a table of offers.
type offerColumn struct {
	name   string   // as docs/operations.md has it
	names  []string // what else a header may call it
	speaks string   // the field of the solution that it fills; empty where the row as a whole decides
	read   func(c *offerCells, at importreport.Spot) (de, en string)
}

// The columns of a table that say which offer, whose, and which public service a row is about.
const (
	idColumn       = "id"
	nameColumn     = "name"
	providerColumn = "anbieter"
	keyColumn      = "leika_schluessel"
	levelColumn    = "reifegrad"
	modelColumn    = "reifegradmodell"
	statusColumn   = "status"
	currencyColumn = "waehrung"
)

// offerColumns are all columns; a table has any of them, in any order, and the name in any case.
var offerColumns = []offerColumn{
	{idColumn, []string{"kennung", "angebots_id", "external_id"}, "", nil},
	{nameColumn, []string{"loesung", "angebot", "bezeichnung", "produkt", "titel", "display_name", "displayName"}, "display_name", nil},
	{providerColumn, []string{"provider", "hersteller"}, "", nil},
	{keyColumn, []string{"leika_key", "leikaKey", "leika_id", "leika", "leika_schluessel_liste", "leistungsschluessel", "leistungen", "public_service", "public_services"}, "", nil},
	{levelColumn, []string{"reifegradstufe", "maturity"}, "", nil},
	{modelColumn, []string{"maturity_model"}, "", nil},
	{statusColumn, []string{"stand", "verfuegbarkeit"}, "", nil},
	{currencyColumn, []string{"currency"}, "", nil},
	{"art", []string{"typ", "kind"}, "kind", (*offerCells).kind},
	{"efa_stand", []string{"efa", "efa_state", "efa_status"}, "efa_state", (*offerCells).efa},
	{"beschreibung", []string{"description"}, "description", (*offerCells).description},
	{"url", []string{"link", "adresse", "internetadresse", "webadresse"}, "url", text(func(s *marketplacev1.Solution) *string { return &s.Url })},
	{"dokumentation", []string{"documentation_url", "documentation"}, "documentation_url", text(func(s *marketplacev1.Solution) *string { return &s.DocumentationUrl })},
	{"barrierefreiheit", []string{"accessibility_url", "barrierefreiheitserklaerung"}, "accessibility_url", text(func(s *marketplacev1.Solution) *string { return &s.AccessibilityUrl })},
	{"lizenz", []string{"licence", "license"}, "licence", text(func(s *marketplacev1.Solution) *string { return &s.Licence })},
	{"ansprechstelle", []string{"contact_role", "ansprechrolle"}, "contact_role", text(func(s *marketplacev1.Solution) *string { return &s.ContactRole })},
	{"vertrauensniveau", []string{"trust_level"}, "trust_level", (*offerCells).trust},
	{"groessenklassen", []string{"groessenklasse", "size_classes"}, "size_classes", (*offerCells).classes},
	{"kommunen", []string{"municipalities"}, "municipalities", (*offerCells).municipalities},
	{"rechenzentren", []string{"rechenzentrum", "data_centres"}, "data_centres", (*offerCells).centres},
	{"basiskomponenten", []string{"basiskomponente", "base_components"}, "base_components", texts(func(s *marketplacev1.Solution) *[]string { return &s.BaseComponents })},
	{"fachverfahren", []string{"specialist_systems"}, "specialist_systems", texts(func(s *marketplacev1.Solution) *[]string { return &s.SpecialistSystems })},
	{"zugesagt_am", []string{"zugesagt_zum", "zusage", "promised_date"}, "promised_date", (*offerCells).promised},
	{"preis_einmalig", []string{"einmalpreis"}, "prices", price(marketplacev1.Price_BASIS_ONCE)},
	{"preis_je_jahr", []string{"jahrespreis", "preis_jaehrlich"}, "prices", price(marketplacev1.Price_BASIS_PER_YEAR)},
	{"preis_je_einwohner", []string{"einwohnerpreis"}, "prices", price(marketplacev1.Price_BASIS_PER_INHABITANT)},
	{"preis_je_fall", []string{"fallpreis"}, "prices", price(marketplacev1.Price_BASIS_PER_CASE)},
}

// offerNames are what headers call the columns, by name.
var offerNames = func() map[string][]string {
	all := map[string][]string{}
	for _, c := range offerColumns {
		all[c.name] = c.names
	}
	return all
}()

// wordsOf are the words that tables use for the values of an enumeration, in the form in which they are compared.
type wordsOf[T ~int32] map[string]T

func newWords[T ~int32](spellings map[T][]string) wordsOf[T] {
	words := wordsOf[T]{}
	for value, all := range spellings {
		for _, s := range all {
			words[tabular.NormalizeHeader(s)] = value
		}
	}
	return words
}

func (w wordsOf[T]) read(text string) (T, bool) {
	value, ok := w[tabular.NormalizeHeader(text)]
	return value, ok
}

var kindWords = newWords(map[marketplacev1.Solution_Kind][]string{
	marketplacev1.Solution_KIND_EFA_SERVICE: {"EfA", "EfA-Dienst", "EfA-Onlinedienst", "Einer für Alle", "KIND_EFA_SERVICE"},
	marketplacev1.Solution_KIND_PRODUCT:     {"Produkt", "Software", "product", "KIND_PRODUCT"},
	marketplacev1.Solution_KIND_FORM:        {"Formular", "Online-Formular", "form", "KIND_FORM"},
	marketplacev1.Solution_KIND_MODULE:      {"Modul", "Portalmodul", "module", "KIND_MODULE"},
	marketplacev1.Solution_KIND_PORTAL:      {"Portal", "KIND_PORTAL"},
})

var efaWords = newWords(map[marketplacev1.Solution_EfaState][]string{
	marketplacev1.Solution_EFA_STATE_UNSPECIFIED:            {"keine Angabe", "k. A.", "EFA_STATE_UNSPECIFIED"},
	marketplacev1.Solution_EFA_STATE_REUSE_IN_CLARIFICATION: {"Nachnutzung aus anderem Land in Klärung", "Nachnutzung in Klärung", "EFA_STATE_REUSE_IN_CLARIFICATION"},
	marketplacev1.Solution_EFA_STATE_REUSE_CERTAIN:          {"Nachnutzung aus anderem Land sicher", "Nachnutzung sicher", "Nachnutzung", "EFA_STATE_REUSE_CERTAIN"},
	marketplacev1.Solution_EFA_STATE_DEVELOPMENT_STATE:      {"Entwicklung Land NRW", "Entwicklung NRW", "Entwicklung Land", "EFA_STATE_DEVELOPMENT_STATE"},
	marketplacev1.Solution_EFA_STATE_DEVELOPMENT_KDN:        {"Entwicklung KDN", "EFA_STATE_DEVELOPMENT_KDN"},
	marketplacev1.Solution_EFA_STATE_DEVELOPMENT_IN_CLARIFICATION: {
		"Entwicklung in Klärung", "EFA_STATE_DEVELOPMENT_IN_CLARIFICATION",
	},
	marketplacev1.Solution_EFA_STATE_NONE: {"kein EfA", "nein", "EFA_STATE_NONE"},
})

var trustWords = newWords(map[marketplacev1.Solution_TrustLevel][]string{
	marketplacev1.Solution_TRUST_LEVEL_NONE:        {"keines", "kein", "keine", "ohne", "ohne Anmeldung", "none", "TRUST_LEVEL_NONE"},
	marketplacev1.Solution_TRUST_LEVEL_LOW:         {"niedrig", "normal", "Basisregistrierung", "low", "TRUST_LEVEL_LOW"},
	marketplacev1.Solution_TRUST_LEVEL_SUBSTANTIAL: {"substanziell", "substantiell", "substantial", "TRUST_LEVEL_SUBSTANTIAL"},
	marketplacev1.Solution_TRUST_LEVEL_HIGH:        {"hoch", "high", "TRUST_LEVEL_HIGH"},
})

var statusWords = newWords(map[marketplacev1.Coverage_Status][]string{
	marketplacev1.Coverage_STATUS_PLANNED:      {"geplant", "in Planung", "in Entwicklung", "planned", "STATUS_PLANNED"},
	marketplacev1.Coverage_STATUS_PILOT:        {"Pilot", "Pilotierung", "in Pilotierung", "pilotiert", "STATUS_PILOT"},
	marketplacev1.Coverage_STATUS_AVAILABLE:    {"verfügbar", "produktiv", "online", "available", "STATUS_AVAILABLE"},
	marketplacev1.Coverage_STATUS_DISCONTINUED: {"eingestellt", "abgekündigt", "nicht mehr verfügbar", "discontinued", "STATUS_DISCONTINUED"},
})

var classWords = func() wordsOf[commonv1.SizeClass] {
	spellings := map[commonv1.SizeClass][]string{
		commonv1.SizeClass_SIZE_CLASS_KREISFREIE_STADT:                 {"kreisfrei", "kreisfreie Städte"},
		commonv1.SizeClass_SIZE_CLASS_GROSSE_KREISANGEHOERIGE_STADT:    {"große", "große kreisangehörige Städte"},
		commonv1.SizeClass_SIZE_CLASS_MITTLERE_KREISANGEHOERIGE_STADT:  {"mittlere", "mittlere kreisangehörige Städte"},
		commonv1.SizeClass_SIZE_CLASS_KLEINE_KREISANGEHOERIGE_GEMEINDE: {"kleine", "kleine kreisangehörige Gemeinden"},
		commonv1.SizeClass_SIZE_CLASS_KREIS:                            {"Kreise"},
	}
	for number, name := range commonv1.SizeClass_name {
		if class := commonv1.SizeClass(number); class != commonv1.SizeClass_SIZE_CLASS_UNSPECIFIED {
			spellings[class] = append(spellings[class], name, strings.TrimPrefix(name, "SIZE_CLASS_"), relevance.ClassName(class))
		}
	}
	return newWords(spellings)
}()
