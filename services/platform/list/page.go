package list

import (
	"errors"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kompass.krz.de/services/platform/fault"
)

// Options say how the items of one list are keyed and ordered. The zero value suits resources with a name, given in
// ascending byte order of their names.
type Options[T proto.Message] struct {
	// Key is what tells items apart; it must be unique in the list and stable. Default: the field "name".
	Key func(T) string
	// Compare is the order of the keys in which the items are given. Default: byte order. Newest-first lists reverse it.
	Compare func(a, b string) int
	// Ranked says that the items come in an order of their own, best first, which is kept unless order_by is given.
	// Pages then go on by offset, or behind the last item of the page before when it is still there.
	Ranked bool
	// Where leaves items out before filter and count, nil keeps all.
	Where func(T) bool
	// View makes of an item, which it leaves alone, what clients see; the key stays. Only a filter or an order, which read
	// that, make it of all items; else it is made for the page. Where may see either. Default: clients see the items.
	View func(T) T
}

// Page answers one page of items: those that match the request's filter (GetFilter, AIP-160), in the order of its
// order_by (GetOrderBy, AIP-132; ties by key). It returns the page, the token of the next one (empty at the end) and
// how many match in all. Items must not change while it runs. Errors: [fault.InvalidPageToken], [fault.InvalidFilter],
// [fault.InvalidOrder], [fault.InvalidField]. Without filter, order and Where it costs O(page + log items).
func Page[T proto.Message](req Request, items []T, opts Options[T]) (page []T, next string, total int32, err error) {
	cursor, err := Open(req)
	if err != nil {
		return nil, "", 0, err
	}
	q := query[T]{cursor: cursor, items: items, opts: opts}
	if err := q.prepare(req); err != nil {
		return nil, "", 0, err
	}
	if q.searched {
		q.items = opts.view(items)
	}
	var more bool
	var count int
	switch {
	case q.order != nil:
		page, more, count = q.ordered()
	case q.keep == nil:
		page, more, count = q.whole()
	default:
		page, more, count = q.filtered()
	}
	if more {
		next = cursor.Next(q.key(page[len(page)-1]), len(page))
	}
	if !q.searched {
		page = opts.view(page)
	}
	return page, next, int32(count), nil // lists stay far below 2^31
}

// view is what clients see of some items.
func (o Options[T]) view(items []T) []T {
	if o.View == nil {
		return items
	}
	seen := make([]T, len(items))
	for i, item := range items {
		seen[i] = o.View(item)
	}
	return seen
}

type query[T proto.Message] struct {
	cursor  Cursor
	items   []T
	opts    Options[T]
	key     func(T) string
	compare func(a, b string) int
	keep    func(T) bool
	order   *Order

	searched bool // by filter or order
}

// prepare compiles what the request asks for.
func (q *query[T]) prepare(req Request) error {
	var zero T
	md := zero.ProtoReflect().Descriptor()
	if q.key, q.compare = q.opts.Key, q.opts.Compare; q.compare == nil {
		q.compare = strings.Compare
	}
	if q.key == nil {
		if q.key = nameOf[T](md); q.key == nil {
			return fault.New(fault.Internal).Cause(errors.New("list: " + string(md.FullName()) + " needs Options.Key"))
		}
	}
	q.keep = q.opts.Where
	if r, ok := req.(interface{ GetFilter() string }); ok && strings.TrimSpace(r.GetFilter()) != "" {
		filter, err := CompileFilter(r.GetFilter(), md)
		if err != nil {
			return err
		}
		where := q.opts.Where
		q.keep = func(item T) bool {
			return (where == nil || where(item)) && filter.matches(item.ProtoReflect())
		}
		q.searched = true
	}
	if r, ok := req.(interface{ GetOrderBy() string }); ok && strings.TrimSpace(r.GetOrderBy()) != "" {
		order, err := CompileOrder(r.GetOrderBy(), md)
		if err != nil {
			return err
		}
		q.order, q.searched = order, true
	}
	return nil
}

