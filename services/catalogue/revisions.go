package catalogue

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	"kompass.krz.de/services/platform/list"
)

// described are the changes of a revision as clients see them, made once, when somebody asks.
type described struct {
	once    sync.Once
	changes []*cataloguev1.CatalogueChange
}

// revisionOf finds a revision by its name.
func (s *catalogue) revisionOf(name string) (*revision, error) {
	number, err := strconv.Atoi(strings.TrimPrefix(name, revisionsPrefix))
	if err != nil || number < 1 || number > len(s.revisions) {
		return nil, notFound(name)
	}
	return s.revisions[number-1], nil
}

// describe says what the revision did, in the order of the names.
func (r *revision) describe() []*cataloguev1.CatalogueChange {
	r.described.once.Do(func() {
		r.described.changes = make([]*cataloguev1.CatalogueChange, len(r.changes))
		for i, c := range r.changes {
			r.described.changes[i] = c.describe()
		}
		slices.SortFunc(r.described.changes, func(a, b *cataloguev1.CatalogueChange) int { return strings.Compare(a.GetResource(), b.GetResource()) })
	})
	return r.described.changes
}

func (c change) describe() *cataloguev1.CatalogueChange {
	d := &cataloguev1.CatalogueChange{Resource: c.after.GetName(), DisplayName: c.after.GetDisplayName()}
	switch {
	case !active(c.after):
		d.Kind = cataloguev1.CatalogueChange_KIND_WITHDRAWN
	case c.before == nil || !active(c.before):
		d.Kind = cataloguev1.CatalogueChange_KIND_ADDED
	default:
		d.Kind = cataloguev1.CatalogueChange_KIND_CHANGED
		for _, fd := range differences(c.before, c.after, kindOfName(c.after.GetName()).content()) {
			d.Fields = append(d.Fields, &cataloguev1.FieldChange{
				Field: fd.JSONName(), OldValue: asText(c.before, fd), NewValue: asText(c.after, fd),
			})
		}
	}
	return d
}

// asText is the value of a field for people; lists are joined with "; ", the default is empty.
func asText(e entry, fd protoreflect.FieldDescriptor) string {
	m := e.ProtoReflect()
	if !m.Has(fd) {
		return ""
	}
	if !fd.IsList() {
		return fmt.Sprint(m.Get(fd).Interface())
	}
	values := m.Get(fd).List()
	parts := make([]string, values.Len())
	for i := range parts {
		parts[i] = fmt.Sprint(values.Get(i).Interface())
	}
	return strings.Join(parts, "; ")
}

// GetCatalogueRevision answers one revision.
func (s *Service) GetCatalogueRevision(_ context.Context, req *cataloguev1.GetCatalogueRevisionRequest) (*cataloguev1.CatalogueRevision, error) {
	snapshot, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	r, err := snapshot.revisionOf(req.GetName())
	if err != nil {
		return nil, err
	}
	return r.CatalogueRevision, nil
}

// ListCatalogueRevisions answers a page of revisions, newest first.
func (s *Service) ListCatalogueRevisions(_ context.Context, req *cataloguev1.ListCatalogueRevisionsRequest) (*cataloguev1.ListCatalogueRevisionsResponse, error) {
	snapshot, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	newest := make([]*cataloguev1.CatalogueRevision, 0, len(snapshot.revisions))
	for _, r := range slices.Backward(snapshot.revisions) {
		newest = append(newest, r.CatalogueRevision)
	}
	items, next, total, err := list.Page(req, newest, list.Options[*cataloguev1.CatalogueRevision]{
		Key:     func(r *cataloguev1.CatalogueRevision) string { return fmt.Sprintf("%019d", r.GetNumber()) },
		Compare: func(a, b string) int { return strings.Compare(b, a) },
	})
	if err != nil {
		return nil, err
	}
	return &cataloguev1.ListCatalogueRevisionsResponse{CatalogueRevisions: items, NextPageToken: next, TotalSize: total}, nil
}

// ListCatalogueChanges answers a page of what a revision added, changed and withdrew. What replaces a withdrawn entry is
// told as of now.
func (s *Service) ListCatalogueChanges(_ context.Context, req *cataloguev1.ListCatalogueChangesRequest) (*cataloguev1.ListCatalogueChangesResponse, error) {
	snapshot, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	r, err := snapshot.revisionOf(req.GetParent())
	if err != nil {
		return nil, err
	}
	items, next, total, err := list.Page(req, r.describe(), list.Options[*cataloguev1.CatalogueChange]{Key: (*cataloguev1.CatalogueChange).GetResource})
	if err != nil {
		return nil, err
	}
	items = slices.Clone(items)
	for i, item := range items {
		if item.GetKind() == cataloguev1.CatalogueChange_KIND_WITHDRAWN && len(snapshot.successorsOf(item.GetResource())) > 0 {
			items[i] = proto.CloneOf(item)
			items[i].Successors = snapshot.successorsOf(item.GetResource())
		}
	}
	return &cataloguev1.ListCatalogueChangesResponse{Changes: items, NextPageToken: next, TotalSize: total}, nil
}
