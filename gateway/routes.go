package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
)

// routes is the tree of all paths, read from the contract's google.api.http rules: the route is known before the work
// starts, for limits, metrics, Allow, and what a query may name.
type routes struct {
	root node
	all  []*route
}

// node is a place in the tree; verbs holds what ends there ("" is the plain path).
type node struct {
	literals map[string]*node
	wildcard *node
	verbs    map[string]*route
}

// route is one path with all its methods.
type route struct {
	pattern   string               // "/v1/municipalities/*/gaps", as in the metrics
	endpoints map[string]*endpoint // by HTTP method
	allow     string               // of the Allow header
	public    bool                 // all of them are
}

// endpoint is one method of a path: of the contract, or a page.
type endpoint struct {
	method string
	page   handler // nil for the contract

	serve     runtime.HandlerFunc            // of grpc-gateway
	rpc       string                         // full name of the gRPC method
	input     protoreflect.MessageDescriptor // its request
	bodyField protoreflect.FieldDescriptor   // the field that is the body; nil when it has none or is the request
	bodyAll   bool                           // the body is the request itself
	upload    bool                           // the body is a file
	download  bool                           // the answer is one
	public    bool                           // everybody may call it: open data
	stream    bool                           // the answer is a stream of events
	params    map[string]*param              // what the query may name, in JSON spelling
	bound     string                         // field that the path fills: "implementation.name"
	from, to  int                            // the segments that fill it

	source  *source // what kept answers depend on; nil when none are kept
	metrics *series // of its answers
}

// addServices adds every method of a file that has a google.api.http rule. serve are grpc-gateway's handlers in the order
// of the file, as its generator registers them: one a rule.
func (t *routes) addServices(file protoreflect.FileDescriptor, serve []runtime.HandlerFunc) error {
	for i := range file.Services().Len() {
		methods := file.Services().Get(i).Methods()
		for j := range methods.Len() {
			rule, _ := proto.GetExtension(methods.Get(j).Options(), annotations.E_Http).(*annotations.HttpRule)
			if rule == nil {
				continue
			}
			for _, binding := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
				if len(serve) == 0 {
					return fmt.Errorf("%s: grpc-gateway has no handler; generate anew", methods.Get(j).FullName())
				}
				if err := t.addBinding(methods.Get(j), binding, serve[0]); err != nil {
					return err
				}
				serve = serve[1:]
			}
		}
	}
	if len(serve) > 0 {
		return fmt.Errorf("%s: grpc-gateway has handlers without a rule; generate anew", file.Path())
	}
	return nil
}

func (t *routes) addBinding(method protoreflect.MethodDescriptor, rule *annotations.HttpRule, serve runtime.HandlerFunc) error {
	verb, template := ruleOf(rule)
	if verb == "" {
		return fmt.Errorf("%s: no usable HTTP method", method.FullName())
	}
	input := method.Input()
	ep := &endpoint{method: verb, rpc: string(method.FullName()), serve: serve, input: input, bodyAll: rule.GetBody() == "*"}
	if name := rule.GetBody(); name != "" && !ep.bodyAll {
		if ep.bodyField = input.Fields().ByName(protoreflect.Name(name)); ep.bodyField == nil {
			return fmt.Errorf("%s: no body field %q", method.FullName(), name)
		}
	}
	file := input.Fields().ByName("file")
	ep.download = method.Output().FullName() == (&httpbody.HttpBody{}).ProtoReflect().Descriptor().FullName()
	everybody, _ := proto.GetExtension(method.Options(), commonv1.E_Public).(bool)
	ep.public = everybody && verb == http.MethodGet
	ep.stream = method.IsStreamingServer()
	ep.upload = ep.bodyAll && file != nil && file.Kind() == protoreflect.BytesKind
	pattern, err := ep.bind(template)
	if err != nil {
		return fmt.Errorf("%s: %w", method.FullName(), err)
	}
	ep.params = paramsOf(ep)
	t.add(pattern, ep)
	return nil
}

// ruleOf takes method and path template out of a rule.
func ruleOf(rule *annotations.HttpRule) (method, template string) {
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, p.Get
	case *annotations.HttpRule_Post:
		return http.MethodPost, p.Post
	case *annotations.HttpRule_Patch:
		return http.MethodPatch, p.Patch
	case *annotations.HttpRule_Put:
		return http.MethodPut, p.Put
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, p.Delete
	}
	return "", ""
}

