package notification

import (
	"strings"

	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// concerns lists what a record is about: the resource itself first, then what it refers to. What these belong to is the
// directory's to add.
func concerns(resource string, entity proto.Message) []string {
	about := []string{resource}
	switch e := entity.(type) {
	case nil: // gone
		about = append(about, parentOf(resource))
		if strings.Contains(resource, "/implementations/") {
			about = append(about, serviceOf(resource))
		}
	case *cataloguev1.Relevance, *cataloguev1.Succession:
		about = append(about, parentOf(resource))
	case *municipalityv1.Implementation:
		about = append(about, parentOf(resource), serviceOf(resource), e.GetSolution())
	case *municipalityv1.Plan:
		about = append(about, parentOf(resource))
	case *municipalityv1.KnownFindings:
		about = append(about, parentOf(resource))
		for _, group := range e.GetAppeared() {
			for _, id := range group.GetPublicServices() {
				about = append(about, "publicServices/"+id)
			}
		}
	case *marketplacev1.Solution:
		about = append(append(append(about, e.GetSubmitter()), e.GetDataCentres()...), e.GetMunicipalities()...)
		for _, c := range e.GetCoverage() {
			about = append(about, c.GetPublicService())
		}
	case *marketplacev1.Project:
		about = append(append(append(about, e.GetLead()), e.GetPublicServices()...), e.GetSolutions()...)
		for _, p := range e.GetParticipants() {
			about = append(about, p.GetMember())
		}
	case *marketplacev1.Question:
		about = append(about, e.GetSubject(), e.GetAsker())
	case *marketplacev1.Adoption:
		about = append(about, e.GetContract())
		for _, s := range e.GetServices() {
			about = append(about, s.GetPublicService())
		}
	case *marketplacev1.AdoptionGroup:
		about = append(append(append(about, e.GetCoordinator()), e.GetMunicipalities()...), e.GetPublicServices()...)
	case *marketplacev1.Contract:
		about = append(append(append(about, e.GetFramework(), e.GetCustomer()), e.GetMunicipalities()...), e.GetSolutions()...)
	}
	return about
}

// parentOf is the resource that a name lies below: "municipalities/05758004" of "municipalities/05758004/plan"; the name
// itself when it lies below none.
func parentOf(name string) string {
	collection, rest, _ := strings.Cut(name, "/")
	id, _, _ := strings.Cut(rest, "/")
	return collection + "/" + id
}

// serviceOf is the public service of an implementation, by its name.
func serviceOf(implementation string) string {
	return "publicServices/" + implementation[strings.LastIndexByte(implementation, '/')+1:]
}