// nameOf reads the field "name", without reflection where the type offers it.
func nameOf[T proto.Message](md protoreflect.MessageDescriptor) func(T) string {
	var zero T
	if _, ok := any(zero).(interface{ GetName() string }); ok {
		return func(item T) string { return any(item).(interface{ GetName() string }).GetName() }
	}
	fd := md.Fields().ByName("name")
	if fd == nil || fd.Kind() != protoreflect.StringKind || fd.IsList() {
		return nil
	}
	return func(item T) string { return item.ProtoReflect().Get(fd).String() }
}

// start is the index of the first item behind the cursor.
func (q *query[T]) start() int {
	if q.cursor.First() {
		return 0
	}
	if q.opts.Ranked || q.cursor.Key == "" {
		// A rank may have moved between two pages; usually it has not, and the offset is the place.
		if i := q.cursor.Offset; i <= len(q.items) && q.key(q.items[i-1]) == q.cursor.Key {
			return i
		}
		if i := q.find(); i >= 0 {
			return i + 1
		}
		return min(q.cursor.Offset, len(q.items))
	}
	i, found := slices.BinarySearchFunc(q.items, q.cursor.Key, func(item T, key string) int {
		return q.compare(q.key(item), key)
	})
	if found {
		i++
	}
	return i
}

// find is the index of the last item of the page before, or -1.
func (q *query[T]) find() int {
	if q.cursor.Key == "" {
		return -1
	}
	if q.opts.Ranked {
		return slices.IndexFunc(q.items, func(item T) bool { return q.key(item) == q.cursor.Key })
	}
	if i, found := slices.BinarySearchFunc(q.items, q.cursor.Key, func(item T, key string) int {
		return q.compare(q.key(item), key)
	}); found {
		return i
	}
	return -1
}

// whole pages through all items.
func (q *query[T]) whole() (page []T, more bool, total int) {
	from := q.start()
	to := min(from+q.cursor.Size, len(q.items))
	return slices.Clip(q.items[from:to]), to < len(q.items), len(q.items)
}

// filtered pages through the items that match, counting all of them.
func (q *query[T]) filtered() (page []T, more bool, total int) {
	from := q.startFiltered()
	for i, item := range q.items {
		if !q.keep(item) {
			continue
		}
		total++
		switch {
		case i < from:
		case len(page) < q.cursor.Size:
			page = append(page, item)
		default:
			more = true
		}
	}
	return page, more, total
}

// startFiltered is start for a list of which only a part counts: there an offset counts the items that match.
func (q *query[T]) startFiltered() int {
	if q.cursor.First() || (!q.opts.Ranked && q.cursor.Key != "") {
		return q.start()
	}
	if i := q.find(); i >= 0 {
		return i + 1
	}
	seen := 0
	for i, item := range q.items {
		if q.keep(item) {
			if seen++; seen > q.cursor.Offset {
				return i
			}
		}
	}
	return len(q.items)
}

// ordered selects the page in one pass, without sorting the whole list.
func (q *query[T]) ordered() (page []T, more bool, total int) {
	compare := func(a, b T) int {
		if c := q.order.compare(a.ProtoReflect(), b.ProtoReflect()); c != 0 {
			return c
		}
		return q.compare(q.key(a), q.key(b))
	}
	limit, skip := q.cursor.Size+1, q.cursor.Offset
	last := q.find()
	if last >= 0 {
		skip = 0
	}
	limit += min(skip, len(q.items))
	best := make([]T, 0, min(limit, len(q.items)))
	for _, item := range q.items {
		if q.keep != nil && !q.keep(item) {
			continue
		}
		total++
		if last >= 0 && compare(item, q.items[last]) <= 0 {
			continue
		}
		best = insert(best, item, limit, compare)
	}
	best = best[min(skip, len(best)):]
	page = best[:min(q.cursor.Size, len(best))]
	return page, len(best) > len(page), total
}

// insert puts item where it belongs in the ascending slice best, which keeps the limit smallest.
func insert[T any](best []T, item T, limit int, compare func(a, b T) int) []T {
	if len(best) == limit {
		if compare(item, best[limit-1]) >= 0 {
			return best
		}
		best = best[:limit-1]
	}
	if len(best) == 0 || compare(item, best[len(best)-1]) >= 0 {
		return append(best, item)
	}
	i, _ := slices.BinarySearchFunc(best, item, compare)
	return slices.Insert(best, i, item)
}