// bind turns "/v1/{name=themes/*}" into "/v1/themes/*" and notes which segments fill which field.
func (ep *endpoint) bind(template string) (pattern string, err error) {
	before, rest, found := strings.Cut(template, "{")
	if !found {
		return template, nil
	}
	variable, after, closed := strings.Cut(rest, "}")
	if !closed || strings.Contains(after, "{") {
		return "", fmt.Errorf("path %q has not exactly one variable", template)
	}
	name, inner, hasInner := strings.Cut(variable, "=")
	if !hasInner {
		inner = "*"
	}
	ep.bound = name
	ep.from = strings.Count(before, "/") - 1
	ep.to = ep.from + strings.Count(inner, "/") + 1
	return before + inner + after, nil
}

// add puts an endpoint into the tree.
func (t *routes) add(pattern string, ep *endpoint) {
	path, verb, _ := strings.Cut(pattern, ":")
	n := &t.root
	for segment := range strings.SplitSeq(path[1:], "/") {
		n = n.grow(segment)
	}
	r := n.verbs[verb]
	if r == nil {
		r = &route{pattern: pattern, endpoints: map[string]*endpoint{}, public: true}
		if n.verbs == nil {
			n.verbs = map[string]*route{}
		}
		n.verbs[verb] = r
		t.all = append(t.all, r)
	}
	r.endpoints[ep.method] = ep
	r.public = r.public && ep.public
	if ep.method == http.MethodGet {
		r.endpoints[http.MethodHead] = ep
	}
	methods := []string{http.MethodOptions}
	for m := range r.endpoints {
		methods = append(methods, m)
	}
	slices.Sort(methods)
	r.allow = strings.Join(methods, ", ")
}

func (n *node) grow(segment string) *node {
	if segment == "*" {
		if n.wildcard == nil {
			n.wildcard = &node{}
		}
		return n.wildcard
	}
	if n.literals == nil {
		n.literals = map[string]*node{}
	}
	child := n.literals[segment]
	if child == nil {
		child = &node{}
		n.literals[segment] = child
	}
	return child
}

// step goes one segment down, or returns nil. An empty segment fills no wildcard.
func (n *node) step(segment string) *node {
	if child := n.literals[segment]; child != nil {
		return child
	}
	if segment == "" {
		return nil
	}
	return n.wildcard
}

// maxDepth is more segments than any path of the contract has.
const maxDepth = 12

// find returns the route of a path, or nil, and the path's segments without the verb.
func (t *routes) find(path string) (*route, []string) {
	if path == "" || path[0] != '/' || strings.Count(path, "/") > maxDepth {
		return nil, nil
	}
	segments := strings.Split(path[1:], "/")
	n, last := &t.root, len(segments)-1
	for _, segment := range segments[:last] {
		if n = n.step(segment); n == nil {
			return nil, nil
		}
	}
	if i := strings.LastIndexByte(segments[last], ':'); i > 0 {
		if end := n.step(segments[last][:i]); end != nil {
			if r := end.verbs[segments[last][i+1:]]; r != nil && segments[last][i+1:] != "" {
				segments[last] = segments[last][:i]
				return r, segments
			}
		}
	}
	if n = n.step(segments[last]); n == nil {
		return nil, nil
	}
	return n.verbs[""], segments
}

// boundValue is what the path fills its field with: "themes/bildung".
func (x *exchange) boundValue() string {
	return strings.Join(x.segments[x.endpoint.from:x.endpoint.to], "/")
}

// route finds the path and refuses unknown ones, and those that no message of the contract could carry.
func (e *edge) route(next handler) handler {
	return func(x *exchange) {
		if !utf8.ValidString(x.req.URL.Path) {
			x.refuse(reasonInvalidPath, violate("path", reasonInvalidPath, notUTF8DE, notUTF8EN))
			return
		}
		if x.route, x.segments = e.routes.find(x.req.URL.Path); x.route == nil {
			x.refuse(reasonPathUnknown)
			return
		}
		next(x)
	}
}

// checkMethod refuses methods that the path has not, and answers OPTIONS.
func (e *edge) checkMethod(next handler) handler {
	return func(x *exchange) {
		if x.endpoint = x.route.endpoints[x.req.Method]; x.endpoint != nil {
			next(x)
			return
		}
		x.Header().Set("Allow", x.route.allow)
		if x.req.Method == http.MethodOptions {
			x.WriteHeader(http.StatusNoContent)
			return
		}
		x.refuse(reasonMethodNotAllowed)
	}
}
