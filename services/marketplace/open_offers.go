package marketplace

import (
	"context"

	"google.golang.org/genproto/googleapis/api/httpbody"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/opendata"
	"kompass.krz.de/services/platform/promises"
)

// GetOpenOffers answers the published solutions as open data. What the review said, who submitted what, and who changed it stays
// inside. Examples are marked as such.
func (s *Service) GetOpenOffers(ctx context.Context, req *marketplacev1.GetOpenOffersRequest) (*httpbody.HttpBody, error) {
	return s.offerShelf.File(ctx, req.GetFormat(), func() (string, func() opendata.Data, error) {
		w, today, state, err := s.openState()
		return state, func() opendata.Data { return w.openOffers(today) }, err
	})
}

// openOffer is a published solution in open data.
type openOffer struct {
	openRef

	Provider          *openRef       `json:"provider,omitempty"`
	Kind              string         `json:"kind"` // as in the API, like all of these
	EfaState          string         `json:"efaState"`
	Description       string         `json:"description"`
	URL               string         `json:"url"`
	DocumentationURL  string         `json:"documentationUrl"`
	AccessibilityURL  string         `json:"accessibilityUrl"`
	Licence           string         `json:"licence"`
	TrustLevel        string         `json:"trustLevel"`
	Versions          []openVersion  `json:"versions"`
	Coverage          []openCoverage `json:"coverage"`
	SizeClasses       []string       `json:"sizeClasses"`
	Municipalities    []openRef      `json:"municipalities"`
	DataCentres       []openRef      `json:"dataCentres"`
	BaseComponents    []string       `json:"baseComponents"`
	SpecialistSystems []string       `json:"specialistSystems"`
	Prices            []openPrice    `json:"prices"`
	PromisedDate      string         `json:"promisedDate"`
	SlipCount         int32          `json:"slipCount"`
	SlipDays          int32          `json:"slipDays"`
	DelayDays         *int           `json:"delayDays,omitempty"` // see delayOf
	ContactRole       string         `json:"contactRole"`
	UserCount         int32          `json:"userCount"` // municipalities
	Example           bool           `json:"example"`
}

type openVersion struct {
	Version        string `json:"version"`
	ReleaseDate    string `json:"releaseDate"`
	SupportEndDate string `json:"supportEndDate"`
	Note           string `json:"note"`
}

type openCoverage struct {
	PublicService openRef       `json:"publicService"`
	Maturity      *openMaturity `json:"maturity,omitempty"`
	Status        string        `json:"status"`
	SinceVersion  string        `json:"sinceVersion"`
	Note          string        `json:"note"`
}

type openMaturity struct {
	Model string `json:"model"`
	Level int32  `json:"level"`
}

type openPrice struct {
	Basis       string `json:"basis"`
	AmountCents int64  `json:"amountCents"`
	Currency    string `json:"currency"`
	Units       int32  `json:"units"`
	Note        string `json:"note"`
}

// openOffers are the published solutions of a state, by name.
func (w world) openOffers(today string) opendata.Data {
	return opendata.Data{
		Title: "Angebote", AsOf: today, Columns: offerTable,
		Document: func(head opendata.Head) any {
			offers := []openOffer{}
			for s := range w.publishedSolutions {
				offers = append(offers, w.openOffer(s, today))
			}
			return struct {
				opendata.Head
				Offers []openOffer `json:"offers"`
			}{head, offers}
		},
		Rows: w.offerRows(today),
	}
}

func (w world) publishedSolutions(yield func(*marketplacev1.Solution) bool) {
	for _, s := range w.solutionList() {
		if s.GetState() == published && !yield(s) {
			return
		}
	}
}

func (w world) openOffer(s *marketplacev1.Solution, today string) openOffer {
	o := openOffer{
		openRef: openRef{s.GetName(), s.GetDisplayName()}, Provider: w.openRef(s.GetProvider()), Kind: s.GetKind().String(),
		EfaState: s.GetEfaState().String(), Description: s.GetDescription(), URL: s.GetUrl(), DocumentationURL: s.GetDocumentationUrl(),
		AccessibilityURL: s.GetAccessibilityUrl(), Licence: s.GetLicence(), TrustLevel: s.GetTrustLevel().String(),
		Versions: []openVersion{}, Coverage: []openCoverage{}, SizeClasses: []string{}, Prices: []openPrice{},
		Municipalities: w.openRefs(s.GetMunicipalities()), DataCentres: w.openRefs(s.GetDataCentres()),
		BaseComponents: some(s.GetBaseComponents()), SpecialistSystems: some(s.GetSpecialistSystems()),
		PromisedDate: s.GetPromisedDate(), SlipCount: s.GetSlipCount(), SlipDays: s.GetSlipDays(),
		DelayDays:   delayOf(today, promises.OfSolution(s)),
		ContactRole: s.GetContactRole(), UserCount: s.GetUserCount(), Example: s.GetExample(),
	}
	for _, v := range s.GetVersions() {
		o.Versions = append(o.Versions, openVersion{v.GetVersion(), v.GetReleaseDate(), v.GetSupportEndDate(), v.GetNote()})
	}
	for _, c := range s.GetCoverage() {
		covered := openCoverage{*w.openRef(c.GetPublicService()), nil, c.GetStatus().String(), c.GetSinceVersion(), c.GetNote()}
		if m := c.GetMaturity(); m != nil {
			covered.Maturity = &openMaturity{m.GetModel(), m.GetLevel()}
		}
		o.Coverage = append(o.Coverage, covered)
	}
	for _, class := range s.GetSizeClasses() {
		o.SizeClasses = append(o.SizeClasses, class.String())
	}
	for _, p := range s.GetPrices() {
		o.Prices = append(o.Prices, openPrice{p.GetBasis().String(), p.GetAmountCents(), p.GetCurrency(), p.GetUnits(), p.GetNote()})
	}
	return o
}
