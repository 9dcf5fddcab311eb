package identity

import (
	"strings"
	"sync"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
)

// access is what a method does to the state.
type access int

const (
	change access = iota // also everything that is not known
	read                 // its google.api.http rule is GET
	public               // a read that the contract calls public: open data
	open                 // health and reflection
)

// accesses remembers what the contract says; it holds registered methods only, so it is bounded.
var accesses sync.Map // full method → access

func accessOf(fullMethod string) access {
	if a, ok := accesses.Load(fullMethod); ok {
		return a.(access)
	}
	service, method, _ := strings.Cut(strings.TrimPrefix(fullMethod, "/"), "/")
	if strings.HasPrefix(service, "grpc.health.v1.") || strings.HasPrefix(service, "grpc.reflection.") {
		return open
	}
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service + "." + method))
	m, isMethod := d.(protoreflect.MethodDescriptor)
	if err != nil || !isMethod {
		return change
	}
	a := accessBy(m.Options())
	accesses.Store(fullMethod, a)
	return a
}

// accessBy is what the options of a method say. Calling a method public opens it only when it reads.
func accessBy(options proto.Message) access {
	rule, ok := proto.GetExtension(options, annotations.E_Http).(*annotations.HttpRule)
	if !ok || !readOnly(rule) {
		return change
	}
	if everybody, _ := proto.GetExtension(options, commonv1.E_Public).(bool); everybody {
		return public
	}
	return read
}

// readOnly tells whether every binding of the rule is a GET.
func readOnly(rule *annotations.HttpRule) bool {
	if rule.GetGet() == "" {
		return false
	}
	for _, more := range rule.GetAdditionalBindings() {
		if more.GetGet() == "" {
			return false
		}
	}
	return true
}
