package catalogue

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
)

// entry is what a catalogue file lists: a theme, situation, OZG service, procedure or public service.
type entry interface {
	proto.Message
	GetName() string
	GetDisplayName() string
	GetState() cataloguev1.EntryState
}

// kind is one of the five kinds of entries.
type kind struct {
	table   commonv1.ImportReport_Table
	prefix  string // of the resource names
	subject string // entity token of the ledger's subjects
	fields  protoreflect.FieldDescriptors
}

var kinds = []*kind{
	{commonv1.ImportReport_TABLE_THEMES, themesPrefix, "theme", fieldsOf(&cataloguev1.Theme{})},
	{commonv1.ImportReport_TABLE_SITUATIONS, situationsPrefix, "situation", fieldsOf(&cataloguev1.Situation{})},
	{commonv1.ImportReport_TABLE_OZG_SERVICES, ozgPrefix, "ozgService", fieldsOf(&cataloguev1.OzgService{})},
	{commonv1.ImportReport_TABLE_PROCEDURES, proceduresPrefix, "procedure", fieldsOf(&cataloguev1.Procedure{})},
	{commonv1.ImportReport_TABLE_PUBLIC_SERVICES, publicPrefix, "publicService", fieldsOf(&cataloguev1.PublicService{})},
}

func fieldsOf(m proto.Message) protoreflect.FieldDescriptors {
	return m.ProtoReflect().Descriptor().Fields()
}

// kindOf is the kind that a table lists.
func kindOf(table commonv1.ImportReport_Table) *kind {
	for _, k := range kinds {
		if k.table == table {
			return k
		}
	}
	return nil
}

// id is the last part of a resource name.
func (k *kind) id(name string) string { return name[len(k.prefix):] }

// bookkeeping are the fields that say where an entry stands in the history, not what it is.
var bookkeeping = map[protoreflect.Name]bool{
	"name": true, "state": true, "first_revision": true, "last_revision": true, "etag": true, "successors": true,
	"source_ids": true,
}

// differences lists the fields among these in which two entries differ.
func differences(a, b entry, among []protoreflect.FieldDescriptor) []protoreflect.FieldDescriptor {
	var differ []protoreflect.FieldDescriptor
	ra, rb := a.ProtoReflect(), b.ProtoReflect()
	for _, fd := range among {
		if !ra.Get(fd).Equal(rb.Get(fd)) {
			differ = append(differ, fd)
		}
	}
	return differ
}

// content lists the fields of a kind that say what an entry is; theme counts unless it is derived.
func (k *kind) content() []protoreflect.FieldDescriptor {
	var list []protoreflect.FieldDescriptor
	for i := range k.fields.Len() {
		fd := k.fields.Get(i)
		if !bookkeeping[fd.Name()] && (k.prefix != publicPrefix || fd.Name() != "theme") {
			list = append(list, fd)
		}
	}
	return list
}

// setState sets the state of an entry, and the revision it changed in.
func setState(e entry, s cataloguev1.EntryState, revision int64) {
	switch m := e.(type) {
	case *cataloguev1.Theme:
		m.State = s
	case *cataloguev1.Situation:
		m.State = s
	case *cataloguev1.OzgService:
		m.State = s
	case *cataloguev1.Procedure:
		m.State = s
	case *cataloguev1.PublicService:
		m.State, m.LastRevision = s, revision
		if m.FirstRevision == 0 {
			m.FirstRevision = revision
		}
	}
}

func active(e entry) bool { return e.GetState() == cataloguev1.EntryState_ENTRY_STATE_ACTIVE }

// kindOfName is the kind of the entry of a resource name.
func kindOfName(name string) *kind {
	for _, k := range kinds {
		if strings.HasPrefix(name, k.prefix) {
			return k
		}
	}
	return nil
}
