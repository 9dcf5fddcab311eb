package xzufi

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// node is an element of the object that is being read; the tree is reused for the next one.
type node struct {
	name  string // local
	line  int
	attrs []xml.Attr
	text  string // its own, without blanks around it
	kids  []*node
}

// arena keeps the nodes of one object for reuse.
type arena struct {
	nodes []*node
	used  int
}

func (a *arena) take() *node {
	if a.used == len(a.nodes) {
		a.nodes = append(a.nodes, new(node))
	}
	n := a.nodes[a.used]
	a.used++
	*n = node{kids: n.kids[:0]}
	return n
}

// builder assembles one object's tree. The texts of all open elements lie in one buffer, the innermost last, so that text
// in many pieces costs no more than text in one.
type builder struct {
	path   []*node
	starts []int // where in text each open element's begins
	text   []byte
	total  int // bytes of text of the whole object
}

// tree reads the element that has just begun, up to its end.
func (r *reader) tree(start xml.StartElement) (*node, error) {
	r.arena.used = 0
	root := r.node(start)
	b := &r.build
	b.path, b.starts, b.text, b.total = append(b.path[:0], root), append(b.starts[:0], 0), b.text[:0], 0
	for len(b.path) > 0 {
		tok, err := r.xml.Token()
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.CharData:
			b.text, b.total = append(b.text, t...), b.total+len(t)
			if len(b.text) > r.opts.MaxText || b.total > r.opts.MaxObject {
				return nil, r.tooLarge(root, "Die Texte des Objekts sind zu lang.", "The texts of the object are too long.")
			}
		case xml.StartElement:
			if r.arena.used == r.opts.MaxNodes {
				return nil, r.tooLarge(root, "Das Objekt hat mehr als %d Elemente.", "The object has more than %d elements.", r.opts.MaxNodes)
			}
			b.open(r.node(t))
		case xml.EndElement:
			b.close()
		}
	}
	return root, nil
}

func (b *builder) open(n *node) {
	top := b.path[len(b.path)-1]
	top.kids = append(top.kids, n)
	b.path, b.starts = append(b.path, n), append(b.starts, len(b.text))
}

func (b *builder) close() {
	last := len(b.path) - 1
	own := b.text[b.starts[last]:]
	b.path[last].text = string(bytes.TrimSpace(own))
	b.text = b.text[:b.starts[last]]
	b.path, b.starts = b.path[:last], b.starts[:last]
}

func (r *reader) node(e xml.StartElement) *node {
	n := r.arena.take()
	n.name, n.line, n.attrs = e.Name.Local, r.xml.Line(), e.Attr
	return n
}

func (r *reader) tooLarge(n *node, de, en string, args ...any) *Error {
	return &Error{Line: n.line, Object: n.name, Reason: TooLarge, Message: fmt.Sprintf(de, args...), English: fmt.Sprintf(en, args...)}
}

// attr is the value of an attribute, whatever its namespace.
func (n *node) attr(name string) string {
	for _, a := range n.attrs {
		if a.Name.Local == name {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// all are the children of that name.
func (n *node) all(name string) []*node {
	var found []*node
	for _, k := range n.kids {
		if k.name == name {
			found = append(found, k)
		}
	}
	return found
}

// none stands for an element that is missing, so that paths need no checks.
var none = &node{}

// at follows a path of first children; none when it ends early.
func (n *node) at(path ...string) *node {
	for _, name := range path {
		next := none
		for _, k := range n.kids {
			if k.name == name {
				next = k
				break
			}
		}
		n = next
	}
	return n
}

// value is the element's own text without blanks around it: for codes, dates and addresses.
func (n *node) value() string { return n.text }

// code is a code value: in a child "code" as the standard has it, or as the element's own text.
func (n *node) code() string {
	if c := n.at("code").value(); c != "" {
		return c
	}
	return n.value()
}

func (n *node) id() ID {
	return ID{Value: n.value(), AgencyID: n.attr("schemeAgencyID"), SchemeID: n.attr("schemeID")}
}
