package xzufi

// ID identifies an object; Value alone is unique only within one agency.
type ID struct {
	Value    string
	AgencyID string // schemeAgencyID: the editorial office that assigned the value
	SchemeID string // schemeID: the kind of number, where given
}

// Delivery is one message. Texts are plain German text: tags stripped, entities decoded, blanks collapsed.
type Delivery struct {
	MessageID       string // nachrichtUUID
	Created         string // erstelltDatumZeit as sent: an ISO 8601 date with time
	Sender          string // the sending office or product
	Services        []Service
	Specialisations []Specialisation
	Organisations   []Organisation
	OnlineServices  []OnlineService
	Deleted         []Deletion
	Problems        []*Error // objects left out, in the order of the document
}

// Service is a leistung: a public service as one office describes it.
type Service struct {
	Line            int // of its start tag
	ID              ID
	LeikaKeys       []string // referenzLeiKa: 14 digits each as a rule, not checked here
	Name            string   // text module 02, Leistungsbezeichnung
	NameII          string   // text module 03, the name citizens read
	Summary         string   // text module 05 Kurztext, else 24 Teaser
	Description     string   // text module 06, Volltext
	LegalBasis      string   // text module 07, Handlungsgrundlage
	Types           []string // typisierung: the set of LeiKa types, "2/3" as sent
	Procedure       string   // verrichtungLeiKa: digits 9 to 11 of the key
	ProcedureName   string
	ProcedureDetail string
	Terms           []string // begriffImKontext: synonyms and key words
	ValidFrom       string   // gueltigkeit, ISO 8601 as sent; empty is open
	ValidUntil      string
	Changed         string // versionsinformation: geaendertDatumZeit, as sent
}

// Specialisation is a spezialisierung: what a state or municipality says differently about a service.
type Specialisation struct {
	Line      int
	ID        ID
	ServiceID ID // of the service it specialises
	LeikaKeys []string
	Name      string
	AreaIDs   []ID // where it holds
}

// Organisation is an organisationseinheit: an office with what it is responsible for.
type Organisation struct {
	Line             int
	ID               ID
	ParentID         ID
	Name             string
	Responsibilities []Responsibility
}

// Responsibility is a zustaendigkeit: a service in some areas.
type Responsibility struct {
	ServiceID ID
	AreaIDs   []ID // none: wherever the office itself is
	Role      string
}

// OnlineService is an onlinedienst.
type OnlineService struct {
	Line        int
	ID          ID
	Name        string
	Description string
	ServiceIDs  []ID
	LeikaKeys   []string
	Links       []Link
	TrustLevel  string // vertrauensniveau: code of the level of assurance it asks for
	TrustName   string // its name, where the sender gives one
	ValidFrom   string // gueltigkeit, ISO 8601 as sent; empty is open
	ValidUntil  string
}

// Link is an address of an online service.
type Link struct {
	Type  string // code of the link's type
	URL   string
	Title string
}

// Deletion is a loesche: the object is gone from the sender's stock.
type Deletion struct {
	Line int
	Kind string // "leistung", "onlinedienst" …, or the code sent as klasse; empty where the sender says none
	ID   ID
}
