package xzufi

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"kompass.krz.de/services/platform/tabular/safexml"
)

// Namespace is that of every element of the standard's version 2.2; code values have none.
const Namespace = "http://xoev.de/schemata/xzufi/2_2_0"

const family = "http://xoev.de/schemata/xzufi/"

// Options bound what a delivery may cost; a zero value means the default named beside it.
type Options struct {
	MaxBytes   int64 // of the document: 512 MiB
	MaxText    int   // bytes of one text or tag: 1 MiB
	MaxDepth   int   // of nested elements: 64
	MaxObjects int   // written and deleted together: 200,000
	MaxObject  int   // bytes of all texts of one object: 16 MiB
	MaxNodes   int   // elements of one object: 50,000
}

func (o Options) withDefaults() Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 512 << 20
	}
	fill(&o.MaxText, 1<<20)
	fill(&o.MaxDepth, 64)
	fill(&o.MaxObjects, 200_000)
	fill(&o.MaxObject, 16<<20)
	fill(&o.MaxNodes, 50_000)
	return o
}

func fill(n *int, value int) {
	if *n <= 0 {
		*n = value
	}
}

// Read consumes one delivery. Every error is an *Error; a delivery without any object is ErrEmpty, also when all its
// objects are among the problems.
func Read(r io.Reader, opts Options) (*Delivery, error) {
	opts = opts.withDefaults()
	limit := safexml.Limits{Bytes: opts.MaxBytes, Token: opts.MaxText, Depth: opts.MaxDepth}
	d := &reader{xml: safexml.New(r, limit), opts: opts}
	if err := d.document(); err != nil {
		return nil, explain(err)
	}
	if d.objects == len(d.out.Problems) {
		e := *ErrEmpty
		if len(d.out.Problems) > 0 {
			e.cause = d.out.Problems[0]
		}
		return nil, &e
	}
	return &d.out, nil
}

// reader walks the document and hands each object to its extractor.
type reader struct {
	xml     *safexml.Decoder
	opts    Options
	out     Delivery
	objects int
	arena   arena
	build   builder
}

// document reads from the first token to the last. Whatever is no object is a wrapper: the names of the messages and of
// their wrappers differ, the objects' names do not.
func (r *reader) document() error {
	for root := true; ; {
		tok, err := r.xml.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		start, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		if root {
			if err := r.checkRoot(start); err != nil {
				return err
			}
			root = false
		}
		if err := r.element(start); err != nil {
			return err
		}
	}
}

func (r *reader) checkRoot(e xml.StartElement) error {
	if e.Name.Space == Namespace {
		return nil
	}
	err := &Error{Line: r.xml.Line(), Object: e.Name.Local, Reason: NotXZuFi,
		Message: fmt.Sprintf("Das Wurzelelement %q gehört nicht zu XZuFi 2.2.", e.Name.Local),
		English: fmt.Sprintf("The root element %q does not belong to XZuFi 2.2.", e.Name.Local)}
	if version, ok := strings.CutPrefix(e.Name.Space, family); ok {
		err.Message += fmt.Sprintf(" Die Lieferung ist in Version %s.", version)
		err.English += fmt.Sprintf(" The delivery is in version %s.", version)
	}
	return err
}

// element consumes an object, the message's head or a deletion; of anything else only the start tag.
func (r *reader) element(e xml.StartElement) error {
	if e.Name.Space != Namespace {
		return nil
	}
	var take func(*node)
	switch e.Name.Local {
	case "nachrichtenkopf":
		take = r.head
	case "leistung":
		take = r.service
	case "spezialisierung":
		take = r.specialisation
	case "organisationseinheit":
		take = r.organisation
	case "onlinedienst":
		take = r.onlineService
	case "loesche":
		take = r.deletion
	default:
		return nil
	}
	if e.Name.Local != "nachrichtenkopf" {
		if r.objects++; r.objects > r.opts.MaxObjects {
			return &Error{Line: r.xml.Line(), Reason: TooLarge,
				Message: fmt.Sprintf("Die Lieferung hat mehr als %d Objekte.", r.opts.MaxObjects),
				English: fmt.Sprintf("The delivery has more than %d objects.", r.opts.MaxObjects)}
		}
	}
	n, err := r.tree(e)
	if err != nil {
		return err
	}
	take(n)
	return nil
}

// identified reports whether an object has an id, and lists it as a problem when it has none.
func (r *reader) identified(n *node, id ID) bool {
	if id.Value == "" {
		r.out.Problems = append(r.out.Problems, &Error{Line: n.line, Object: n.name, Reason: BadObject,
			Message: fmt.Sprintf("Das Objekt %q hat keine id.", n.name), English: fmt.Sprintf("The object %q has no id.", n.name)})
	}
	return id.Value != ""
}
